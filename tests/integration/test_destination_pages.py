"""How destinations do, as programs and people with a browser see it, and one that is enabled again."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from acting import ALERT, DEPLOY, Stage
from click.testing import CliRunner
from flask.testing import FlaskClient
from listener import Listener, Reply
from reading_app import client_of
from sqlalchemy import Engine, update

from app.cli import main
from app.domain.told import Notice
from app.outbound import Door, Url
from app.sinks.slack import Slack
from app.store import deliveries, schema
from app.store.engine import now_ns, writing
from app.usecases.destinations import disable
from app.usecases.tell_notice import tell_notice

CONFIG = """\
triggers: {web: {kind: webhook, url: "http://127.0.0.1:9/"}, never: {kind: webhook, url: "http://127.0.0.1:9/"}}
channels: {ops: {kind: webhook, url: "http://127.0.0.1:9/"}}
"""
LEASE_NS = 60 * 10**9


@pytest.fixture
def client(engine: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    (tmp_path / "tagtrail.yml").write_text(CONFIG)
    with client_of(monkeypatch, tmp_path, database_url) as made:
        yield made


@pytest.fixture
def stage(engine: Engine) -> Iterator[Stage]:
    """With twelve deploys that are due."""
    with Listener() as listener, Door() as door:
        stage = Stage(engine, door, listener)
        for number in range(12):
            stage.happen(tag=f"v{number}")
        stage.fan_out()
        yield stage


def line(client: FlaskClient, name: str = DEPLOY) -> dict[str, Any]:
    answer = client.get(f"/api/v1/destinations/{name}")
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json())


def counts(client: FlaskClient) -> tuple[str, int, int, int]:
    found = line(client)
    return found["state"], found["in_flight"], found["waiting"], found["dead"]


def test_all_are_listed_in_the_order_of_the_configuration(client: FlaskClient) -> None:
    found = client.get("/api/v1/destinations").get_json()
    assert [one["name"] for one in found["items"]] == [DEPLOY, "trigger:never", "channel:ops"]
    assert found["next"] is None
    assert line(client, "trigger:never") == {
        "name": "trigger:never", "state": "open", "since": None, "reason": None, "failures": 0, "failing_since": None,
        "next_try": None, "in_flight": 0, "waiting": 0, "dead": 0,
    }  # fmt: skip
    assert client.get("/api/v1/destinations/trigger:other").status_code == 404


def test_what_waits_what_is_tried_and_what_was_given_up(client: FlaskClient, stage: Stage) -> None:
    assert counts(client) == ("open", 0, 12, 0)
    with writing(stage.engine) as connection:
        claimed = deliveries.claim(connection, DEPLOY, now_ns(connection), LEASE_NS, 3)
    assert counts(client) == ("open", 3, 9, 0)
    with writing(stage.engine) as connection:
        connection.execute(update(schema.deliveries).values(leased_until_ns=0))
    stage.listener.reply(Reply(410))
    assert len(claimed) == 3
    stage.deliver()
    assert counts(client) == ("disabled", 0, 4, 8)
    found = line(client)
    assert found["reason"] == "it wants no more: HTTP 410"
    assert found["since"] is not None


def test_one_that_backs_off_says_when_it_is_tried_next(client: FlaskClient, stage: Stage) -> None:
    stage.listener.reply(Reply(503))
    stage.deliver()
    found = line(client)
    assert (found["state"], found["failures"], found["reason"]) == ("backing off", 1, "HTTP 503")
    assert found["next_try"] > found["since"] == found["failing_since"]
    page = client.get("/destinations").text
    assert "0 in flight · 12 waiting · 0 dead" in page
    assert "next try" in page
    assert "Enable" not in client.get(f"/destinations/{DEPLOY}").text


def test_programs_disable_and_enable(client: FlaskClient, stage: Stage) -> None:
    say = {"Content-Type": "application/json"}
    address = f"/api/v1/destinations/{DEPLOY}"
    assert client.post(f"{address}/disable?reason=a%20move", headers=say).get_json() == {"name": DEPLOY}
    assert line(client)["reason"] == "by loopback: a move"
    assert stage.deliver() == 0
    assert client.post(f"{address}/enable", headers=say).status_code == 202
    assert stage.deliver() == 12
    assert line(client)["state"] == "open"
    assert client.post("/api/v1/destinations/trigger:other/enable", headers=say).status_code == 404


def test_people_enable_on_a_page_that_asks_first(client: FlaskClient, stage: Stage) -> None:
    disable(stage.engine, DEPLOY, "os:alice", "<b>")
    assert f'href="/destinations/{DEPLOY.replace(":", "%3A")}"' in client.get("/destinations").text
    page = client.get(f"/destinations/{DEPLOY}").text
    assert "Enable it?" in page
    assert "what else waits (12)" in page
    assert "by os:alice: &lt;b&gt;" in page
    address = f"/destinations/{DEPLOY}/enable"
    assert client.post(address, data={}).status_code == 403, "a page of another site has no proof"
    assert line(client)["state"] == "disabled"
    proof = re.search(r'name="csrf" value="([^"]+)"', page)
    assert proof is not None
    assert client.post(address, data={"csrf": proof[1]}).status_code == 303
    assert line(client)["state"] == "backing off"
    assert stage.deliver() == 12


def test_a_notice_says_that_it_is_one_where_others_name_their_rule(client: FlaskClient, stage: Stage) -> None:
    chat = Slack(stage.door, Url.parse(stage.listener.url))
    with writing(stage.engine) as connection:
        now = now_ns(connection)
        tell_notice(connection, {ALERT: chat}, Notice("destination.disabled", DEPLOY, "is disabled", now, None), "so")
    (found,) = [row.id for row in stage.deliveries() if row.destination == ALERT]
    for page in (client.get("/deliveries").text, client.get(f"/deliveries/{found}").text):
        assert "a notice of Tagtrail&#39;s own" in page
    assert "What it tells" not in client.get(f"/deliveries/{found}").text
    assert "rule web" in client.get("/deliveries").text
    for command in (["deliveries"], ["deliveries", found]):
        assert "a notice of Tagtrail's own" in CliRunner().invoke(main, command).output, command

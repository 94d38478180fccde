"""Pauses, approvals and redeploys, as programs and people with a browser do them."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from acting import ALERT, DEPLOY, MAX_AGE_NS, Stage, rule
from builders import A, B
from flask.testing import FlaskClient
from listener import Listener
from reading_app import client_of
from sqlalchemy import Engine
from system import wait_until
from werkzeug.test import TestResponse

from app.bootstrap import reloading
from app.domain.access import AccessScope, Role
from app.outbound import Door
from app.store import actions, outbox
from app.store.engine import now_ns, reading
from app.usecases import tokens
from app.usecases.tokens import NewToken

CONFIG = """\
triggers: {web: {kind: webhook, url: "http://127.0.0.1:9/", settle: 0s}}
channels: {ops: {kind: webhook, url: "http://127.0.0.1:9/"}}
rules:
  - {name: web, when: {repository: "shop/*", registry: registry.example:5000}, deploy: [web], alert: [ops], approve: 4h}
  - {name: rests, when: {repository: "other/*", registry: registry.example:5000}, deploy: [web], paused: true}
"""
JSON = {"Content-Type": "application/json"}
WHERE = "registry=registry.example:5000&repository=shop/web&tag=stable"


@pytest.fixture
def client(engine: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    (tmp_path / "tagtrail.yml").write_text(CONFIG)
    with client_of(monkeypatch, tmp_path, database_url, TAGTRAIL_HOST="192.0.2.1") as made:
        yield made


@pytest.fixture
def stage(engine: Engine) -> Iterator[Stage]:
    """With one deploy that waits for approval, and people who were told."""
    with Listener() as listener, Door() as door:
        stage = Stage(engine, door, listener, rules=[replace(rule(alert=True), approve_ns=MAX_AGE_NS)])
        stage.happen(1, digest=A)
        stage.fan_out()
        stage.deliver(DEPLOY)
        stage.deliver(ALERT)
        yield stage


def test_the_pages_follow_the_rules(
    client: FlaskClient, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another configuration needs no restart (issue 4)."""
    monkeypatch.setattr(reloading, "EVERY_S", 0.02)
    headers, pause = token(engine), "/api/v1/pauses?scope=rule:fresh"
    assert client.post(pause, headers=headers).status_code == 400
    (tmp_path / "tagtrail.yml").write_text(CONFIG.replace("rests", "fresh"))

    def rules() -> bool:
        return "fresh" in client.get("/pauses", headers=headers).text

    wait_until("the page with the new rule", rules)
    assert "rests" not in client.get("/pauses", headers=headers).text
    assert client.post(pause, headers=headers).status_code == 202


def test_a_redeploy_follows_the_rules(
    client: FlaskClient, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reloading, "EVERY_S", 0.02)
    headers = token(stage.engine)
    (tmp_path / "tagtrail.yml").write_text(CONFIG.replace("name: web,", "name: web2,"))

    def leads() -> list[str]:
        answer = client.post(f"/api/v1/redeploy?{WHERE}&digest={A}&dry_run=true", headers=headers)
        return [send["rule"] for send in answer.get_json()["sends"]]

    wait_until("a plan by the new rule", lambda: leads() == ["web2"])
    assert "web2" in client.get(f"/redeploy?{WHERE}&digest={A}", headers=headers).text


def token(engine: Engine, role: Role = Role.DEPLOY, *globs: str) -> dict[str, str]:
    name = f"{role.value}-{len(globs)}"
    scope = AccessScope.parse(globs) if globs else AccessScope(None)
    secret = tokens.issue(engine, NewToken(name, role, scope), "os:alice")
    return {"Authorization": f"Bearer {secret}", "Host": "192.0.2.1"}


def done(engine: Engine, verb: str) -> list[tuple[str, str]]:
    with reading(engine) as connection:
        return [(one.actor, one.subject) for one in actions.all_of(connection, verb)]


def items(client: FlaskClient, path: str, who: dict[str, str]) -> Any:
    answer = client.get(f"/api/v1/{path}", headers=who)
    assert answer.status_code == 200, answer.text
    return answer.get_json()["items"]


def link_in(stage: Stage) -> str:
    found = [re.search(r"/approve/[\w-]+", heard.body.decode()) for heard in stage.told("/chat")]
    return next(link[0] for link in found if link)


def form(client: FlaskClient, address: str, fields: dict[str, str], who: dict[str, str], to: str = "") -> TestResponse:
    """Load a page and send its form, as a browser does."""
    page = client.get(address, headers=who)
    assert page.status_code == 200, page.text
    proof = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert proof is not None
    bare = {name: value for name, value in who.items() if name == "Host"} | {"Origin": f"http://{who['Host']}"}
    basic = {"Authorization": who["Authorization"]} if "Authorization" in who else {}
    return client.post(to or address, data=fields | {"csrf": proof[1]}, headers=bare | basic)


# Pauses


def test_a_program_pauses_and_resumes(client: FlaskClient, engine: Engine) -> None:
    who = token(engine)
    answer = client.post("/api/v1/pauses?scope=rule:web&until=2h&reason=cluster", headers=who)
    assert (answer.status_code, answer.get_json()) == (202, {"scope": "rule:web"})
    (line,) = items(client, "pauses", who)
    assert (line["scope"], line["actor"], line["reason"]) == ("rule:web", "token:deploy-0", "cluster")
    assert client.delete("/api/v1/pauses?scope=rule:web", headers=who).status_code == 202
    assert items(client, "pauses", who) == []
    assert done(engine, "pause") == done(engine, "resume") == [("token:deploy-0", "rule:web")]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("scope=rule:wep", "did you mean 'rule:web'?"),
        ("scope=everything&until=yesterday", "until: no time to come"),
        ("scope=everything&untl=2h", "did you mean 'until'?"),
        ("", "scope: is missing"),
    ],
)
def test_what_can_not_be_paused(client: FlaskClient, engine: Engine, query: str, says: str) -> None:
    answer = client.post(f"/api/v1/pauses?{query}", headers=token(engine))
    assert answer.status_code == 400
    assert says in answer.get_json()["detail"]


def test_who_may_not_pause(client: FlaskClient, engine: Engine) -> None:
    everything = "/api/v1/pauses?scope=everything"
    assert client.post(everything, headers=token(engine, Role.READ)).status_code == 403
    scoped = token(engine, Role.DEPLOY, "registry.example:5000/shop/*")
    assert client.post(everything, headers=scoped).status_code == 403
    assert client.delete(everything, headers=scoped).status_code == 403
    assert client.post(everything, headers={"Host": "192.0.2.1"}).status_code == 401
    assert done(engine, "pause") == []


def test_people_pause_on_a_page(client: FlaskClient, engine: Engine) -> None:
    who = token(engine)
    page = client.get("/pauses", headers=who).text
    assert "Nothing is paused here." in page
    assert "The configuration pauses rule rests." in page
    sent = form(client, "/pauses", {"scope": "trigger:web", "until": "", "reason": "<b>"}, who)
    assert sent.status_code == 303
    page = client.get("/pauses", headers=who).text
    assert 'aria-label="Resume trigger:web"' in page
    assert "&lt;b&gt;" in page
    assert form(client, "/pauses", {"scope": "trigger:web"}, who, "/pauses/resume").status_code == 303
    assert "Nothing is paused here." in client.get("/pauses", headers=who).text


# Approvals


def test_a_program_approves_what_it_may_see(client: FlaskClient, engine: Engine, stage: Stage) -> None:
    stranger = token(engine, Role.DEPLOY, "registry.example:5000/other/*", "a/b")
    who = token(engine, Role.DEPLOY, "registry.example:5000/shop/*")
    (line,) = items(client, "approvals", who)
    assert (line["digest"], line["destination"], line["decision"]) == (A, DEPLOY, None)
    address = f"/api/v1/approvals/{line['id']}/approve?reason=fine"
    assert items(client, "approvals", stranger) == []
    assert client.post(address, headers=stranger).status_code == 404
    assert client.post(address, headers=token(engine, Role.READ)).status_code == 403
    assert client.post(address, headers=who).status_code == 202
    assert client.post(address, headers=who).status_code == 409
    assert stage.deliver() == 1
    assert items(client, "approvals", who) == []
    (line,) = items(client, "approvals?all=true", who)
    assert (line["decision"], line["actor"], line["note"]) == ("approved", "token:deploy-1", "fine")


def test_people_reject_on_a_page(client: FlaskClient, engine: Engine, stage: Stage) -> None:
    who = token(engine)
    (line,) = items(client, "approvals", who)
    assert f"/approvals/{line['id']}" in client.get("/approvals", headers=who).text
    address = f"/approvals/{line['id']}"
    assert client.get(address, headers=token(engine, Role.READ)).text.count("<button") == 0
    sent = form(client, address, {"decision": "reject", "reason": "no"}, who)
    assert sent.status_code == 303
    stage.deliver()
    assert stage.told() == []
    assert "rejected by token:deploy-0" in client.get(address, headers=who).text
    assert done(engine, "approval.rejected") == [("token:deploy-0", line["id"])]


def test_a_link_needs_no_sign_in_and_looking_decides_nothing(client: FlaskClient, engine: Engine, stage: Stage) -> None:
    nobody = {"Host": "192.0.2.1"}
    for _ in range(3):
        page = client.get(link_in(stage), headers=nobody)
        assert page.status_code == 200
    assert A in page.text
    assert page.headers["Cache-Control"].startswith("no-store") or "no-store" in page.headers["Cache-Control"]
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert done(engine, "approval.approved") == []
    assert client.post(link_in(stage), data={"decision": "approve"}, headers=nobody).status_code == 403
    sent = form(client, link_in(stage), {"decision": "approve"}, nobody)
    assert sent.status_code == 200
    assert "approved by approval-link" in sent.text
    assert stage.deliver() == 1
    (line,) = items(client, "approvals?all=true", token(engine))
    assert done(engine, "approval.approved") == [("approval-link", line["id"])]


def test_a_link_decides_once(client: FlaskClient, stage: Stage) -> None:
    nobody = {"Host": "192.0.2.1"}
    page = client.get(link_in(stage), headers=nobody).text
    proof = re.search(r'name="csrf" value="([^"]+)"', page)
    assert proof is not None
    said = {"csrf": proof[1], "decision": "reject"}
    assert client.post(link_in(stage), data=said, headers=nobody).status_code == 200
    again = client.post(link_in(stage), data=said | {"decision": "approve"}, headers=nobody)
    assert again.status_code == 409
    assert "<button" not in client.get(link_in(stage), headers=nobody).text
    stage.deliver()
    assert stage.told() == []


@pytest.mark.parametrize("secret", ["x", "A" * 43, "%00", "é"])
def test_another_link_shows_nothing(client: FlaskClient, stage: Stage, secret: str) -> None:
    answer = client.get(f"/approve/{secret}", headers={"Host": "192.0.2.1"})
    assert answer.status_code == 404
    assert A not in answer.text
    assert "no-store" in answer.headers["Cache-Control"]


# The way back


def test_a_program_redeploys(client: FlaskClient, engine: Engine, stage: Stage) -> None:
    stage.happen(digest=B)
    who = token(engine)
    tried = client.post(f"/api/v1/redeploy?{WHERE}&digest={A}&dry_run=true", headers=who)
    assert tried.status_code == 202
    assert done(engine, "redeploy") == []
    answer = client.post(f"/api/v1/redeploy?{WHERE}&digest={A}", headers=who).get_json()
    assert (answer["digest"], [send["destination"] for send in answer["sends"]]) == (A, ["trigger:web"])
    assert done(engine, "redeploy") == [("token:deploy-0", "registry.example:5000/shop/web:stable")]
    with reading(engine) as connection:
        assert "redeploy:" in outbox.due_lanes(connection, now_ns(connection))


@pytest.mark.parametrize("which", ["", f"&digest={A}&as_of=1h", "&digest=abc", "&as_of=soon"])
def test_a_redeploy_that_does_not_say_of_what(client: FlaskClient, engine: Engine, stage: Stage, which: str) -> None:
    assert client.post(f"/api/v1/redeploy?{WHERE}{which}", headers=token(engine)).status_code == 400
    assert done(engine, "redeploy") == []


def test_a_page_asks_before_it_redeploys(client: FlaskClient, engine: Engine, stage: Stage) -> None:
    who = token(engine)
    page = client.get(f"/tag?{WHERE}", headers=who).text
    assert f"<option>{A}</option>" in page
    address = f"/redeploy?{WHERE}&digest={A}"
    assert "trigger:web" in client.get(address, headers=who).text
    assert done(engine, "redeploy") == []
    fields = dict(part.split("=") for part in WHERE.split("&")) | {"digest": A}
    sent = form(client, address, fields, who, "/redeploy")
    assert sent.status_code == 200
    assert "It goes within a second." in sent.text
    assert len(done(engine, "redeploy")) == 1
    assert "<button" not in client.get(address, headers=token(engine, Role.READ)).text

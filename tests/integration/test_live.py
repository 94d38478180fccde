"""The live timeline's stream: what is written is told once, in order, with the page's own filters (issue 3, item 9)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import HOST, B, C, an_event, take_in
from flask.testing import FlaskClient
from reading_app import client_of
from sqlalchemy import Engine

from app.domain.access import AccessScope
from app.store.engine import reading
from app.store.queries import changes
from app.store.queries.changes import ChangeFilter
from app.web import live


@pytest.fixture
def client(engine: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    monkeypatch.setattr(live, "LOOK_EVERY_S", 0.001)
    monkeypatch.setattr(live, "LASTS_S", 0.05)
    with client_of(monkeypatch, tmp_path, database_url) as made:
        yield made


def heard(client: FlaskClient, query: str = "after=0", **headers: str) -> list[tuple[str, str]]:
    """(id, row) of each change that a stream tells until it ends."""
    answer = client.get(f"/live?{query}", headers=headers)
    assert (answer.status_code, answer.mimetype) == (200, "text/event-stream"), answer.text
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.text.startswith("retry: 2000\n\n")
    return [_told(block) for block in answer.text.split("\n\n")[1:] if block and not block.startswith(":")]


def _told(block: str) -> tuple[str, str]:
    fields = dict(line.split(": ", 1) for line in block.split("\n"))
    assert fields["event"] == "change"
    return fields["id"], json.loads(fields["data"])["row"]


def test_what_is_written_is_told_in_order_and_goes_on_where_it_was(client: FlaskClient, engine: Engine) -> None:
    take_in(engine, an_event(second=10), an_event(second=20, digest=B))
    assert [seq for seq, _row in heard(client)] == ["1", "2"]
    assert [seq for seq, _row in heard(client, "after=1")] == ["2"]
    take_in(engine, an_event(second=15, digest=C))
    again = heard(client, "after=0", **{"Last-Event-ID": "2"})
    assert [seq for seq, _row in again] == ["3", "3"], "the late change, and the one whose before it altered"
    assert heard(client, "") == [], "without a place, from now on"


def test_only_what_the_page_shows_is_told(client: FlaskClient, engine: Engine) -> None:
    take_in(engine, an_event(second=1), an_event(second=2, tag="old"), an_event(second=3, repository="team/tools"))
    for query, expected in (
        ("tag=old", ["2"]), ("repository=team/tools", ["3"]), (f"registry={HOST}&kind=created", ["1", "2", "3"]),
        ("kind=moved", []), ("since=2026-05-09T09:46:42Z", ["2", "3"]),
    ):
        assert [seq for seq, _row in heard(client, f"after=0&{query}")] == expected, query


def test_who_has_a_scope_hears_only_what_is_in_it(engine: Engine) -> None:
    take_in(engine, an_event(second=1), an_event(second=2, repository="secret/vault"), an_event(second=3, tag="next"))
    scope = AccessScope.parse([f"{HOST}/shop/*"])
    with reading(engine) as connection:
        until, found = changes.altered(connection, scope, ChangeFilter(), 0, 2)
        assert (until, [seq for seq, _line in found]) == (2, [1])
        until, found = changes.altered(connection, scope, ChangeFilter(), until, 2)
        assert (until, [seq for seq, _line in found]) == (3, [3]), "what is not for them is passed, not waited for"


def test_a_row_is_the_one_of_the_page_and_hostile_text_is_text(client: FlaskClient, engine: Engine) -> None:
    take_in(engine, an_event(actor="<script>\r\n\r\ndata: x\u202e"))
    ((_seq, row),) = heard(client)
    assert row.strip() in client.get("/").text
    assert "&lt;script&gt;\\u000d\\u000a" in row


def test_a_page_names_the_place_from_which_it_is_live(client: FlaskClient, engine: Engine) -> None:
    take_in(engine, an_event(), an_event(action="pull"))
    assert 'data-live="/live?tag=stable&amp;limit=5&amp;after=2"' in client.get("/?tag=stable&limit=5").text
    assert "data-live" not in client.get("/?until=2026-05-10").text


def test_streams_are_few_and_given_back(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LASTS_S", 5)
    open_ones: list[Any] = [client.get("/live") for _ in range(live.MOST_STREAMS)]
    refused = client.get("/live")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "30")
    for one in open_ones:
        one.close()
    again = client.get("/live")
    assert again.status_code == 200
    again.close()


@pytest.mark.parametrize("query", ["after=-1", "after=x", "after=99999999999999999999", "kind=none", "nothing=1"])
def test_a_wrong_parameter_is_named(client: FlaskClient, query: str) -> None:
    assert client.get(f"/live?{query}").status_code == 400


@pytest.mark.parametrize("seen", ["x", "-1", "9" * 30, "１"])
def test_a_strange_place_is_passed_over(client: FlaskClient, seen: str) -> None:
    assert heard(client, "", **{"Last-Event-ID": seen.encode().decode("latin-1")}) == []

"""`/api/v1/`: what it answers, and how it refuses."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import HOST, A, B, add_delivery, an_event, envelope, moment, take_in, try_delivery
from flask.testing import FlaskClient
from reading_app import client_of
from sqlalchemy import Engine

from app.envelopes import Received
from app.store import deliveries as delivered
from app.store import quarantine as quarantined
from app.store.engine import writing
from app.usecases.ingest import reject

HOSTILE = 'a<b>"\x00\x1b[31m\u202e\r\nSet-Cookie: x=y\ud800'


@pytest.fixture
def client(engine: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    take_in(
        engine,
        an_event(second=10),
        an_event(second=20, digest=B, actor="bob"),
        an_event(second=30, tag="next", actor=HOSTILE),
    )
    with client_of(monkeypatch, tmp_path, database_url) as made:
        yield made


def get(client: FlaskClient, path: str, **query: str) -> Any:
    answer = client.get(f"/api/v1/{path}", query_string=query)
    assert answer.status_code == 200, answer.text
    assert answer.mimetype == "application/json"
    return answer.json


def refused(client: FlaskClient, path: str, status: int = 400) -> dict[str, Any]:
    answer = client.get(f"/api/v1/{path}")
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json"), answer.text
    found: dict[str, Any] = json.loads(answer.text)
    return found


def test_events(client: FlaskClient) -> None:
    found = get(client, "events", repository="shop/web", tag="stable")
    assert found["next"] is None
    newest = found["items"][0]
    assert newest["time"] == "2026-05-09T09:47:00.000000000Z"
    assert (newest["registry"], newest["digest"], newest["actor"], newest["flags"]) == (HOST, B, "bob", [])
    assert not [name for item in found["items"] for name in item if name.endswith("_ns") or name == "raw"]


def test_the_pages_of_a_list_join(client: FlaskClient) -> None:
    first = get(client, "changes", limit="2")
    second = get(client, "changes", limit="2", cursor=first["next"])
    assert [item["tag"] for item in first["items"] + second["items"]] == ["next", "stable", "stable"]
    assert second["next"] is None


def test_the_bytes_of_an_event(client: FlaskClient, engine: Engine) -> None:
    told = an_event(second=99, actor="zoë")
    take_in(engine, told)
    seq = get(client, "events", limit="1")["items"][0]["seq"]
    answer = client.get(f"/api/v1/events/{seq}/raw")
    assert answer.data == json.dumps(told).encode()
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    refused(client, "events/999/raw", 404)


def test_tags_and_the_moment(client: FlaskClient) -> None:
    assert [(item["tag"], item["digest"]) for item in get(client, "tags")["items"]] == [("next", A), ("stable", B)]
    stable = {"registry": HOST, "repository": "shop/web", "tag": "stable"}
    then = get(client, "tags/at", **stable, at="2026-05-09T09:46:55Z")
    assert (then["state"], then["digest"], then["change"]["actor"]) == ("present", A, "alice")
    assert (then["since"], then["until"]) == ("2026-05-09T09:46:50.000000000Z", "2026-05-09T09:47:00.000000000Z")
    assert get(client, "tags/at", **stable)["state"] in ("present", "not-known"), "now is the default"
    refused(client, f"tags/at?registry={HOST}&repository=shop/web&tag=never", 404)
    assert refused(client, "tags/at?registry=x&repository=y")["parameter"] == "tag"


def test_a_digest(client: FlaskClient) -> None:
    found = get(client, f"digests/{A}")
    assert found["first_push"]["actor"] == "alice"
    assert [item["tag"] for item in found["tags_now"]["items"]] == ["next"]
    assert [(item["tag"], item["until"]) for item in found["periods"]["items"]] == [
        ("next", None), ("stable", "2026-05-09T09:47:00.000000000Z"),
    ]
    assert found["repositories"] == [{"registry": HOST, "repository": "shop/web"}]
    refused(client, f"digests/sha256:{'0' * 64}", 404)
    assert "not a digest" in refused(client, "digests/sha256:abc")["detail"]


def test_deliveries(client: FlaskClient, engine: Engine) -> None:
    add_delivery(engine, "msg_1", 40)
    add_delivery(engine, "msg_2", 50, destination="channel:ops", purpose="alert", tag=None)
    try_delivery(engine, "trigger:web", 41, (503, "HTTP 503", b"no \xff"))
    try_delivery(engine, "trigger:web", 141, (200, "HTTP 200", b"ok"))
    with writing(engine) as connection:
        delivered.copy(connection, "msg_1", "msg_3", moment(60), moment(900))
        delivered.copy(connection, "msg_3", "msg_4", moment(70), moment(900))
    found = get(client, "deliveries")["items"]
    assert [item["id"] for item in found] == ["msg_4", "msg_3", "msg_2", "msg_1"]
    first = found[3]
    assert (first["status"], first["attempts"], first["last_attempt"]["answer"]) == ("delivered", 2, "ok")
    assert found[0]["tells"] == found[1]["tells"] == first["tells"], "a copy tells what the first one told"
    assert first["tells"][0]["after"] == B
    assert [item["id"] for item in get(client, "deliveries", status="delivered")["items"]] == ["msg_1"]
    assert [item["id"] for item in get(client, "deliveries", destination="channel:ops")["items"]] == ["msg_2"]
    assert [item["id"] for item in get(client, "deliveries", since="2026-05-09T09:47:45Z")["items"]] == ["msg_4"]
    one = get(client, "deliveries/msg_1")
    assert one["body"] == '{"type":"tag.moved"}'
    assert [(item["status"], item["answer"], item["duration_ns"]) for item in one["attempts"]] == [
        (503, "no \\xff", 12_345_678), (200, "ok", 12_345_678),
    ]
    refused(client, "deliveries/none", 404)


def test_the_quarantine(client: FlaskClient, engine: Engine) -> None:
    entry = reject("prod", Received(b"\xff<html>"), moment(1), ("unreadable", "not UTF-8: byte 0"))
    with writing(engine) as connection:
        quarantined.add(connection, [entry])
    (item,) = get(client, "quarantine")["items"]
    assert (item["id"], item["length"], "body" in item) == (entry.id, 7, False)
    assert get(client, f"quarantine/{entry.id}")["body"] == "\\xff<html>"
    answer = client.get(f"/api/v1/quarantine/{entry.id}/raw")
    assert answer.data == b"\xff<html>"
    assert answer.headers["Content-Disposition"] == "attachment"
    refused(client, "quarantine/none", 404)
    refused(client, "quarantine/none/raw", 404)


@pytest.mark.parametrize(
    ("path", "parameter", "says"),
    [
        ("events?repo=shop/web", "repo", "did you mean 'repository'?"),
        ("events?zzz=1", "zzz", "known are action, actor, cursor"),
        ("events?limit=0", "limit", "greater than or equal to 1"),
        ("events?limit=1001", "limit", "less than or equal to 1000"),
        ("events?limit=ten", "limit", "integer"),
        ("events?tag=", "tag", "at least 1 character"),
        ("events?tag=a&tag=b", "tag", "more than once"),
        ("events?digest=abc", "digest", "not a digest"),
        ("events?since=yesterday", "since", "write 2026-03-01"),
        ("events?cursor=xx", "cursor", "take it from `next`"),
        ("changes?kind=renamed", "kind", "'created', 'moved'"),
        ("changes?void=maybe", "void", "boolean"),
        ("tags?since=2h", "since", "is no parameter here"),
        ("deliveries?status=lost", "status", "'pending', 'delivered'"),
        ("deliveries/x?limit=1", "limit", "is no parameter here"),
        (f"digests/{A}?limit=0", "limit", "greater than"),
        (f"events?since={'9' * 5000}d", "since", ""),
    ],
)
def test_a_wrong_parameter_is_named(client: FlaskClient, path: str, parameter: str, says: str) -> None:
    found = refused(client, path)
    assert found["parameter"] == parameter
    assert found["detail"].startswith(f"{parameter}: ")
    assert says in found["detail"]


@pytest.mark.parametrize("since", ["0001-01-01", "9999-12-31", "99999999999w"])
def test_moments_beyond_what_is_stored(client: FlaskClient, since: str) -> None:
    expected = 0 if since == "9999-12-31" else 3
    assert len(get(client, "events", since=since)["items"]) == expected
    assert get(client, "tags/at", registry=HOST, repository="shop/web", tag="next", at=since)["state"]


def test_hostile_text_arrives_as_json_escapes(client: FlaskClient) -> None:
    answer = client.get("/api/v1/events?tag=next")
    assert answer.text.isascii()
    assert not [letter for letter in answer.text if ord(letter) < 32 or ord(letter) == 127]
    (item,) = json.loads(answer.text)["items"]
    assert item["actor"] == 'a<b>"\\u0000\x1b[31m\u202e\r\nSet-Cookie: x=y\\ud800'


@pytest.mark.parametrize("name", ["registry", "repository", "tag", "actor", "action", "origin"])
def test_hostile_questions_find_nothing(client: FlaskClient, name: str) -> None:
    assert get(client, "events", **{name: "%00\x00\x1b'\"<>\u202e"})["items"] == []


def test_one_finds_hostile_text_as_it_was_sent(client: FlaskClient) -> None:
    assert len(get(client, "events", actor=HOSTILE.replace("\ud800", "\\ud800"))["items"]) == 1


@pytest.mark.parametrize("path", ["/api/v1/deliveries/%00", "/api/v1/quarantine/%00", "/api/v1/digests/%00"])
def test_hostile_paths(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code in (400, 404)


def test_headers(client: FlaskClient) -> None:
    for path in ("/api/v1/events", "/api/v1/events?limit=0"):
        headers = client.get(path).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_an_envelope_is_read_back(client: FlaskClient, engine: Engine) -> None:
    """What the receiver's dialect took in and what the API gives out is the same event."""
    told = an_event(second=70, repository="round/trip")
    take_in(engine, told)
    (item,) = get(client, "events", repository="round/trip")["items"]
    assert json.loads(envelope(told))["events"][0]["id"] == item["event_id"]
    assert (item["request_addr"], item["user_agent"]) == (told["request"]["addr"], told["request"]["useragent"])

"""`POST /hooks/<origin>` on both databases: answered at once, and never no (decisions 1 to 5)."""

import hashlib
import json
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import HOST, POLICY, PROD, A, B, an_event, envelope, moment
from envelopes_on_disk import GENERATIONS, body, names
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from postgres import Postgres
from reading_app import client_of
from sqlalchemy import Engine, Row, select
from werkzeug.test import TestResponse

from app.domain.text import storable
from app.domain.times import SECOND_NS
from app.envelopes import Reading, Received, parse
from app.store import engine as engines
from app.store import schema
from app.store.engine import make_engine, reading
from app.store.migrate import upgrade
from app.usecases import ingest
from app.usecases.ingest import Parcel
from app.web import receiver

SECRET = "s3cret-of-prod"
CONFIG = """
origins:
  prod:
    kind: distribution
    registries: ["registry.example:5000", mirror.example]
    auth: {bearer: "${env:PROD_SECRET}"}
  lab: {kind: distribution, insecure: a lab without secrets}
"""
PROOF = {"Authorization": f"Bearer {SECRET}"}
V2 = "application/vnd.docker.distribution.events.v2+json"


@pytest.fixture
def client(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    (tmp_path / "tagtrail.yml").write_text(CONFIG)
    with client_of(monkeypatch, tmp_path, database_url, PROD_SECRET=SECRET) as made:
        yield made


def tell(client: FlaskClient, content: bytes, path: str = "/hooks/prod", **headers: str) -> TestResponse:
    return client.post(path, data=content, headers={"Content-Type": V2, **PROOF, **headers})


def taken(client: FlaskClient, content: bytes, path: str = "/hooks/prod", **headers: str) -> dict[str, Any]:
    answer = tell(client, content, path, **headers)
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def rows(engine: Engine, name: str, order: str) -> list[Row[Any]]:
    table = schema.metadata.tables[name]
    with reading(engine) as connection:
        return list(connection.execute(select(table).order_by(table.c[order])))


def events(engine: Engine) -> list[Row[Any]]:
    return rows(engine, "events", "seq")


def quarantined(engine: Engine) -> list[Row[Any]]:
    return rows(engine, "quarantine", "received_ns")


def tally(engine: Engine, origin: str = "prod") -> tuple[int, int, int]:
    (row,) = [row for row in rows(engine, "origins", "name") if row.name == origin]
    return row.events, row.repeats, row.quarantined


# Who may tell


def test_an_unknown_origin_is_told_so(client: FlaskClient, engine: Engine) -> None:
    answer = tell(client, envelope(an_event()), "/hooks/nobody")
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
    assert "tagtrail origin add" in answer.get_json()["detail"]
    assert events(engine) == []


NO_PROOF = [
    "", "Bearer", "Bearer ", "Bearer wrong", f"Basic {SECRET}", SECRET, f"Bearer {SECRET}x", f"Bearer x{SECRET}",
    "Bearer \xff", f"Bearer {SECRET.upper()}", "Bearer " + "x" * 10_000,
]


def test_a_sender_that_proves_nothing_is_refused(client: FlaskClient, engine: Engine) -> None:
    for headers in [{}] + [{"Authorization": proof} for proof in NO_PROOF]:
        answer = client.post("/hooks/prod", data=envelope(an_event()), headers=headers)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer"), headers
    assert events(engine) == quarantined(engine) == []


def test_the_word_bearer_is_read_in_any_case(client: FlaskClient) -> None:
    assert taken(client, envelope(an_event()), Authorization=f"bEARER  {SECRET} ")["events"] == 1


def test_an_origin_that_says_why_it_proves_nothing_is_heard(client: FlaskClient, engine: Engine) -> None:
    answer = client.post("/hooks/lab", data=envelope(an_event()))
    assert answer.status_code == 202
    (event,) = events(engine)
    assert (event.origin, event.registry, event.flags) == ("lab", "lab", "foreign-host")


def test_no_path_is_redirected(client: FlaskClient) -> None:
    """A registry follows a redirect, or takes it for delivered."""
    for path in ("/hooks/prod", "/hooks/prod/"):
        assert taken(client, envelope(an_event()), path) == {"events": 1}
    for path in ("/hooks", "/hooks/", "/hooks//prod", "/hooks//", "/hooks/prod/x", "/hooks/./prod", "/hooks/prod//x"):
        assert tell(client, envelope(an_event()), path).status_code == 404, path


def test_only_posts_tell_anything(client: FlaskClient) -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH"):
        answer = client.open("/hooks/prod", method=method, headers=PROOF)
        assert answer.status_code == 405
        assert set(answer.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}


# What is told


@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_shape_of_envelope_is_taken_in(client: FlaskClient, engine: Engine, generation: str) -> None:
    media_type = f"application/vnd.docker.distribution.events.{generation}+json"
    told = 0
    for name in sorted(names(generation)):
        found = taken(client, body(generation, name), **{"Content-Type": media_type})
        assert set(found) == {"events"}, found
        told += found["events"]
    assert [row.seq for row in events(engine)] == list(range(1, told + 1))
    assert quarantined(engine) == []


TYPES = [
    V2, f"{V2}; charset=utf-8", "application/json", "text/plain", "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x", "", "\xe2\x98\x83", "a" * 5000,
]


def test_the_body_decides_and_not_its_type(client: FlaskClient, engine: Engine) -> None:
    for content_type in TYPES:
        assert taken(client, envelope(an_event()), **{"Content-Type": content_type}) == {"events": 1}
        assert taken(client, b"no", **{"Content-Type": content_type})["events"] == 0
    assert [row.content_type for row in quarantined(engine)] == [text[:200] or None for text in TYPES]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not JSON"),
        (b"<html>", "not JSON"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"null", "not an envelope"),
        (b'{"hello": 1}', "not an envelope"),
        (b"[" * 100_000, "not readable JSON"),
        (envelope(an_event())[:-40], "not JSON"),
        (envelope({"action": "push"}), "event 0: target: Field required"),
    ],
)
def test_what_cannot_be_read_is_kept_whole(
    client: FlaskClient, engine: Engine, content: bytes, reason: str
) -> None:
    found = taken(client, content)
    (kept,) = quarantined(engine)
    assert found["events"] == 0
    assert (found["quarantined"], found["reason"]) == (kept.id, kept.detail)
    assert (kept.reason, kept.body, kept.length) == ("unreadable", content, len(content))
    assert kept.sha256 == hashlib.sha256(content).hexdigest()
    assert kept.detail.startswith(reason)
    assert events(engine) == []
    assert tally(engine) == (0, 0, 1)


def test_of_a_partly_readable_envelope_the_good_events_count(client: FlaskClient, engine: Engine) -> None:
    content = envelope(an_event(), {"action": "push"}, an_event(tag="other"))
    assert taken(client, content)["events"] == 2
    assert [row.tag for row in events(engine)] == ["stable", "other"]
    (kept,) = quarantined(engine)
    assert (kept.body, kept.detail) == (content, "event 1: target: Field required")
    assert tally(engine) == (2, 0, 1)


def test_what_is_too_large_is_kept_in_part(client: FlaskClient, engine: Engine) -> None:
    content = b"{" + bytes(range(256)) * (receiver.MAX_BODY // 256) + b"}"
    assert taken(client, content)["events"] == 0
    (kept,) = quarantined(engine)
    assert (kept.reason, kept.body, kept.length) == ("too-large", content[:65_536], len(content))
    assert kept.sha256 == hashlib.sha256(content).hexdigest()


def test_the_largest_envelope_is_read(client: FlaskClient, engine: Engine) -> None:
    content = envelope(an_event())
    taken(client, content + b" " * (receiver.MAX_BODY - len(content)))
    assert (len(events(engine)), quarantined(engine)) == (1, [])


def test_an_unproven_sender_may_not_send_so_much(client: FlaskClient, engine: Engine) -> None:
    answer = client.post("/hooks/lab", data=b" " * (receiver.MAX_BODY + 1))
    assert (answer.status_code, answer.headers["Connection"]) == (413, "close")
    assert quarantined(engine) == []


# What is told again


def test_a_repeat_is_counted_and_no_second_event(client: FlaskClient, engine: Engine) -> None:
    event = an_event()
    taken(client, envelope(event))
    taken(client, json.dumps({"events": [event]}, indent=3).encode())
    taken(client, envelope(event, event))
    assert len(events(engine)) == 1
    assert tally(engine) == (1, 3, 0)


def test_the_same_id_for_something_else_is_a_conflict(client: FlaskClient, engine: Engine) -> None:
    first, second = an_event(id="e1"), an_event(id="e1", digest=B)
    taken(client, envelope(first))
    taken(client, envelope(second))
    assert [row.digest for row in events(engine)] == [A]
    (kept,) = quarantined(engine)
    assert (kept.reason, json.loads(kept.body)) == ("id-conflict", second)
    assert tally(engine) == (1, 0, 1)


def test_two_origins_may_use_the_same_id(client: FlaskClient, engine: Engine) -> None:
    taken(client, envelope(an_event(id="e1")))
    taken(client, envelope(an_event(id="e1")), "/hooks/lab")
    assert [row.origin for row in events(engine)] == ["prod", "lab"]


class Clock:
    def __init__(self) -> None:
        self.now_ns = 1_795_600_000 * SECOND_NS

    def time_ns(self) -> int:
        return self.now_ns


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The receiver's clock, standing still at the moment 0 of the tests' stories."""
    made = Clock()
    monkeypatch.setattr(receiver, "time", made)
    return made


def test_without_an_id_the_same_within_ten_minutes_is_a_repeat(
    client: FlaskClient, engine: Engine, clock: Clock
) -> None:
    nameless, other = envelope(an_event(id=None)), envelope(an_event(id="", digest=B))
    for content, seconds in ((nameless, 0), (nameless, 600), (other, 0), (nameless, 1), (nameless, 600)):
        clock.now_ns += seconds * SECOND_NS
        taken(client, content)
    assert [row.digest for row in events(engine)] == [A, B, A]
    assert tally(engine) == (3, 2, 0)
    first, _other, third = (row.event_id for row in events(engine))
    assert first.startswith("body:")
    assert first.partition("@")[0] == third.partition("@")[0]


def test_two_repeats_in_one_group_are_one_event_at_any_time(engine: Engine) -> None:
    nameless = parse("distribution", Received(envelope(an_event(id=None))))
    for second in (0, 601):
        group = [Parcel(PROD, nameless, moment(second)), Parcel(PROD, nameless, moment(second + 1))]
        ingest.ingest(engine, [replace_bytes(parcel) for parcel in group], POLICY)
    assert tally(engine) == (2, 2, 0)


def replace_bytes(parcel: Parcel) -> Parcel:
    """As a request of its own brings it."""
    (report,) = parcel.reading.reports
    return replace(parcel, reading=Reading((replace(report, raw=bytes(bytearray(report.raw))),)))


# What is not believed


def test_a_foreign_host_is_kept_and_never_a_key(client: FlaskClient, engine: Engine, clock: Clock) -> None:
    for host in ("evil.example", "mirror.example", None):
        taken(client, envelope(an_event(host=host, tag=str(host))))
    assert [(row.registry, row.host, row.flags) for row in events(engine)] == [
        (HOST, "evil.example", "foreign-host"),
        ("mirror.example", "mirror.example", None),
        (HOST, None, None),
    ]


@pytest.mark.parametrize(
    ("timestamp", "flag"),
    [
        ("0001-01-01T00:00:00Z", "time-implausible"),
        ("2999-01-01T00:00:00Z", "time-implausible"),
        ("1999-12-31T23:59:59Z", "time-implausible"),
        ("soon", "time-missing"),
        ("", "time-missing"),
    ],
)
def test_a_time_that_cannot_be_true_is_the_time_of_receipt(
    client: FlaskClient, engine: Engine, clock: Clock, timestamp: str, flag: str
) -> None:
    taken(client, envelope(an_event() | {"timestamp": timestamp}))
    (event,) = events(engine)
    assert (event.time_ns, event.received_ns, event.flags) == (clock.now_ns, clock.now_ns, flag)


HOSTILE = [
    "\x00", "a\x00b", "\ud800", "\udfff\ud800", '<script>alert("1")</script>', "'; DROP TABLE events; --", "\x1b[2J\r",
    "\u202egnp.exe", "%s%n{0}", "x" * 300, "é" * 300, " ", "\uffff", "🦆",
]


def test_any_text_is_stored_and_read_back(client: FlaskClient, engine: Engine, clock: Clock) -> None:
    for text in HOSTILE:
        event = an_event(tag=text, repository=text, actor=text, useragent=text, addr=text, host=text)
        event["target"]["mediaType"] = event["target"]["fromRepository"] = text
        event["source"] = {"addr": text, "instanceID": text}
        content = json.dumps({"events": [event]}).encode()
        assert taken(client, content) == {"events": 1}
        assert taken(client, content) == {"events": 1}
        row = events(engine)[-1]
        assert {
            row.tag, row.repository, row.actor, row.user_agent, row.request_addr, row.host, row.media_type,
            row.from_repository, row.source_addr, row.source_instance,
        } == {storable(text)}
        assert row.raw in content
        assert json.loads(row.raw) == event
    assert tally(engine) == (len(HOSTILE), len(HOSTILE), 0)
    found = {(row.repository, row.tag, row.digest) for row in rows(engine, "tags", "tag")}
    assert found == {(storable(text), storable(text), A) for text in HOSTILE}


@settings(max_examples=60)
@given(content=st.binary(max_size=60) | st.text(st.characters(), max_size=60).map(json.dumps).map(str.encode))
def test_no_body_is_refused(client: FlaskClient, content: bytes) -> None:
    taken(client, content)
    taken(client, b'{"events": [' + content + b"]}")


# Many at once


def test_many_senders_at_once_get_seqs_without_gaps(client: FlaskClient, engine: Engine) -> None:
    told = [[an_event(tag=f"t{thread}", second=n, digest=(A, B)[n % 2]) for n in range(10)] for thread in range(16)]
    failures: list[object] = []

    def send(mine: list[dict[str, Any]]) -> None:
        with client.application.test_client() as own:
            for event in mine:
                answer = tell(own, envelope(event))
                if answer.status_code != 202:
                    failures.append(answer)

    threads = [threading.Thread(target=send, args=(mine,)) for mine in told]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    found = events(engine)
    assert [row.seq for row in found] == list(range(1, 161))
    for mine in told:
        sent = [event["id"] for event in mine]
        assert [row.event_id for row in found if row.event_id in set(sent)] == sent, "each sender's in its own order"
    assert tally(engine) == (160, 0, 0)


# When the database is away


def test_a_locked_database_is_503_and_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engines, "BUSY_TIMEOUT_S", 0.05)
    (tmp_path / "tagtrail.yml").write_text(CONFIG)
    url = f"sqlite:///{tmp_path}/data/tagtrail.db"
    engine = make_engine(url)
    upgrade(engine)
    other = sqlite3.connect(tmp_path / "data" / "tagtrail.db", isolation_level=None)
    with client_of(monkeypatch, tmp_path, url, PROD_SECRET=SECRET) as client:
        other.execute("BEGIN IMMEDIATE")
        answer = tell(client, envelope(an_event(id="e1")))
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
        assert "database is locked" in answer.get_json()["detail"]
        other.execute("ROLLBACK")
        assert events(engine) == quarantined(engine) == []
        assert taken(client, envelope(an_event(id="e1"))) == {"events": 1}
        assert len(events(engine)) == 1
    other.close()
    engine.dispose()


def test_a_folder_that_is_gone_is_503(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tagtrail.yml").write_text(CONFIG)
    with client_of(monkeypatch, tmp_path, f"sqlite:///{tmp_path}/away/tagtrail.db", PROD_SECRET=SECRET) as client:
        (tmp_path / "away").rmdir()
        answer = tell(client, envelope(an_event()))
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")


def test_a_stopped_server_is_503_and_taken_up_again_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres: Postgres
) -> None:
    server = Postgres()
    try:
        engine = make_engine(server.url("postgres"))
        upgrade(engine)
        (tmp_path / "tagtrail.yml").write_text(CONFIG)
        with client_of(monkeypatch, tmp_path, server.url("postgres"), PROD_SECRET=SECRET) as client:
            taken(client, envelope(an_event(id="e1")))
            server.stop_server()
            answer = tell(client, envelope(an_event(id="e2")))
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
            assert client.get("/readyz").status_code == 503
            assert client.get("/livez").status_code == 200
            server.start()
            taken(client, envelope(an_event(id="e2")))
            assert [row.event_id for row in events(engine)] == ["e1", "e2"]
        engine.dispose()
    finally:
        server.stop()


@pytest.fixture
def broken_history(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let whatever follows the events' insert fail, as a full disk would."""

    def fail(*_arguments: object) -> None:
        raise engines.UnavailableError("the disk is full")

    monkeypatch.setattr(ingest.history, "extend", fail)
    return monkeypatch.undo


def test_nothing_is_half_written(
    client: FlaskClient, engine: Engine, broken_history: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.CRITICAL):
        assert tell(client, envelope(an_event(), {"action": "push"})).status_code == 503
    for name, order in (("events", "seq"), ("tags", "tag"), ("changes", "id"), ("outbox", "id"), ("origins", "name")):
        assert rows(engine, name, order) == []
    assert quarantined(engine) == []
    (head,) = rows(engine, "head", "id")
    assert head.seq == 0

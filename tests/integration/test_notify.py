"""What our registry tells its endpoints: in order, each once it is delivered, until one fails."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from journalling import Place, place
from listener import Listener, Reply, listener
from postgres import free_port
from sqlalchemy import Row, select

from app.domain.endpoints import Ignore
from app.domain.times import SECOND_NS
from app.outbound import Door, Url
from app.registry.notify import Fact
from app.store import cursors, journal, schema
from app.store.cursors import Failed, Position
from app.store.engine import now_ns, reading, writing
from app.usecases.notify import Receiver, begin, notify

BLOB = "application/octet-stream"
__all__ = ["listener", "place"]


@pytest.fixture
def door() -> Iterator[Door]:
    with Door() as made:
        yield made


@pytest.fixture
def receiver(listener: Listener) -> Receiver:
    return Receiver(
        name="audit",
        url=Url.parse(f"{listener.url}/hooks/local"),
        headers=(("Authorization", "Bearer s3cret"),),
        timeout_ns=2 * SECOND_NS,
        backoff_ns=SECOND_NS,
    )


@pytest.fixture
def stage(place: Place, listener: Listener, door: Door) -> tuple[Place, Listener, Door]:
    return place, listener, door


def happen(place: Place, count: int) -> None:
    for number in range(count):
        with place.listener.writing([Fact("delete", "tag", "shop/web", tag=f"t{number}")]):
            pass


def heard(listener: Listener) -> list[str]:
    """The tags told, in order of arrival."""
    return [json.loads(one.body)["events"][0]["target"]["tag"] for one in listener.heard]


def cursor(place: Place) -> Row[tuple[object, ...]]:
    with reading(place.engine) as connection:
        return connection.execute(select(schema.cursors)).one()


def retry_now(place: Place) -> None:
    with writing(place.engine) as connection:
        connection.execute(schema.cursors.update().values(next_try_ns=0))


def lagging(place: Place, ahead_ns: int = 0) -> set[str]:
    with reading(place.engine) as connection:
        return cursors.lagging(connection, ["audit"], journal.head(connection)[1], now_ns(connection) + ahead_ns)


def test_each_event_is_told_in_an_envelope_of_its_own_in_order(
    place: Place, listener: Listener, receiver: Receiver, door: Door
) -> None:
    happen(place, 3)
    assert lagging(place) == {"audit"}
    assert notify(place.engine, receiver, door, 0.0) == 3
    assert heard(listener) == ["t0", "t1", "t2"]
    assert lagging(place) == set()
    assert notify(place.engine, receiver, door, 0.0) == 0
    first = listener.heard[0]
    assert (first.method, first.path, first.headers["authorization"]) == ("POST", "/hooks/local", "Bearer s3cret")
    assert first.headers["content-type"] == "application/vnd.docker.distribution.events.v2+json"
    (event,) = json.loads(first.body)["events"]
    with reading(place.engine) as connection:
        name = journal.head(connection)[0]
    assert event.pop("tagtrail") == {"journal": name, "sequence": 1, "previous": 0}
    assert event == json.loads(place.rows()[0].event)


def test_more_than_a_batch_is_told_to_the_end(
    place: Place, listener: Listener, receiver: Receiver, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.usecases.notify.MOST_AT_ONCE", 2)
    happen(place, 5)
    assert notify(place.engine, receiver, door, 0.0) == 5
    assert heard(listener) == ["t0", "t1", "t2", "t3", "t4"]


def envelopes(listener: Listener) -> list[list[str]]:
    return [[event["target"]["tag"] for event in json.loads(one.body)["events"]] for one in listener.heard]


def test_a_receiver_that_reads_several_gets_what_waits_in_one(
    place: Place, listener: Listener, receiver: Receiver, door: Door
) -> None:
    several = replace(receiver, most_at_once=3)
    happen(place, 7)
    listener.reply(Reply(200), Reply(500), Reply(200))
    assert notify(place.engine, several, door, 0.0) == 3
    assert cursor(place).seq == 3
    retry_now(place)
    assert notify(place.engine, several, door, 0.0) == 4
    assert envelopes(listener) == [["t0", "t1", "t2"], ["t3", "t4", "t5"], ["t3", "t4", "t5"], ["t6"]]
    assert cursor(place).seq == 7


def test_an_envelope_of_several_has_a_limit(
    place: Place, listener: Listener, receiver: Receiver, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    happen(place, 3)
    monkeypatch.setattr("app.usecases.notify.MOST_BYTES", 2 * len(place.rows()[0].event) + 10)
    assert notify(place.engine, replace(receiver, most_at_once=100), door, 0.0) == 3
    assert envelopes(listener) == [["t0", "t1"], ["t2"]]


def test_it_stops_at_the_first_failure_and_goes_on_from_there(
    place: Place, listener: Listener, receiver: Receiver, door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    happen(place, 3)
    listener.reply(Reply(200), Reply(503), Reply(200))
    assert notify(place.engine, receiver, door, 0.0) == 1
    assert [one.getMessage() for one in caplog.records] == [
        "endpoint audit: answered 503; what is to come waits until it is taken"
    ]
    failed = cursor(place)
    assert (failed.seq, failed.failures, failed.last_answer, failed.leased_until_ns) == (1, 1, "answered 503", 0)
    assert notify(place.engine, receiver, door, 0.0) == 0, "not before its time"
    assert lagging(place) == set()
    assert lagging(place, 2 * SECOND_NS) == {"audit"}
    retry_now(place)
    assert notify(place.engine, receiver, door, 0.0) == 2
    assert heard(listener) == ["t0", "t1", "t1", "t2"]
    bodies = [one.body for one in listener.heard]
    assert bodies[1] == bodies[2], "the same again, so that a receiver can tell"
    assert (cursor(place).seq, cursor(place).failures, cursor(place).last_answer) == (3, 0, None)


def test_the_wait_doubles_while_it_fails(place: Place, listener: Listener, receiver: Receiver, door: Door) -> None:
    happen(place, 1)
    listener.reply(Reply(500))
    waits = []
    for _ in range(8):
        with reading(place.engine) as connection:
            before = now_ns(connection)
        notify(place.engine, receiver, door, 0.0)
        waits.append((cursor(place).next_try_ns - before) // SECOND_NS)
        retry_now(place)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_a_redirect_is_a_failure_and_not_followed(
    place: Place, listener: Listener, receiver: Receiver, door: Door
) -> None:
    happen(place, 1)
    listener.reply(Reply(307, {"Location": "/elsewhere/secret"}))
    assert notify(place.engine, receiver, door, 0.0) == 0
    assert len(listener.heard) == 1
    answer = cursor(place).last_answer
    assert answer.startswith("answered 307, pointing to http://127.0.0.1:")
    assert "secret" not in answer


def test_who_answers_well_has_the_event_however_the_answer_ends(
    place: Place, listener: Listener, receiver: Receiver, door: Door
) -> None:
    """Or it would be sent it for ever, and nothing behind it."""
    happen(place, 2)
    listener.reply(Reply(200, {"Content-Length": "99", "Connection": "close"}, b"broken"), Reply(200))
    assert notify(place.engine, replace(receiver, timeout_ns=SECOND_NS // 2), door, 0.0) == 2
    assert heard(listener) == ["t0", "t1"]


def test_an_endpoint_that_is_away_is_a_failure(place: Place, receiver: Receiver, door: Door) -> None:
    happen(place, 1)
    nowhere = replace(receiver, url=Url.parse(f"http://127.0.0.1:{free_port()}/"))
    assert notify(place.engine, nowhere, door, 0.0) == 0
    assert "Connection refused" in cursor(place).last_answer


@pytest.mark.parametrize(
    ("media_types", "actions", "told"),
    [
        ({BLOB}, set(), ["push", "pull", "delete"]),
        (set(), {"pull"}, ["push", "push", "delete"]),
        ({BLOB}, {"pull"}, ["push", "delete"]),
        (set(), {"push", "pull", "delete"}, []),
    ],
)
def test_either_list_ignores(
    stage: tuple[Place, Listener, Door], receiver: Receiver, media_types: set[str], actions: set[str], told: list[str]
) -> None:
    place, listener, door = stage
    place.push_blob("shop/web", b"one")
    pushed = place.push("shop/web", "stable", b"one")
    place.listener.pulled(Fact("pull", "manifest", "shop/web", pushed))
    place.recorder.flush()
    place.registry.delete_tag("shop/web", "stable", place.listener)
    ignoring = replace(receiver, ignore=Ignore(media_types, actions))
    assert notify(place.engine, ignoring, door, 0.0) == len(told)
    assert [json.loads(one.body)["events"][0]["action"] for one in listener.heard] == told
    assert cursor(place).seq == 4


def test_two_at_once_tell_each_event_once(place: Place, listener: Listener, receiver: Receiver, door: Door) -> None:
    happen(place, 20)
    counts: list[int] = []
    threads = [
        threading.Thread(target=lambda: counts.append(notify(place.engine, receiver, door, 0.0))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 20
    assert heard(listener) == [f"t{number}" for number in range(20)]


def test_what_a_dead_sender_held_goes_on_when_its_lease_ends(
    place: Place, listener: Listener, receiver: Receiver, door: Door
) -> None:
    happen(place, 2)
    with writing(place.engine) as connection:
        now = now_ns(connection)
        dead = cursors.take_turn(connection, "audit", now, 60 * SECOND_NS)
    assert dead is not None
    assert notify(place.engine, receiver, door, 0.0) == 0
    with writing(place.engine) as connection:
        connection.execute(schema.cursors.update().values(leased_until_ns=now))
    assert notify(place.engine, receiver, door, 0.0) == 2
    with writing(place.engine) as connection:
        assert not cursors.move_on(connection, dead, Position(1), 0), "it moves the cursor no more"
        assert not cursors.back_off(connection, dead, Position(0), Failed(1, 0, 0, "too late"))
    assert cursor(place).seq == 2


def test_each_event_says_which_one_was_told_before_it(
    place: Place, listener: Listener, receiver: Receiver, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a receiver notices what it was not told; what the endpoint ignores is passed over."""
    monkeypatch.setattr("app.usecases.notify.MOST_AT_ONCE", 3)
    ignored = [2, 3, 5]
    happen(place, 7)
    with writing(place.engine) as connection:
        query = schema.journal.update().where(schema.journal.c.seq.in_(ignored))
        connection.execute(query.values(action="pull"))
    notify(place.engine, replace(receiver, ignore=Ignore(actions={"pull"})), door, 0.0)
    told = [json.loads(one.body)["events"][0]["tagtrail"] for one in listener.heard]
    assert [(one["previous"], one["sequence"]) for one in told] == [(0, 1), (1, 4), (4, 6), (6, 7)]


def test_an_endpoint_that_is_new_begins_with_what_comes(
    place: Place, listener: Listener, receiver: Receiver, door: Door
) -> None:
    happen(place, 2)
    begin(place.engine, ["audit"])
    assert lagging(place) == set()
    happen(place, 1)
    begin(place.engine, ["audit"])
    assert notify(place.engine, receiver, door, 0.0) == 1
    assert json.loads(listener.heard[0].body)["events"][0]["tagtrail"]["previous"] == 2

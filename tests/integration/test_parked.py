"""Answers that speak of one event, and those that speak of the endpoint (issue 6, item 3)."""

from dataclasses import replace
from typing import Any

import pytest
from journalling import CAUSE, Place, place
from listener import Reply
from notifying import Wire, wire
from sqlalchemy import select, text
from sqlalchemy.event import listen

from app.domain.endpoints import MOST_ANNOUNCED, Ignore
from app.domain.signatures import Signed, SigningSecret, verify
from app.domain.times import SECOND_NS
from app.registry.notify import Fact, Silent
from app.store import cursors, journal, parked, schema
from app.store.engine import now_ns, reading, writing
from app.store.parked import Replayed
from app.usecases import record

__all__ = ["place", "wire"]


@pytest.mark.parametrize("status", [400, 413, 422])
def test_an_event_that_is_refused_is_parked_and_the_rest_goes_on(wire: Wire, status: int) -> None:
    wire.happen("a", "bad", "c", "d")
    wire.refuse("bad", status)
    assert [wire.send() for _ in range(3)] == [1, 0, 2]
    assert wire.tags == ["a", "bad", "bad", "bad", "c", "d"]
    (row,) = wire.parked
    assert (row.endpoint, row.seq, row.previous, row.reason) == ("audit", 2, 1, f"answered {status}")
    assert (wire.cursor.seq, wire.cursor.failures, wire.cursor.refusals) == (4, 0, 0)


def test_the_receiver_is_told_once_what_is_parked(wire: Wire) -> None:
    wire.happen("a", "bad", "c")
    wire.refuse("bad", 400)
    for _ in range(3):
        wire.send()
    wire.happen("d")
    wire.send()
    wire.happen("e")
    wire.send()
    told = {ours["sequence"]: (ours["previous"], ours.get("parked")) for ours in wire.ours}
    assert told == {1: (0, None), 2: (1, None), 3: (2, None), 4: (3, [{"after": 1, "upto": 2}]), 5: (4, None)}


def test_however_much_is_parked_can_be_announced_and_sent_again(wire: Wire) -> None:
    """More than a statement takes parameters; runs are told as such, so that the envelope stays small."""
    many = 40_000
    wire.happen("a")
    with writing(wire.place.engine) as connection:
        (row,) = connection.execute(select(schema.journal)).mappings()
        rest = [dict(row) | {"id": row["id"] + n, "seq": row["seq"] + n} for n in range(1, many)]
        connection.execute(schema.journal.insert(), rest)
        connection.execute(schema.journal_head.update().values(seq=many))
        given = [{"endpoint": "audit", "seq": n, "previous": n - 1, "reason": "old", "parked_ns": 1, "again": False,
                  "announced": False} for n in range(2, many) if n % 500]  # fmt: skip
        connection.execute(schema.parked.insert(), given)
        connection.execute(schema.cursors.insert().values(
            endpoint="audit", seq=many - 1, failures=0, next_try_ns=0, leased_until_ns=0, fence=0))  # fmt: skip
    assert wire.send() == 1
    (told,) = wire.ours
    assert told["parked"][:2] == [{"after": 1, "upto": 499}, {"after": 500, "upto": 999}]
    assert len(told["parked"]) <= MOST_ANNOUNCED
    assert sum(row.announced for row in wire.parked) == sum(run["upto"] - run["after"] for run in told["parked"])
    with writing(wire.place.engine) as connection:
        seqs = [one["seq"] for one in given]
        assert len(parked.listed(connection, "audit", seqs)) == len(seqs)
        assert parked.retry(connection, "audit", seqs) == len(seqs)
        assert parked.remove(connection, "audit", seqs) == len(seqs)


def test_what_there_is_to_do_is_found_among_much_that_is_parked(wire: Wire) -> None:
    engine, said = wire.place.engine, list[tuple[str, Any]]()
    given = {"endpoint": "audit", "reason": "old", "parked_ns": 1, "again": False, "announced": True}
    with writing(engine) as connection:
        connection.execute(schema.parked.insert(), [given | {"seq": n, "previous": n - 1} for n in range(1, 3000)])
        connection.execute(text("ANALYZE parked"))
    listen(engine, "before_cursor_execute", lambda _, __, statement, values, *___: said.append((statement, values)))
    explain = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
    with reading(engine) as connection:
        for ask, index in (
            (lambda: parked.unannounced(connection, "audit", 3000), "ix_parked_unannounced"),
            (lambda: parked.due(connection, "audit", 100), "ix_parked_again"),
        ):
            assert list(ask()) == []
            statement, values = said[-1]
            assert index in str(connection.exec_driver_sql(f"{explain} {statement}", values).all())


@pytest.mark.parametrize("status", [301, 401, 403, 404, 405, 408, 410, 429, 500, 503])
def test_other_answers_speak_of_the_endpoint(wire: Wire, status: int) -> None:
    wire.happen("a", "b")
    wire.listener.reply(Reply(status))
    assert [wire.send() for _ in range(6)] == [0] * 6
    assert (wire.parked, wire.cursor.failures, wire.cursor.refusals) == ([], 6, 0)
    wire.listener.reply(Reply(204))
    assert wire.send() == 2


def test_tries_that_failed_otherwise_do_not_count(wire: Wire) -> None:
    wire.happen("a")
    for status in (400, 503, 400, 500):
        wire.listener.reply(Reply(status))
        wire.send()
    assert (wire.parked, wire.cursor.refusals, wire.cursor.failures) == ([], 2, 4)
    wire.listener.reply(Reply(400))
    wire.send()
    assert [row.seq for row in wire.parked] == [1]


def test_it_is_waited_as_long_as_the_endpoint_asks(wire: Wire) -> None:
    wire.happen("a")
    wire.listener.reply(Reply(503, {"Retry-After": "120"}))
    with reading(wire.place.engine) as connection:
        before = now_ns(connection)
    wire.send()
    assert 119 <= (wire.cursor.next_try_ns - before) / SECOND_NS <= 122


def test_of_several_in_one_only_the_bad_one_is_parked(wire: Wire) -> None:
    several = replace(wire.receiver, most_at_once=10)
    wire.happen("a", "bad", "c")
    wire.refuse("bad", 422)
    for _ in range(3):
        wire.send(several)
    assert [row.seq for row in wire.parked] == [2]
    assert wire.cursor.seq == 3
    assert wire.tags[-1] == "c"


def test_what_is_too_old_is_parked_untried(wire: Wire) -> None:
    wire.happen("old")
    with writing(wire.place.engine) as connection:
        connection.execute(schema.journal.update().values(opened_ns=schema.journal.c.opened_ns - 120 * SECOND_NS))
    wire.happen("new")
    assert wire.send(replace(wire.receiver, max_age_ns=60 * SECOND_NS)) == 1
    assert wire.tags == ["new"]
    assert [(row.seq, row.reason) for row in wire.parked] == [(1, "older than maxage")]
    assert (wire.ours[0]["previous"], wire.ours[0]["parked"]) == (1, [{"after": 0, "upto": 1}])


def lagging(wire: Wire) -> set[str]:
    with reading(wire.place.engine) as connection:
        return cursors.lagging(connection, ["audit"], journal.head(connection)[1], now_ns(connection))


def test_what_is_parked_can_be_sent_again_as_it_was_numbered(wire: Wire) -> None:
    wire.happen("a", "bad", "c")
    wire.refuse("bad", 400)
    for _ in range(3):
        wire.send()
    wire.listener.answer = None
    assert lagging(wire) == set()
    with writing(wire.place.engine) as connection:
        assert parked.retry(connection, "audit", [2]) == 1
    assert lagging(wire) == {"audit"}
    assert wire.send() == 1
    assert (wire.tags[-1], wire.ours[-1]["sequence"], wire.ours[-1]["previous"]) == ("bad", 2, 1)
    assert (wire.parked, wire.cursor.seq, lagging(wire)) == ([], 3, set())


def test_what_is_refused_again_is_parked_again(wire: Wire) -> None:
    wire.happen("a")
    wire.send()
    with writing(wire.place.engine) as connection:
        parked.replay(connection, "audit", Replayed(0, 2**62, 1), 1)
    wire.refuse("a", 400)
    assert wire.send() == 0
    assert [(row.again, row.reason) for row in wire.parked] == [(False, "answered 400")]
    assert wire.send() == 0
    assert len(wire.tags) == 2


def test_new_events_go_before_those_sent_again(wire: Wire) -> None:
    wire.happen("a")
    wire.send()
    with writing(wire.place.engine) as connection:
        parked.replay(connection, "audit", Replayed(0, 2**62, 1), 1)
    wire.happen("b")
    assert wire.send() == 2
    assert wire.tags == ["a", "b", "a"]


def test_other_rules_make_no_gap(wire: Wire) -> None:
    """Each event says which one was told before it, by the rules of that time."""
    wire.happen("a")
    wire.happen("b", repository="shop/api")
    wire.send(replace(wire.receiver, ignore=Ignore(repositories=["shop/api"])))
    wire.happen("c")
    wire.send(replace(wire.receiver, ignore=Ignore(tags=["x*"])))
    assert [(ours["sequence"], ours["previous"]) for ours in wire.ours] == [(1, 0), (3, 1)]


def test_a_lane_does_not_pass_an_unsettled_intent_of_the_same_repository(wire: Wire) -> None:
    place = wire.place
    wire.happen("z", repository="shop/api")
    place.crash([Fact("push", "blob", "shop/web", place.push_blob("shop/web", b"one", Silent()))])
    wire.happen("a", repository="shop/api")
    with place.listener.writing([Fact("delete", "blob", "shop/web", place.push_blob("shop/web", b"two", Silent()))]):
        pass
    wire.happen("b", repository="shop/api")
    assert wire.send() == 2, "the second one of shop/web waits for the first, and the third for both"
    with writing(place.engine) as connection:
        opened = journal.unsettled(connection)
        record.resolve(connection, opened, record.true_of(place.registry.holds, opened))
    wire.refuse("none", 200)
    wire.listener.answer = None
    assert wire.send(replace(wire.receiver, ignore=Ignore(repositories=["shop/web"]))) == 1
    assert wire.tags == ["z", "a", "b"]


def test_a_request_that_stood_still_is_told_all_the_same(place: Place) -> None:
    """Its intent was taken for left behind, and forgotten because nothing had moved yet."""
    blob = place.push_blob("shop/web", b"one", Silent())
    intents = place.recorder.intents("slow", [Fact("push", "blob", "shop/api", blob)], CAUSE)
    place.recorder.open(intents, None)
    place.recorder.resolve("slow")
    assert place.rows() == []
    place.push_blob("shop/api", b"one", Silent())
    place.recorder.settle(intents)
    place.recorder.settle(intents)
    assert [(seq, action) for seq, action, *_ in place.told()] == [(1, "push")]


def test_events_are_signed_where_there_is_a_secret(wire: Wire) -> None:
    secret = SigningSecret(b"x" * 32)
    wire.happen("a")
    wire.send(replace(wire.receiver, secret=secret))
    (heard,) = wire.listener.heard
    headers = heard.headers
    signed = Signed(headers["webhook-id"], int(headers["webhook-timestamp"]), heard.body)
    verify([secret], signed, headers["webhook-signature"], int(heard.time))


def test_it_stops_between_two_events_if_it_has_to(wire: Wire) -> None:
    from app.usecases.notify import notify

    wire.happen("a", "b", "c")
    asked = iter([False, False, False, True])
    assert notify(wire.place.engine, wire.receiver, wire.door, 0.0, lambda: next(asked)) == 2
    assert (wire.cursor.seq, wire.cursor.leased_until_ns) == (2, 0)
    assert wire.send() == 1

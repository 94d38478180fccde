"""What is known of a sender by what came from it, on both databases."""

import re
from dataclasses import replace

import pytest
from builders import HOST, PROD, B, an_event, envelope, moment, take_in
from sqlalchemy import Engine, select, text

from app.domain.access import EVERYTHING, AccessScope, LimitedScopeError
from app.domain.events import MADE_UP
from app.domain.filters import Unheard
from app.envelopes import Received, parse
from app.store import events, outbox, schema
from app.store.engine import reading
from app.store.queries.origins import LOOKED_AT, Newest, OriginFacts, facts
from app.usecases.ingest import Parcel, Policy, ingest, reject
from app.usecases.verify import verify

LAB = replace(PROD, name="lab")


def found(engine: Engine, name: str = PROD.name) -> OriginFacts:
    with reading(engine) as connection:
        (only,) = facts(connection, EVERYTHING, [name])
        return only


def newest(engine: Engine) -> Newest:
    known = found(engine).newest
    assert known is not None
    return known


def test_nothing_is_known_of_who_never_spoke(engine: Engine) -> None:
    take_in(engine, an_event(), origin=LAB)
    assert found(engine) == OriginFacts(PROD.name, 0, 0, 0, 0, 0, None, None)


def test_each_origin_is_told_in_the_order_asked(engine: Engine) -> None:
    take_in(engine, an_event(), an_event(), received=50)
    take_in(engine, an_event(), origin=LAB, received=70)
    with reading(engine) as connection:
        told = facts(connection, EVERYTHING, ["prod", "never", "lab"])
    assert [(one.origin, one.events, one.heard_ns) for one in told] == [
        ("prod", 2, moment(50)), ("never", 0, None), ("lab", 1, moment(70)),
    ]  # fmt: skip


def test_counts_are_those_of_what_was_kept_and_what_was_not(engine: Engine) -> None:
    push = an_event(second=10)
    take_in(engine, push, push, received=20)
    deaf = replace(PROD, unheard=Unheard(actions=frozenset({"pull"})))
    take_in(engine, an_event(action="pull"), origin=deaf, received=30)
    broken = Received(b"{")
    parcel = Parcel(PROD, parse("distribution", broken), moment(40), reject("prod", broken, moment(40), ("x", "y")))
    ingest(engine, [parcel], Policy(max_age_ns=0))
    extension = {"tagtrail": {"journal": "j", "sequence": 1, "previous": 0}}
    later = {"tagtrail": {"journal": "j", "sequence": 5, "previous": 4}}
    take_in(engine, an_event() | extension, an_event() | later, received=25)
    known = found(engine)
    assert (known.events, known.repeats, known.ignored, known.quarantined, known.gaps) == (3, 1, 1, 1, 3)
    assert known.heard_ns == moment(40), "what was quarantined was heard too"
    assert known.newest is not None
    assert known.newest.received_ns == moment(25)


def test_lag_is_the_median_and_skew_the_most(engine: Engine) -> None:
    for second, received in ((100, 101), (200, 203), (300, 350), (400, 390), (500, 504)):
        take_in(engine, an_event(second=second), received=received)
    known = newest(engine)
    assert (known.lag_ns, known.ahead_ns) == (3_000_000_000, 10_000_000_000)
    assert (known.events, known.time_ns, known.received_ns) == (5, moment(500), moment(504))


def test_a_clock_that_is_never_ahead_has_no_skew(engine: Engine) -> None:
    take_in(engine, an_event(second=5), received=9)
    assert newest(engine).ahead_ns == 0


def test_times_that_are_ours_say_nothing_of_its_clock(engine: Engine) -> None:
    event = an_event()
    del event["timestamp"]
    take_in(engine, event, an_event() | {"timestamp": "0001-01-01T00:00:00Z"}, received=9)
    known = newest(engine)
    assert (known.lag_ns, known.ahead_ns) == (None, 0)
    assert known.never == ("time",)
    take_in(engine, an_event(second=7), received=9)
    assert newest(engine).lag_ns == 2_000_000_000
    assert newest(engine).never == ()


@pytest.mark.parametrize(
    ("lacking", "field"),
    [
        ({"digest": None}, "digest"),
        ({"tag": None}, "tag"),
        ({"actor": None}, "actor"),
        ({"host": None}, "host"),
        ({"media_type": None}, "media_type"),
        ({"id": None}, "id"),
    ],
)
def test_what_is_never_given_is_named_until_it_is_given_once(
    engine: Engine, lacking: dict[str, None], field: str
) -> None:
    take_in(engine, an_event(**lacking), an_event(**lacking, second=2))
    assert newest(engine).never == (field,)
    take_in(engine, an_event(second=3))
    assert newest(engine).never == ()


def test_only_the_newest_are_looked_at(engine: Engine) -> None:
    take_in(engine, an_event(second=1), received=90)
    told = [an_event(actor=None, second=2, digest=B) for _ in range(LOOKED_AT)]
    parcel = Parcel(PROD, parse("distribution", Received(envelope(*told))), moment(3))
    ingest(engine, [parcel], Policy(max_age_ns=0))
    known = newest(engine)
    assert (known.events, known.lag_ns, known.never) == (LOOKED_AT, 1_000_000_000, ("actor",))


def test_an_index_leads_to_them(engine: Engine) -> None:
    take_in(engine, *(an_event(second=second) for second in range(30)))
    order = "ORDER BY time_ns DESC, seq DESC"
    query = f"SELECT seq FROM events WHERE origin = 'prod' AND repository <> 'x' {order} LIMIT 200"
    sqlite = engine.dialect.name == "sqlite"
    with reading(engine) as connection:
        if not sqlite:
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        lines = connection.execute(text(f"EXPLAIN {'QUERY PLAN' if sqlite else ''} {query}")).all()
    plan = "\n".join(str(line) for line in lines)
    assert "ix_events_origin" in plan
    assert not re.search(r"TEMP B-TREE|(?<!Incremental )Sort  \(", plan), "of an instant at most"


def test_one_who_sees_a_part_is_told_nothing(engine: Engine) -> None:
    with reading(engine) as connection, pytest.raises(LimitedScopeError):
        facts(connection, AccessScope.parse(["registry.example:5000/shop/*"]), ["prod"])


def test_what_was_made_up_is_kept_and_nothing_else(engine: Engine) -> None:
    take_in(engine, an_event(second=10), received=11)
    before = found(engine)
    take_in(engine, an_event(second=90, repository=MADE_UP), received=92)
    take_in(engine, an_event(second=91, repository=MADE_UP, digest=None), received=92)
    assert found(engine) == before
    with reading(engine) as connection:
        kept = connection.execute(
            select(schema.events.c.flags, schema.events.c.scope).where(schema.events.c.repository == MADE_UP)
        ).all()
        led = connection.execute(select(schema.changes.c.repository)).scalars().all()
        promised = connection.execute(select(schema.outbox.c.lane)).scalars().all()
        first_told = connection.execute(select(schema.repositories.c.repository)).scalars().all()
        to_reconcile = events.repositories_of(connection, HOST)
    assert [tuple(row) for row in kept] == [("made-up", None)] * 2
    assert led == ["shop/web"], "no history of it, so no rule fires"
    assert first_told == to_reconcile == ["shop/web"], "no registry is asked for it"
    verdict = verify(engine, lambda *_: None)
    assert (verdict.findings, verdict.repositories) == ((), 1), "it is in the chain like any other"
    assert set(promised) <= {outbox.FAN_OUT}, "nobody asks for a digest that isn't there"

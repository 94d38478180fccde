"""Any order of arrival, any repetition, any grouping, two writers: always the history of a plain fold (issue 2)."""

import threading
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_fold import Line, Told, history
from sqlalchemy import Engine, Table, delete, select, update

from app.domain.events import MIN_TIME_NS, Report, Scope
from app.domain.origins import Origin
from app.envelopes import Reading
from app.store import schema
from app.store.engine import reading, writing
from app.usecases.ingest import Parcel, Policy, ingest
from app.usecases.rebuild import rebuild
from app.usecases.verify import verify

ORIGIN = Origin("prod", "distribution", ("registry.example",))
POLICY = Policy(max_age_ns=3600 * 10**9)
BASE = MIN_TIME_NS + 10**18
NOW = BASE + 10**12
DIGESTS = [f"sha256:{letter * 64}" for letter in "abc"]


def report(told: Told) -> Report:
    scope = {"set": Scope.TAG, "drop": Scope.TAG, "kill": Scope.MANIFEST, "wipe": Scope.REPOSITORY}[told.what]
    action = "observe" if told.known != "observed" else "push" if told.what == "set" else "delete"
    raw = repr(told).encode()
    return Report(
        raw=b'"' + raw + b'"',
        action=action,
        scope=scope,
        repository=told.repository,
        id=told.id,
        time_ns=BASE + told.time,
        tag=told.tag or None,
        digest=told.digest or None,
        sequence=told.sequence or None,
        flags=() if told.known == "observed" else (told.known,),
    )


def parcel(*told: Told) -> Parcel:
    return Parcel(ORIGIN, Reading(tuple(map(report, told))), NOW)


def written(engine: Engine) -> tuple[list[Line], dict[tuple[str, str], tuple[str, bool]]]:
    c, t = schema.changes.c, schema.tags.c
    with reading(engine) as connection:
        rows = connection.execute(
            select(schema.changes).where(c.kind != "void").order_by(c.time_ns, c.sequence, c.event_id, c.origin, c.tag)
        ).all()
        tags = connection.execute(select(t.repository, t.tag, t.digest, t.ambiguous)).all()
    lines = [Line(r.repository, r.tag, r.kind, r.before, r.after, r.event_id, r.provenance) for r in rows]
    return lines, {(r.repository, r.tag): (r.digest or "absent", bool(r.ambiguous)) for r in tags}


WRITTEN_TABLES = (
    "events", "links", "changes", "tags", "repositories", "outbox", "origins", "quarantine", "actions",
)  # fmt: skip


def empty(engine: Engine) -> None:
    with writing(engine) as connection:
        for name in WRITTEN_TABLES:
            connection.execute(delete(schema.metadata.tables[name]))
        connection.execute(update(schema.head).values(seq=0, chain=None))


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Told], list[list[Told]]]:
    """A set of events, and the groups in which they arrive: any order, some twice."""
    count = draw(st.integers(1, 14))
    events = []
    for number in range(count):
        what = draw(st.sampled_from(["set", "set", "set", "drop", "kill", "wipe"]))
        known = draw(st.sampled_from(["observed", "observed", "resolved", "reconciled"]))
        events.append(
            Told(
                time=draw(st.integers(0, 6)),
                sequence=draw(st.sampled_from([0, 0, 0, number + 1])),
                id=f"e{draw(st.integers(0, 99)):02d}-{number}",
                origin="prod",
                repository=draw(st.sampled_from(["a", "a", "a", "b"])),
                what=what,
                tag=draw(st.sampled_from(["t", "t", "u"])) if what in ("set", "drop") else "",
                digest=draw(st.sampled_from(DIGESTS)) if what in ("set", "kill") else "",
                known=known if what in ("set", "drop") else "observed",
            )
        )
    arrivals = draw(st.permutations(events + draw(st.lists(st.sampled_from(events), max_size=4))))
    groups: list[list[Told]] = [[]]
    for told in arrivals:
        groups[-1].append(told)
        if draw(st.booleans()):
            groups.append([])
    return events, [group for group in groups if group]


@settings(max_examples=150)
@given(world=worlds())
def test_any_arrival_gives_the_history_of_a_plain_fold(
    engine: Engine, world: tuple[list[Told], list[list[Told]]]
) -> None:
    events, groups = world
    empty(engine)
    for group in groups:
        ingest(engine, [parcel(told) for told in group], POLICY)
    lines, tags = history(set(events))
    assert written(engine) == (lines, tags)


def test_two_writers_at_once(engine: Engine) -> None:
    events = [
        Told(
            n // 3,
            0,
            f"e{n:03d}",
            "prod",
            "a",
            ("set", "set", "kill", "drop", "set", "wipe")[n % 6],
            "t" if n % 6 in (0, 1, 3, 4) else "",
            DIGESTS[n % 3] if n % 6 in (0, 1, 2, 4) else "",
        )
        for n in range(240)
    ]
    failures: list[BaseException] = []

    def write(mine: Sequence[Told]) -> None:
        try:
            for told in mine:
                ingest(engine, [parcel(told)], POLICY)
        except BaseException as error:  # noqa: BLE001 - reported below
            failures.append(error)

    writers = [threading.Thread(target=write, args=(mine,)) for mine in (events[::2], events[::-1][::2])]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert not failures
    assert written(engine) == history(set(events))
    with reading(engine) as connection:
        seqs = list(connection.execute(select(schema.events.c.seq).order_by(schema.events.c.seq)).scalars())
    assert seqs == list(range(1, 241)), "seq has no gaps"


@pytest.mark.parametrize("late_first", [False, True])
def test_a_late_event_voids_a_change_and_names_itself(engine: Engine, late_first: bool) -> None:
    """B at 1 arrives after A at 0 and B at 2: the move to B happened at 1, and the line at 2 is none any more."""
    told = [
        Told(0, 0, "first", "prod", "a", "set", "t", DIGESTS[0]),
        Told(2, 0, "last", "prod", "a", "set", "t", DIGESTS[1]),
        Told(1, 0, "late", "prod", "a", "set", "t", DIGESTS[1]),
    ]
    for one in (told[2], told[0], told[1]) if late_first else told:
        ingest(engine, [parcel(one)], POLICY)
    with reading(engine) as connection:
        rows = connection.execute(select(schema.changes).order_by(schema.changes.c.time_ns)).all()
    assert [(r.event_id, r.kind) for r in rows if r.kind != "void"] == [("first", "created"), ("late", "moved")]
    voided = [(r.event_id, r.voided_by) for r in rows if r.kind == "void"]
    assert voided == ([] if late_first else [("last", "late")])


@pytest.mark.parametrize("late_first", [False, True])
def test_what_a_sender_tells_late_takes_the_place_of_what_was_learnt_by_asking(
    engine: Engine, late_first: bool
) -> None:
    """The push was missed, reconciling found its outcome at 5, and then the registry does tell of it: at 2."""
    asked = Told(5, 0, "asked", "prod", "a", "set", "t", DIGESTS[0], known="reconciled")
    told = Told(2, 0, "told", "prod", "a", "set", "t", DIGESTS[0])
    for one in (told, asked) if late_first else (asked, told):
        ingest(engine, [parcel(one)], POLICY)
    (line,), tags = written(engine)
    assert (line.event, line.provenance) == ("told", "observed")
    assert tags == {("a", "t"): (DIGESTS[0], False)}


def rows(engine: Engine, table: Table) -> list[dict[str, Any]]:
    with reading(engine) as connection:
        query = select(table).order_by(*table.primary_key.columns)
        return [dict(row._mapping) for row in connection.execute(query)]


@settings(max_examples=40)
@given(world=worlds(), damaged=st.sets(st.integers(0, 99)), forged=st.sampled_from(["before", "after", "actor"]))
def test_any_mix_is_whole_and_can_be_made_again(
    engine: Engine, world: tuple[list[Told], list[list[Told]]], damaged: set[int], forged: str
) -> None:
    """Nothing is found in what ingest wrote, and a rebuild after any damage brings back the same valid lines."""
    empty(engine)
    for group in world[1]:
        ingest(engine, [parcel(told) for told in group], POLICY)
    lines, tags, told = rows(engine, schema.changes), rows(engine, schema.tags), written(engine)
    assert verify(engine, lambda _what, _done, _of: None).findings == ()
    assert rebuild(engine, "os:alice", lambda _done, _of: None).findings == ()
    assert (rows(engine, schema.changes), rows(engine, schema.tags)) == (lines, tags)
    with writing(engine) as connection:
        for at, row in enumerate(lines):
            this = schema.changes.c.id == row["id"]
            if at in damaged and row["kind"] != "void":
                change = delete(schema.changes) if at % 2 else update(schema.changes).values({forged: "forged"})
                connection.execute(change.where(this))
        connection.execute(delete(schema.tags).where(schema.tags.c.tag == "t"))
    rebuild(engine, "os:alice", lambda _done, _of: None)
    assert written(engine) == told
    assert [row["id"] for row in rows(engine, schema.changes)] == [row["id"] for row in lines]
    assert rows(engine, schema.tags) == tags
    assert verify(engine, lambda _what, _done, _of: None).findings == ()

"""Events beside an endpoint's order: what it refused, and what it is to be sent again."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, insert, literal, select, true, update

from app.domain.endpoints import MOST_ANNOUNCED
from app.domain.events import Numbers
from app.store.dialect import listed as as_listed
from app.store.dialect import one_of, upsert
from app.store.journal import ENTRY, Entry
from app.store.schema import journal, parked
from app.store.schema.base import Big

MOST_READ = 10_000
"""Parked events that are looked at for an announcement: the rest is for the next."""

_UNANNOUNCED = select(parked.c.previous, parked.c.seq).where(
    parked.c.endpoint == bindparam("of"), parked.c.announced.is_(False), parked.c.seq < bindparam("before")
)
_UNANNOUNCED = _UNANNOUNCED.order_by(parked.c.seq).limit(MOST_READ)
_DUE = select(*ENTRY, parked.c.previous).join_from(parked, journal, parked.c.seq == journal.c.seq)
_DUE = _DUE.where(parked.c.endpoint == bindparam("of"), parked.c.again).order_by(parked.c.seq)
_DUE = _DUE.limit(bindparam("most"))
"""Made once: every round of who sends runs them."""


@dataclass(frozen=True, slots=True)
class Parked:
    """One event. `again`: it is to be sent once more; else it waits for somebody. `previous` as it was numbered."""

    endpoint: str
    seq: int
    previous: int
    reason: str
    parked_ns: int
    again: bool
    repository: str
    action: str


@dataclass(frozen=True, slots=True)
class Missed:
    """An event of an endpoint's order, by its number and by that of the one before it."""

    seq: int
    previous: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """Events up to the number `upto` whose request was within a time, its end not included."""

    since_ns: int
    until_ns: int
    upto: int


@dataclass(frozen=True, slots=True)
class Range:
    """So many numbers, and the first and last of them."""

    events: int
    first: int | None
    last: int | None


def park(connection: Connection, endpoint: str, missed: Missed, reason: str, now_ns: int) -> None:
    """Set an event aside, also one that was sent again."""
    told = {"reason": reason, "parked_ns": now_ns, "again": False, "announced": False}
    upsert(connection, parked, [_row(endpoint, missed) | told], _parked_anew)


def _parked_anew(new: Any) -> Mapping[str, Any]:
    return {name: new[name] for name in ("reason", "parked_ns", "again")}


def replay(connection: Connection, endpoint: str, span: Replayed, now_ns: int) -> None:
    """Let events that are behind the endpoint's cursor be sent once more. What is parked stays so.

    Each is told as following the one just before it in the journal, whose turn it is before unless it is not replayed.
    """
    found = select(
        literal(endpoint), journal.c.seq, journal.c.seq - 1, literal("replayed"), literal(now_ns, Big), true(), true()
    ).where(*_in(span))
    there = select(parked.c.seq).where(parked.c.endpoint == endpoint)
    names = ("endpoint", "seq", "previous", "reason", "parked_ns", "again", "announced")
    connection.execute(insert(parked).from_select(names, found.where(journal.c.seq.not_in(there))))


def replayed(connection: Connection, span: Replayed) -> Range:
    """What `replay` would take."""
    query = select(func.count(), func.min(journal.c.seq), func.max(journal.c.seq)).where(*_in(span))
    return Range(*connection.execute(query).one())


def _in(span: Replayed) -> tuple[ColumnElement[bool], ...]:
    return (journal.c.seq <= span.upto, journal.c.opened_ns >= span.since_ns, journal.c.opened_ns < span.until_ns)


def _row(endpoint: str, one: Missed) -> dict[str, object]:
    return {"endpoint": endpoint, "seq": one.seq, "previous": one.previous}


def unannounced(connection: Connection, endpoint: str, before: int) -> list[Numbers]:
    """The first numbers below `before` of which the endpoint has not been told yet that they were set aside."""
    found = connection.execute(_UNANNOUNCED, {"of": endpoint, "before": before})
    return _runs(Missed(row.seq, row.previous) for row in found)[:MOST_ANNOUNCED]


def _runs(missed: Iterable[Missed]) -> list[Numbers]:
    """Each begins behind an event that was not set aside."""
    runs: list[Numbers] = []
    for one in missed:
        if runs and one.previous <= runs[-1].upto:
            runs[-1] = Numbers(runs[-1].after, one.seq)
        else:
            runs.append(Numbers(one.previous, one.seq))
    return runs


def announced(connection: Connection, endpoint: str, runs: Iterable[Numbers]) -> None:
    for run in runs:
        these = (parked.c.endpoint == endpoint, parked.c.seq > run.after, parked.c.seq <= run.upto)
        connection.execute(update(parked).where(*these).values(announced=True))


def due(connection: Connection, endpoint: str, most: int) -> list[tuple[Entry, int]]:
    """What is to be sent once more, in order, each with the number of the one before it."""
    rows = connection.execute(_DUE, {"of": endpoint, "most": most})
    return [(Entry(*row[:-1]), row.previous) for row in rows]


def remove(connection: Connection, endpoint: str, seqs: Collection[int]) -> int:
    """Forget them; how many there were."""
    return connection.execute(delete(parked).where(*_these(connection, endpoint)), _given(connection, seqs)).rowcount


def retry(connection: Connection, endpoint: str, seqs: Collection[int]) -> int:
    """Let them be sent once more; how many there were."""
    query = update(parked).where(*_these(connection, endpoint), parked.c.again.is_(False)).values(again=True)
    return connection.execute(query, _given(connection, seqs)).rowcount


def listed(connection: Connection, endpoint: str | None = None, seqs: Collection[int] = ()) -> list[Parked]:
    """What is set aside, by endpoint and number; of one endpoint or all, of some numbers or all."""
    names = ("endpoint", "seq", "previous", "reason", "parked_ns", "again")
    columns = [*(parked.c[name] for name in names), journal.c.repository, journal.c.action]
    query = select(*columns).join_from(parked, journal, parked.c.seq == journal.c.seq)
    if endpoint is not None:
        query = query.where(parked.c.endpoint == endpoint)
    if seqs:
        query = query.where(_numbered(connection))
    found = connection.execute(query.order_by(parked.c.endpoint, parked.c.seq), _given(connection, seqs))
    return [Parked(*row) for row in found]


def _these(connection: Connection, endpoint: str) -> tuple[ColumnElement[bool], ...]:
    return (parked.c.endpoint == endpoint, _numbered(connection))


def _numbered(connection: Connection) -> ColumnElement[bool]:
    """One of those that are `_given`: there may be more than a statement takes parameters."""
    return one_of(connection.dialect.name, parked.c.seq, "seqs")


def _given(connection: Connection, seqs: Collection[int]) -> dict[str, Any]:
    return {"seqs": as_listed(connection.dialect.name, seqs)}

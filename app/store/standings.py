"""How each endpoint of our registry's notifications does."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select

from app.store import journal as entries
from app.store.cursors import FORWARDS
from app.store.schema import cursors, journal, parked


@dataclass(frozen=True, slots=True)
class Standing:
    """An endpoint has all events up to the number `seq`; `behind` have followed, the first of them at `oldest_ns`.

    `failures`: so many tries in a row, the last one with `answer`, which is None for one that takes what it is sent;
    nobody tries again before `next_try_ns`.
    `parked` wait for somebody, `again` are to be sent once more.
    """

    endpoint: str
    seq: int
    behind: int
    oldest_ns: int | None
    failures: int
    next_try_ns: int
    answer: str | None
    parked: int
    again: int

    def state(self, now_ns: int) -> str:
        return "backing off" if self.failures and self.next_try_ns > now_ns else "open"


def standings(connection: Connection, endpoints: Collection[str] = ()) -> list[Standing]:
    """Of `endpoints` and of all that were ever sent anything, by name."""
    found = connection.execute(select(cursors).where(~cursors.c.endpoint.startswith(FORWARDS)))
    rows = {row.endpoint: row for row in found}
    waiting, last = _waiting(connection), entries.head(connection)[1]
    return [_standing(connection, name, rows.get(name), last, waiting) for name in sorted({*rows, *endpoints})]


def standing(connection: Connection, endpoint: str) -> Standing:
    row = connection.execute(select(cursors).where(cursors.c.endpoint == endpoint)).one_or_none()
    return _standing(connection, endpoint, row, entries.head(connection)[1], _waiting(connection))


def _standing(
    connection: Connection, endpoint: str, row: Row[Any] | None, last: int, waiting: Mapping[tuple[str, bool], int]
) -> Standing:
    seq = row.seq if row else 0
    return Standing(
        endpoint=endpoint,
        seq=seq,
        behind=last - seq,
        oldest_ns=_first_behind(connection, seq),
        failures=row.failures if row else 0,
        next_try_ns=row.next_try_ns if row else 0,
        answer=row.last_answer if row else None,
        parked=waiting.get((endpoint, False), 0),
        again=waiting.get((endpoint, True), 0),
    )


def _first_behind(connection: Connection, seq: int) -> int | None:
    query = select(journal.c.opened_ns).where(journal.c.seq > seq).order_by(journal.c.seq).limit(1)
    return connection.execute(query).scalar_one_or_none()


def _waiting(connection: Connection) -> dict[tuple[str, bool], int]:
    """How many are set aside, by endpoint and whether they are to be sent once more."""
    key = (parked.c.endpoint, parked.c.again)
    query = select(*key, func.count().label("number")).group_by(*key)
    return {(row.endpoint, row.again): row.number for row in connection.execute(query)}

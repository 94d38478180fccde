"""The repositories that were told of: which there are, and when each was first told of."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Executable, Select, Table, delete, select, union

from app.domain.events import MADE_UP, Event
from app.store.dialect import row_of, rows, upsert
from app.store.schema import changes, events, repositories, tags

_KEY = (repositories.c.registry, repositories.c.repository)
_First = dict[tuple[str, str], tuple[int, int]]
"""By registry and repository: time and seq of the earliest event about it."""


def note(connection: Connection, new: Sequence[Event]) -> None:
    """Take in when `new` events tell of repositories; nothing is written of those that were told of before."""
    told = _earliest(new)
    if not told:
        return
    known = _known(connection, told)
    earlier = {key: first for key, first in sorted(told.items()) if key not in known or first < known[key]}
    upsert(connection, repositories, [_values(key, first) for key, first in earlier.items()])


def _earliest(new: Sequence[Event]) -> _First:
    told: _First = {}
    for event in new:
        if event.report.repository not in ("", MADE_UP):
            key, first = (event.registry, event.report.repository), (event.time_ns, event.seq)
            told[key] = min(told.get(key, first), first)
    return told


def _known(connection: Connection, told: _First) -> _First:
    dialect = connection.dialect.name
    found = connection.execute(_load(dialect), rows(dialect, list(told)))
    return {(row.registry, row.repository): (row.first_ns, row.first_seq) for row in found}


@cache
def _load(dialect: str) -> Select[Any]:
    return select(repositories).where(row_of(dialect, _KEY))


def _values(key: tuple[str, str], first: tuple[int, int]) -> dict[str, Any]:
    return {"registry": key[0], "repository": key[1], "first_ns": first[0], "first_seq": first[1]}


def written_first(connection: Connection, name: tuple[str, str]) -> tuple[int, int] | None:
    """(time, seq) of its earliest event, as it is written down."""
    query = select(repositories.c.first_ns, repositories.c.first_seq).where(*_named(repositories, name))
    row = connection.execute(query).one_or_none()
    return (row.first_ns, row.first_seq) if row else None


def told_first(connection: Connection, name: tuple[str, str]) -> tuple[int, int] | None:
    """(time, seq) of its earliest event that is there."""
    query = select(events.c.time_ns, events.c.seq).where(*_named(events, name))
    row = connection.execute(query.order_by(events.c.time_ns, events.c.seq).limit(1)).one_or_none()
    return (row.time_ns, row.seq) if row else None


def put(connection: Connection, name: tuple[str, str], first: tuple[int, int]) -> None:
    upsert(connection, repositories, [_values(name, first)])


def remove(connection: Connection, name: tuple[str, str]) -> None:
    connection.execute(delete(repositories).where(*_named(repositories, name)))


def _named(table: Table, name: tuple[str, str]) -> list[ColumnElement[bool]]:
    return [table.c.registry == name[0], table.c.repository == name[1]]


def all_names(connection: Connection) -> list[tuple[str, str]]:
    """(registry, repository) of every one that has an event, a change or a tag, or is said to have one."""
    told = select(events.c.registry, events.c.repository).where(events.c.repository.not_in(("", MADE_UP)))
    written = (select(table.c.registry, table.c.repository) for table in (changes, tags, repositories))
    return _sorted(connection, union(told, *written))


def touched_after(connection: Connection, seq: int) -> list[tuple[str, str]]:
    """Those of whose tags an event behind `seq` tells."""
    told = select(events.c.registry, events.c.repository).where(events.c.scope.is_not(None), events.c.seq > seq)
    return _sorted(connection, told.distinct())


def _sorted(connection: Connection, query: Executable) -> list[tuple[str, str]]:
    return sorted((row.registry, row.repository) for row in connection.execute(query))

"""When each repository was first told of."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, select

from app.domain.events import Event
from app.store.dialect import row_of, rows, upsert
from app.store.schema import repositories

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
        if event.report.repository:
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

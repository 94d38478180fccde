"""Keyset paging: a page ends at a row, and the next one begins behind that row's key."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Column, ColumnElement, Connection, Row, Select, and_, tuple_

from app.domain.errors import TagtrailError
from app.domain.text import storable

T = TypeVar("T")

_INT64 = 2**63
AnyRow = Row[*tuple[Any, ...]]
"""A row of whatever columns; each function names those it takes."""


class CursorError(TagtrailError, ValueError):
    """A cursor that no page of this kind ever gave out."""

    def __init__(self, cursor: str) -> None:
        super().__init__(f"not a cursor of this list: {cursor[:40]!r}; take it from `next` of the page before")
        self.cursor = cursor


@dataclass(frozen=True, slots=True)
class Paging:
    """At most `limit` rows, behind `cursor` (None: from the start)."""

    limit: int = 100
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows, and the cursor of the next page if there is one."""

    items: tuple[T, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Key:
    """The columns that order a list and tell its rows apart; none is ever NULL."""

    columns: tuple[Column[Any], ...]
    newest_first: bool = True

    def order(self) -> list[ColumnElement[Any]]:
        return [column.desc() if self.newest_first else column.asc() for column in self.columns]

    def beyond(self, values: Sequence[Any]) -> ColumnElement[bool]:
        """The first column is compared once more alone: an index may begin with it and go on otherwise."""
        first, all_columns = self.columns[0], tuple_(*self.columns)
        if self.newest_first:
            return and_(first <= values[0], all_columns < tuple_(*values))
        return and_(first >= values[0], all_columns > tuple_(*values))

    def of(self, row: AnyRow) -> list[Any]:
        return [row._mapping[column] for column in self.columns]


def fetch(
    connection: Connection, query: Select[Any], key: Key, paging: Paging, make: Callable[[AnyRow], T]
) -> Page[T]:
    """One page of `query`, which selects the columns of `key`. Raises CursorError."""
    if paging.cursor is not None:
        query = query.where(key.beyond(decode(paging.cursor, key)))
    rows = connection.execute(query.order_by(*key.order()).limit(paging.limit + 1)).all()
    shown = rows[: paging.limit]
    more = len(rows) > len(shown)
    return Page(tuple(make(row) for row in shown), encode(key.of(shown[-1])) if more else None)


def encode(values: Sequence[Any]) -> str:
    text = json.dumps(values, separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(cursor: str, key: Key) -> list[Any]:
    """The values of a cursor of `key`. Raises CursorError."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, RecursionError):
        raise CursorError(cursor) from None
    if not (isinstance(values, list) and len(values) == len(key.columns)):
        raise CursorError(cursor)
    if not all(_fits(value, column) for value, column in zip(values, key.columns, strict=True)):
        raise CursorError(cursor)
    return values


def _fits(value: object, column: Column[Any]) -> bool:
    if column.type.python_type is int:
        return type(value) is int and -_INT64 <= value < _INT64
    return isinstance(value, str) and value == storable(value)

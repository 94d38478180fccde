"""Keyset paging: a page ends at a row, and the next one begins behind that row's key."""

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast, get_args, get_type_hints

from sqlalchemy import Column, ColumnElement, Connection, Row, Select, and_, select, tuple_, union_all

from app.domain.errors import TagtrailError
from app.domain.text import storable
from app.store.engine import Engine, reading

T = TypeVar("T")

_INT64 = 2**63
MOST_LOOKED_AT = 2000
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
class KeptPage(Page[T]):
    """Of what is not kept for ever: what happened since `complete_since_ns` is all there. None: nothing has gone."""

    complete_since_ns: int | None


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

    def upto(self, values: Sequence[Any]) -> ColumnElement[bool]:
        """What `beyond` would leave out."""
        first, all_columns = self.columns[0], tuple_(*self.columns)
        if self.newest_first:
            return and_(first >= values[0], all_columns >= tuple_(*values))
        return and_(first <= values[0], all_columns <= tuple_(*values))

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


def fetch_some(
    connection: Connection,
    query: Select[Any],
    condition: ColumnElement[bool],
    paged: tuple[Key, Paging],
    make: Callable[[AnyRow], T],
) -> Page[T]:
    """As `fetch`, of those rows of `query` for which `condition` holds, however few these are.

    It looks at MOST_LOOKED_AT rows at most: a page may be short, or empty, and still have a next. Raises CursorError.
    """
    key, paging = paged
    if paging.cursor is not None:
        query = query.where(key.beyond(decode(paging.cursor, key)))
    keys = query.with_only_columns(*key.columns).order_by(*key.order())
    last = connection.execute(keys.offset(MOST_LOOKED_AT - 1).limit(1)).one_or_none()
    if last is None:
        return fetch(connection, query.where(condition), key, Paging(paging.limit), make)
    upto = query.where(key.upto(list(last)), condition)
    found = fetch(connection, upto, key, Paging(paging.limit), make)
    return found if found.next else Page(found.items, encode(list(last)))


def fetch_from(
    connection: Connection,
    query: Select[Any],
    places: Sequence[ColumnElement[bool]],
    paged: tuple[Key, Paging],
    make: Callable[[AnyRow], T],
) -> Page[T]:
    """As `fetch`, of the rows for which one of a few `places` holds; an index must lead to each of them in order.

    Of each place no more is read than one page of all. Raises CursorError.
    """
    key, paging = paged
    if not places:
        return Page((), None)
    (identity,) = key.columns[0].table.primary_key.columns
    first = query.with_only_columns(identity).order_by(*key.order()).limit(paging.limit + 1)
    if paging.cursor is not None:
        first = first.where(key.beyond(decode(paging.cursor, key)))
    each = (first.where(place).subquery() for place in places)
    ids = union_all(*(select(one.c[identity.name]) for one in each))
    return fetch(connection, query.where(identity.in_(ids)), key, paging, make)


def every(engine: Engine, ask: Callable[[Connection, Paging], Page[T]], paging: Paging) -> Iterator[T]:
    """All rows of a list from `paging` on, however many: page after page, each in a transaction of its own.

    Nothing is held open in between, so that a slow reader is no burden to those who write. Raises what `ask` raises.
    """
    following: str | None = paging.cursor
    while True:
        with reading(engine) as connection:
            found = ask(connection, Paging(paging.limit, following))
        yield from found.items
        following = found.next
        if following is None:
            return


def page_of(page: Callable[..., Page[Any]]) -> Any:
    """What a list's function declares to return: `Page[Line]`, or another kind of page."""
    return get_type_hints(page)["return"]


def line_of(page: Callable[..., Page[Any]]) -> type:
    """What a list is made of."""
    (line,) = get_args(page_of(page))
    return cast(type, line)


Keyed = tuple[list[Any], T]
"""With the values of its key."""


def merged(found: Page[Keyed[T]], more: Iterable[Keyed[T]], paged: tuple[Key, Paging]) -> Page[T]:
    """A page of a list, newest first, of which `found` is the page of one part, and `more` all of the rest.

    Raises CursorError.
    """
    key, paging = paged
    upto = None if found.next is None else decode(found.next, key)
    beyond = None if paging.cursor is None else decode(paging.cursor, key)
    rest = (one for one in more if (upto is None or one[0] >= upto) and (beyond is None or one[0] < beyond))
    every_one = sorted((*found.items, *rest), key=lambda one: one[0], reverse=True)
    shown = every_one[: paging.limit]
    following = encode(shown[-1][0]) if len(every_one) > len(shown) else found.next
    return Page(tuple(item for _, item in shown), following)


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

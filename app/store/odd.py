"""What SQLite lets somebody write past Tagtrail, and a reader stumbles over: bytes that are no text, and other types.

PostgreSQL takes neither.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    LargeBinary,
    Table,
    Text,
    and_,
    cast,
    func,
    or_,
    select,
)

from app.store.schema import changes, events, head, links, repositories, tags
from app.store.schema.base import Packed

_READ_AS_THEY_ARE = (events, links)
"""Their values are compared with what the chain says of them, of whatever type, but for bytes."""


@dataclass(frozen=True, slots=True)
class Odd:
    """A row with values of other types than those of their columns."""

    table: str
    key: tuple[str, ...]
    columns: tuple[str, ...]


@contextmanager
def any_text(connection: Connection) -> Iterator[None]:
    """Let what is not UTF-8 be read, as text with lone surrogates."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.driver_connection
    driver.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    try:
        yield
    finally:
        driver.text_factory = str


def rows(connection: Connection) -> Iterator[Odd]:
    """The first odd row of each table that has one."""
    if connection.dialect.name == "sqlite":
        for table in (head, events, links, changes, tags, repositories):
            yield from _first(connection, table)


def _first(connection: Connection, table: Table) -> Iterator[Odd]:
    checked = {column.name: _is_odd(column) for column in table.c if _matters(table, column)}
    key = [func.coalesce(cast(column, Text), "").label(f"key_{column.name}") for column in table.primary_key]
    labels = [odd.label(f"odd_{name}") for name, odd in checked.items()]
    row = connection.execute(select(*key, *labels).where(or_(*checked.values())).limit(1)).first()
    if row is not None:
        columns = tuple(name for name, odd in zip(checked, row[len(key) :], strict=True) if odd)
        yield Odd(table.name, tuple(row[: len(key)]), columns)


def _matters(table: Table, column: Column[object]) -> bool:
    return table not in _READ_AS_THEY_ARE or isinstance(column.type, LargeBinary | Packed)


def _is_odd(column: Column[object]) -> ColumnElement[bool]:
    """Whether it holds what its type doesn't."""
    if isinstance(column.type, Boolean):
        return func.typeof(column).concat(cast(column, Text)).not_in(("integer0", "integer1"))
    bytes_ = isinstance(column.type, LargeBinary | Packed)
    wanted = "blob" if bytes_ else "text" if column.type.python_type is str else "integer"
    odd = func.typeof(column) != wanted
    return and_(odd, column.is_not(None)) if column.nullable else odd

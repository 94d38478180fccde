"""All rows of a database as lines of JSON, and back: one form for both kinds, so that either can become the other."""

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, LargeBinary, Table, column, func, insert, inspect, select, table
from sqlalchemy.exc import DataError, IntegrityError

from app.store.engine import writing
from app.store.schema import head, journal_head, metadata
from app.store.schema.base import Packed

BATCH = 1000


@dataclass(frozen=True, slots=True)
class Shape:
    """A table as its lines have it: an array a row, in the order of `columns`; those of `binary` in base64."""

    name: str
    columns: tuple[str, ...]
    binary: tuple[str, ...]


def shapes() -> list[Shape]:
    """Every table of this version, those first to which others refer."""
    return [_shape(one) for one in metadata.sorted_tables]


def _shape(one: Table) -> Shape:
    binary = tuple(found.name for found in one.columns if isinstance(found.type, LargeBinary | Packed))
    return Shape(one.name, tuple(found.name for found in one.columns), binary)


def holds_anything(connection: Connection) -> bool:
    """Whether there is a row besides those that migrations make."""
    kept = (one for one in metadata.sorted_tables if one not in (head, journal_head))
    here = inspect(connection).get_table_names()
    first = (select(*one.primary_key.columns).limit(1) for one in kept if one.name in here)
    return any(connection.execute(query).first() is not None for query in first)


def lines(connection: Connection, shape: Shape) -> Iterator[bytes]:
    """The rows of a table, each a line, in the order of its key; a few at a time."""
    found = metadata.tables[shape.name]
    query = select(found).order_by(*found.primary_key.columns)
    binary = [shape.columns.index(name) for name in shape.binary]
    rows = connection.execution_options(stream_results=True).execute(query).yield_per(BATCH)
    for row in rows:
        values = list(row)
        for at in binary:
            values[at] = base64.b64encode(values[at]).decode() if values[at] is not None else None
        yield json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def clear(connection: Connection, shape: Shape) -> None:
    """Remove what migrations made, so that it can be put back as it was."""
    connection.execute(table(shape.name).delete())


def put(connection: Connection, shape: Shape, rows: Iterable[bytes]) -> int:
    """Insert the lines of a table; how many. Raises ValueError for one that is none, or that does not fit."""
    target = table(shape.name, *(column(name) for name in shape.columns))
    count = 0
    for batch in _batches(rows):
        try:
            connection.execute(insert(target), [_values(shape, line) for line in batch])
        except (IntegrityError, DataError) as error:
            raise ValueError(f"{shape.name} can't hold its lines {count + 1} to {count + len(batch)}") from error
        count += len(batch)
    return count


def _values(shape: Shape, line: bytes) -> dict[str, Any]:
    values = dict(zip(shape.columns, json.loads(line), strict=True))
    for name in shape.binary:
        values[name] = base64.b64decode(values[name]) if values[name] is not None else None
    return values


def _batches(rows: Iterable[bytes]) -> Iterator[Sequence[bytes]]:
    batch: list[bytes] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def count_on(engine: Engine) -> None:
    """Let numbers that the database gives out go on behind those that were put in."""
    with writing(engine) as connection:
        if connection.dialect.name != "postgresql":
            return
        for one in metadata.sorted_tables:
            key = one.autoincrement_column
            if key is not None:
                last = select(func.coalesce(func.max(key), 0) + 1).scalar_subquery()
                connection.execute(select(func.setval(func.pg_get_serial_sequence(one.name, key.name), last, False)))

"""Where the two databases differ from each other, or both from what SQLAlchemy makes of them."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Table,
    Text,
    bindparam,
    cast,
    column,
    func,
    insert,
    select,
    tuple_,
)
from sqlalchemy.dialects import postgresql, sqlite

from app.domain.errors import TagtrailError

RELEASES = {
    "sqlite": "{0}kind IN ('moved', 'restored') AND ({0}tag GLOB 'v[0-9]*.[0-9]*' OR {0}tag GLOB '[0-9]*.[0-9]*')",
    "postgresql": "{0}kind IN ('moved', 'restored') AND {0}tag ~ '^v?[0-9].*[.][0-9]'",
}
"""Changes that may have moved a release, as far as an index can tell: questions repeat it, with `changes.` for {0}."""

NO_PULL = "action <> 'pull'"
"""Events that are few: a question about another action repeats it, so that an index of these alone leads to them."""
SLOW = "scope IS NOT NULL AND received_ns - time_ns > 60000000000"
"""Events of tags that were received more than a minute after they happened; the same, with SLOW_NS."""
SLOW_NS = 60 * 10**9
RARE = "kind NOT IN ('created', 'moved')"
"""Changes that are few; the same."""


def one_of(dialect: str, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Whether `column` is in the list that the parameter `name` holds (`listed`).

    An IN with a parameter for each value is compiled and planned anew for each length, and can't be longer than the
    database allows; this is one statement for all.
    """
    if dialect == "sqlite":
        return column.in_(select(func.json_each(bindparam(name)).table_valued("value").c.value))
    kind = BigInteger if column.type.python_type is int else Text
    return column == func.any(bindparam(name, type_=ARRAY(kind)))


def listed(dialect: str, values: Iterable[str] | Iterable[int]) -> Any:
    """`values` as one parameter, for `one_of`."""
    return json.dumps(list(values)) if dialect == "sqlite" else list(values)


def row_of(dialect: str, columns: Sequence[Any], given: Collection[Sequence[str]] | None = None) -> ColumnElement[bool]:
    """Whether the texts in `columns` are one of the rows that the parameters of `rows` hold, or of those `given`.

    SQLite searches an index for rows of a subquery; for rows that are written out it reads the whole table.
    """
    return tuple_(*columns).in_(given_rows(dialect, [column.name for column in columns], given))


def given_rows(dialect: str, names: Sequence[str], given: Collection[Sequence[str]] | None = None) -> Select[Any]:
    """The rows themselves, as columns of these names."""
    held = {} if given is None else rows(dialect, given)

    def parameter(name: str, kind: Any = None) -> Any:
        return bindparam(name, held[name], kind, unique=True) if held else bindparam(name, type_=kind)

    found: Iterable[ColumnElement[Any]]
    if dialect == "sqlite":
        row = func.json_each(parameter("rows")).table_valued("value").c.value
        found = (func.json_extract(row, f"$[{at}]", type_=Text).label(name) for at, name in enumerate(names))
    else:
        arrays = (parameter(f"rows_{at}", ARRAY(Text)) for at in range(len(names)))
        found = func.unnest(*arrays).table_valued(*(column(name, Text) for name in names)).render_derived().c
    rows_: Select[Any] = select(*found)
    return rows_


def rows(dialect: str, values: Collection[Sequence[str]]) -> dict[str, Any]:
    """At least one row as parameters for `row_of`."""
    if dialect == "sqlite":
        return {"rows": json.dumps(list(values))}
    return {f"rows_{at}": list(column) for at, column in enumerate(zip(*values, strict=True))}


def add_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows of the same columns, whose texts are storable.

    PostgreSQL gets all of them in one parameter: as many statements cost it, and psycopg, several times the work.
    """
    names = tuple(rows[0])
    if connection.dialect.name == "sqlite":
        connection.execute(_insert(table), list(rows))
    else:
        written = [{name: _in_json(value) for name, value in row.items()} for row in rows]
        connection.execute(_add_rows(table, names), {"rows": json.dumps(written)})


@cache
def _insert(table: Table) -> Any:
    return insert(table)


def _in_json(value: Any) -> Any:
    return f"\\x{value.hex()}" if isinstance(value, bytes) else value


@cache
def _add_rows(table: Table, names: tuple[str, ...]) -> Any:
    columns = (column(name, table.c[name].type) for name in names)
    given = func.json_to_recordset(cast(bindparam("rows", type_=Text), JSON)).table_valued(*columns, name="given")
    return insert(table).from_select(names, select(*given.render_derived(with_types=True).c))


Changed = Callable[[Any], Mapping[str, Any]]


def upsert(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], changed: Changed | None = None
) -> None:
    """Insert `rows`; where the primary key is there already, set what `changed` says of the row that was to come.

    Without it every other column is set; `leave` sets none. It must be a function that lasts: the statement is kept.
    """
    if rows:
        connection.execute(_upsert(connection.dialect.name, table, tuple(rows[0]), changed), list(rows))


def leave(_excluded: Any) -> Mapping[str, Any]:
    return {}


@cache
def _upsert(dialect: str, table: Table, names: tuple[str, ...], changed: Changed | None) -> Any:
    if dialect == "sqlite":
        statement: Any = sqlite.insert(table)
    elif dialect == "postgresql":
        statement = postgresql.insert(table)
    else:
        raise TagtrailError(f"no support for {dialect}")
    keys = [column.name for column in table.primary_key]
    if changed is None:
        values: Mapping[str, Any] = {name: statement.excluded[name] for name in names if name not in keys}
    else:
        values = changed(statement.excluded)
    if values:
        return statement.on_conflict_do_update(index_elements=keys, set_=values)
    return statement.on_conflict_do_nothing(index_elements=keys)

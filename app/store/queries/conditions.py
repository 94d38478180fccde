"""The parts of WHERE that several questions share."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, exists, func, select

from app.domain.text import storable
from app.store.schema import changes, events

_INT64 = 2**63


def equal(table: Table, asked: object, names: Iterable[str]) -> list[ColumnElement[bool]]:
    """`table.name = asked.name` for each of `names` that is asked for."""
    wanted = ((name, getattr(asked, name)) for name in names)
    return [table.c[name] == storable(value) for name, value in wanted if value is not None]


def within(column: Column[Any], since_ns: int | None, until_ns: int | None) -> list[ColumnElement[bool]]:
    """since ≤ column < until, as far as either is given. Moments beyond 64 bits are as good as the last within."""
    conditions: list[ColumnElement[bool]] = []
    if since_ns is not None:
        conditions.append(column >= storable_ns(since_ns))
    if until_ns is not None:
        conditions.append(column < storable_ns(until_ns))
    return conditions


def storable_ns(time_ns: int) -> int:
    """The moment nearest to `time_ns` that the database can hold (years 1677 to 2262)."""
    return max(-_INT64, min(time_ns, _INT64 - 1))


def in_repository(
    connection: Connection, table: Table, registry: str | None, repository: str | None
) -> list[ColumnElement[bool]]:
    """Where a repository is named without its registry, the registries are named here: indexes begin with them."""
    if repository is None:
        return [] if registry is None else [table.c.registry == storable(registry)]
    found = [registry] if registry is not None else _registries(connection, table, repository)
    named = [storable(name) for name in found]
    in_registry = table.c.registry == named[0] if len(named) == 1 else table.c.registry.in_(named)
    return [in_registry, table.c.repository == storable(repository)]


def registries_with(connection: Connection, repository: str) -> list[str]:
    """The registries that have told of `repository`, sorted."""
    found = {*_registries(connection, events, repository), *_registries(connection, changes, repository)}
    return sorted(found)


def _registries(connection: Connection, table: Table, repository: str) -> list[str]:
    """Steps from one registry to the next along the index; no database does that for DISTINCT by itself."""
    names = select(func.min(table.c.registry).label("registry")).cte("names", recursive=True)
    following = select(func.min(table.c.registry)).where(table.c.registry > names.c.registry).scalar_subquery()
    names = names.union_all(select(following).where(names.c.registry.is_not(None)))
    known = exists().where(table.c.registry == names.c.registry, table.c.repository == storable(repository))
    return list(connection.execute(select(names.c.registry).where(names.c.registry.is_not(None), known)).scalars())

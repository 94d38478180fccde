"""The parts of WHERE that several questions share."""

import re
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Table,
    and_,
    exists,
    false,
    func,
    or_,
    select,
    true,
    tuple_,
)

from app.domain.access import AccessScope, Glob
from app.domain.events import MAX_AHEAD_NS
from app.domain.names import is_pattern
from app.domain.patterns import glob_expression
from app.domain.text import storable
from app.store.queries.paging import AnyRow, Key, Page, Paging, fetch, fetch_from, fetch_some
from app.store.schema import changes, events, repositories

T = TypeVar("T")
_INT64 = 2**63
_WILD = re.compile(r"[*?]")


class Named(Protocol):
    """A question that may name a registry, a repository and a tag, the last two by patterns too."""

    @property
    def registry(self) -> str | None: ...
    @property
    def repository(self) -> str | None: ...
    @property
    def tag(self) -> str | None: ...


def equal(table: Table, asked: object, names: Iterable[str]) -> list[ColumnElement[bool]]:
    """`table.name = asked.name` for each of `names` that is asked for."""
    wanted = ((name, getattr(asked, name)) for name in names)
    return [table.c[name] == storable(value) for name, value in wanted if value is not None]


def in_scope(table: FromClause, scope: AccessScope) -> list[ColumnElement[bool]]:
    """What `scope.allows` says, of the table's registry and repository.

    One repository is named so that an index leads to it. Anything else only filters what the question's own index
    leads to: a column that is compared as it is would tempt SQLite into sorting a whole registry for one page.
    """
    if scope.globs is None:
        return []
    if len(scope.globs) == 1 and _is_plain(scope.globs[0]):
        (one,) = scope.globs
        return [table.c.registry == one.registry, table.c.repository == one.repository]
    return [or_(false(), *(_in_glob(table, glob) for glob in scope.globs))]


def _is_plain(glob: Glob) -> bool:
    return not _WILD.search(f"{glob}")


def _in_glob(table: FromClause, glob: Glob) -> ColumnElement[bool]:
    return and_(_matches(table.c.registry, glob.registry), _matches(table.c.repository, glob.repository))


def _matches(column: ColumnElement[Any], pattern: str) -> ColumnElement[bool]:
    """The text before the first wildcard is compared alone first: an expression costs ten times as much a row."""
    wild = _WILD.search(pattern)
    if wild is None:
        return column.concat("") == pattern
    prefix = pattern[: wild.start()]
    begins = func.substr(column, 1, len(prefix)) == prefix
    if pattern[wild.start() :] == "**":
        return begins
    return and_(begins, column.regexp_match(glob_expression(pattern)))


def named(column: ColumnElement[Any], name: str | None) -> list[ColumnElement[bool]]:
    """That `column` is `name`, or matches it if it is a pattern; None: anything."""
    if name is None:
        return []
    return [column.regexp_match(glob_expression(storable(name))) if is_pattern(name) else column == storable(name)]


def within(column: ColumnElement[Any], since_ns: int | None, until_ns: int | None) -> list[ColumnElement[bool]]:
    """since ≤ column < until, as far as either is given. Moments beyond 64 bits are as good as the last within."""
    conditions: list[ColumnElement[bool]] = []
    if since_ns is not None:
        conditions.append(column >= storable_ns(since_ns))
    if until_ns is not None:
        conditions.append(column < storable_ns(until_ns))
    return conditions


def received_by(known_ns: int | None) -> list[ColumnElement[bool]]:
    """That an event had been received by a moment; None: whenever. An index leads to its time, none to its receipt."""
    if known_ns is None:
        return []
    return [events.c.received_ns + 0 <= storable_ns(known_ns), events.c.time_ns <= latest(known_ns)]


def latest(known_ns: int) -> int:
    """No event that had been received by then is of a later time."""
    return storable_ns(known_ns + MAX_AHEAD_NS)


def storable_ns(time_ns: int) -> int:
    """The moment nearest to `time_ns` that the database can hold (years 1677 to 2262)."""
    return max(-_INT64, min(time_ns, _INT64 - 1))


def in_repository(
    connection: Connection, table: Table, registry: str | None, repository: str | None
) -> list[ColumnElement[bool]]:
    """Where a repository is named without its registry, the registries are named here: indexes begin with them.

    What a pattern matches is looked up among all repositories, which are few beside what is told of them.
    """
    if repository is None:
        return [] if registry is None else [table.c.registry == storable(registry)]
    if table is repositories:
        return [*in_repository(connection, table, registry, None), *named(table.c.repository, repository)]
    if is_pattern(repository):
        return [tuple_(table.c.registry, table.c.repository).in_(_matching(registry, repository))]
    found = [registry] if registry is not None else _registries(connection, table, repository)
    names = [storable(name) for name in found]
    in_registry = table.c.registry == names[0] if len(names) == 1 else table.c.registry.in_(names)
    return [in_registry, table.c.repository == storable(repository)]


FEW = 20


def fetch_told(
    connection: Connection,
    scope: AccessScope,
    query: Select[Any],
    asked: tuple[Named, Key, Paging],
    make: Callable[[AnyRow], T],
) -> Page[T]:
    """A page of `query` in the order of time, of what is told of the repositories and tags that are asked for and in
    scope.

    If a registry or a pattern has few repositories, an index leads to each of them. If it has many, and where no index
    leads to a tag, what is asked for is among the rest, and a page may be short and have a next. Raises CursorError.
    """
    names, key, paging = asked
    table = key.columns[0].table
    query, tagged = query.where(*in_scope(table, scope)), named(table.c.tag, names.tag)
    one = names.repository is not None and not is_pattern(names.repository)
    if one or (names.registry is None and names.repository is None):
        query = query.where(*in_repository(connection, table, names.registry, names.repository))
        if not tagged or (one and table is changes):
            return fetch(connection, query.where(*tagged), key, paging, make)
        return fetch_some(connection, query, and_(*tagged), (key, paging), make)
    matching = _matching(names.registry, names.repository).where(*in_scope(repositories, scope)).limit(FEW + 1)
    found = connection.execute(matching).all()
    if len(found) <= FEW:
        places = [and_(table.c.registry == row.registry, table.c.repository == row.repository) for row in found]
        return fetch_from(connection, query.where(*tagged), places, (key, paging), make)
    among = and_(true(), *tagged, *named(table.c.repository, names.repository))
    if names.registry is not None:
        among = and_(among, table.c.registry.concat("") == storable(names.registry))
    return fetch_some(connection, query, among, (key, paging), make)


def _matching(registry: str | None, pattern: str | None) -> Select[Any]:
    query = select(repositories.c.registry, repositories.c.repository).where(*named(repositories.c.repository, pattern))
    return query if registry is None else query.where(repositories.c.registry == storable(registry))


def registries_with(connection: Connection, scope: AccessScope, repository: str) -> list[str]:
    """The registries that have told of `repository`, sorted."""
    found = {*_registries(connection, events, repository), *_registries(connection, changes, repository)}
    return sorted(name for name in found if scope.allows(name, repository))


def _registries(connection: Connection, table: Table, repository: str) -> list[str]:
    """Steps from one registry to the next along the index; no database does that for DISTINCT by itself."""
    names = select(func.min(table.c.registry).label("registry")).cte("names", recursive=True)
    following = select(func.min(table.c.registry)).where(table.c.registry > names.c.registry).scalar_subquery()
    names = names.union_all(select(following).where(names.c.registry.is_not(None)))
    known = exists().where(table.c.registry == names.c.registry, table.c.repository == storable(repository))
    return list(connection.execute(select(names.c.registry).where(names.c.registry.is_not(None), known)).scalars())

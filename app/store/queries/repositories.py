"""Repositories, and when each was first told of."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from app.domain.access import AccessScope
from app.domain.text import storable
from app.store.queries.conditions import in_scope, latest, named, storable_ns, within
from app.store.queries.paging import AnyRow, Key, Keyed, Page, Paging, fetch, merged
from app.store.schema import events, repositories


@dataclass(frozen=True, slots=True)
class RepositoryFilter:
    """None means any; `repository` may be a pattern. `first_seen_since_ns` ≤ first seen < `first_seen_until_ns`.

    `known_ns`: only what had been received by then counts.
    """

    registry: str | None = None
    repository: str | None = None
    first_seen_since_ns: int | None = None
    first_seen_until_ns: int | None = None
    known_ns: int | None = None


@dataclass(frozen=True, slots=True)
class RepositoryLine:
    """A repository and its earliest event, `first_seq`: what that told is None where it is no longer kept."""

    registry: str
    repository: str
    first_seen_ns: int
    first_seq: int
    action: str | None
    tag: str | None
    actor: str | None
    request_addr: str | None
    origin: str | None


KEY = Key((repositories.c.first_ns, repositories.c.registry, repositories.c.repository))
_FROM_EVENT = ("action", "tag", "actor", "request_addr", "origin")
_LINES = select(repositories, *(events.c[name] for name in _FROM_EVENT)).select_from(
    repositories.outerjoin(events, events.c.seq == repositories.c.first_seq)
)


def page(connection: Connection, scope: AccessScope, asked: RepositoryFilter, paging: Paging) -> Page[RepositoryLine]:
    """The repository that was first seen last first. Raises CursorError."""
    query = _LINES.where(*_wanted(scope, asked))
    if asked.known_ns is None:
        return fetch(connection, query.where(*_first_seen(repositories.c.first_ns, asked)), KEY, paging, _line)
    known_ns = storable_ns(asked.known_ns)
    in_time = or_(events.c.received_ns <= known_ns, events.c.seq.is_(None))
    query = query.where(in_time, *_first_seen(repositories.c.first_ns, asked))
    found = fetch(connection, query, KEY, paging, lambda row: (KEY.of(row), _line(row)))
    return merged(found, _then(connection, scope, asked, known_ns), (KEY, paging))


def _wanted(scope: AccessScope, asked: RepositoryFilter) -> list[ColumnElement[bool]]:
    in_registry = [] if asked.registry is None else [repositories.c.registry == storable(asked.registry)]
    by_then = [] if asked.known_ns is None else [repositories.c.first_ns <= latest(asked.known_ns)]
    return [*in_scope(repositories, scope), *named(repositories.c.repository, asked.repository), *in_registry, *by_then]


def _first_seen(column: ColumnElement[int], asked: RepositoryFilter) -> list[ColumnElement[bool]]:
    return within(column, asked.first_seen_since_ns, asked.first_seen_until_ns)


def _then(
    connection: Connection, scope: AccessScope, asked: RepositoryFilter, known_ns: int
) -> Iterator[Keyed[RepositoryLine]]:
    """Those whose earliest event came later than `known_ns`, by the earliest one that had come by then."""
    told = events.alias("told")
    of_it = and_(told.c.registry == repositories.c.registry, told.c.repository == repositories.c.repository)
    first = (
        select(told.c.seq)
        .where(of_it, told.c.received_ns <= known_ns)
        .order_by(told.c.time_ns, told.c.seq)
        .limit(1)
        .scalar_subquery()
    )
    late = (
        select(first.label("seq"))
        .join_from(repositories, events, events.c.seq == repositories.c.first_seq)
        .where(*_wanted(scope, asked), events.c.received_ns > known_ns)
        .subquery("late")
    )
    when = events.c.time_ns.label("first_ns"), events.c.seq.label("first_seq")
    columns = [events.c[name] for name in ("registry", "repository", *_FROM_EVENT)]
    query = select(*columns, *when).join(late, late.c.seq == events.c.seq)
    for row in connection.execute(query.where(*_first_seen(events.c.time_ns, asked))):
        line = _line(row)
        yield [line.first_seen_ns, line.registry, line.repository], line


def _line(row: AnyRow) -> RepositoryLine:
    told = (row._mapping[name] for name in _FROM_EVENT)
    return RepositoryLine(row.registry, row.repository, row.first_ns, row.first_seq, *told)

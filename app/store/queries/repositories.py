"""Repositories, and when each was first told of."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from app.domain.access import AccessScope
from app.domain.text import storable
from app.store.queries.conditions import in_scope, named, within
from app.store.queries.paging import AnyRow, Key, Page, Paging, fetch
from app.store.schema import events, repositories


@dataclass(frozen=True, slots=True)
class RepositoryFilter:
    """None means any; `repository` may be a pattern. `first_seen_since_ns` ≤ first seen < `first_seen_until_ns`."""

    registry: str | None = None
    repository: str | None = None
    first_seen_since_ns: int | None = None
    first_seen_until_ns: int | None = None


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
    query = _LINES.where(
        *in_scope(repositories, scope),
        *named(repositories.c.repository, asked.repository),
        *within(repositories.c.first_ns, asked.first_seen_since_ns, asked.first_seen_until_ns),
    )
    if asked.registry is not None:
        query = query.where(repositories.c.registry == storable(asked.registry))
    return fetch(connection, query, KEY, paging, _line)


def _line(row: AnyRow) -> RepositoryLine:
    told = (row._mapping[name] for name in _FROM_EVENT)
    return RepositoryLine(row.registry, row.repository, row.first_ns, row.first_seq, *told)

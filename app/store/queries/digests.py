"""All that is known of one digest: who brought it, and which tags have pointed to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, false, func, or_, select, union

from app.domain.access import AccessScope
from app.domain.events import Scope
from app.domain.text import storable
from app.store.queries import events as event_queries
from app.store.queries import tags as tag_queries
from app.store.queries.conditions import in_scope, received_by
from app.store.queries.events import EventFilter, EventLine
from app.store.queries.paging import Page, Paging
from app.store.queries.periods import Period, as_known, periods
from app.store.queries.tags import TagFilter, TagLine
from app.store.schema import changes, events

_BROUGHT = or_(events.c.action.in_(("push", "mount")), events.c.scope == Scope.TAG.value)
_Conditions = Sequence[ColumnElement[bool]]
MOST_REPOSITORIES = 1000


@dataclass(frozen=True, slots=True)
class Place:
    registry: str
    repository: str


@dataclass(frozen=True, slots=True)
class DigestStory:
    """First pages of each list. The next of `pushes` are events, of `tags_now` tags, of `periods` periods."""

    digest: str
    first_push: EventLine | None
    pushes: Page[EventLine]
    tags_now: Page[TagLine]
    periods: Page[Period]
    repositories: tuple[Place, ...]


def story(
    connection: Connection, scope: AccessScope, digest: str, limit: int, known_ns: int | None = None
) -> DigestStory | None:
    """What may be seen of `digest`, each list with at most `limit` rows; None if that is nothing.

    `known_ns`: only what had been received by then counts.
    """
    digest, paging = storable(digest), Paging(limit)
    told = [events.c.digest == digest, *received_by(known_ns), *in_scope(events, scope)]
    led = [changes.c.after == digest, *in_scope(changes, scope)] if known_ns is None else [false()]
    known = (select(events.c.seq).where(*told), select(changes.c.id).where(*led))
    if all(connection.execute(query.limit(1)).first() is None for query in known):
        return None
    pushed = EventFilter(digest=digest, action="push", known_ns=known_ns)
    if known_ns is None:
        tags_now = tag_queries.page(connection, scope, TagFilter(digest=digest), paging)
        ever = periods(connection, scope, digest, paging)
    else:
        tags_now, ever = as_known(connection, scope, (digest, known_ns), paging)
    return DigestStory(
        digest=digest,
        first_push=_first_push(connection, scope, told),
        pushes=event_queries.page(connection, scope, pushed, paging),
        tags_now=tags_now,
        periods=ever,
        repositories=_repositories(connection, told, led),
    )


def _first_push(connection: Connection, scope: AccessScope, told: _Conditions) -> EventLine | None:
    query = (
        select(*event_queries.COLUMNS)
        .where(*told, events.c.action == "push")
        .order_by(events.c.time_ns, events.c.seq)
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return event_queries.line(row, scope) if row else None


def _repositories(connection: Connection, told: _Conditions, led: _Conditions) -> tuple[Place, ...]:
    """Each place that was told to hold it, at most MOST_REPOSITORIES."""
    pointed: Select[Any] = select(changes.c.registry, changes.c.repository).where(*led)
    brought = select(events.c.registry, events.c.repository).where(*told, _BROUGHT)
    both = union(pointed, brought).subquery()
    query = select(both).order_by(both.c.registry, both.c.repository).limit(MOST_REPOSITORIES)
    return tuple(Place(row.registry, row.repository) for row in connection.execute(query))


def starting_with(connection: Connection, scope: AccessScope, prefix: str, most: int) -> list[str]:
    """The first `most` digests that begin with `prefix`, e.g. `sha256:9f86`: the prefix ends within the hex part."""
    found: list[str] = []
    beyond, end = events.c.digest >= storable(prefix), f"{storable(prefix)}g"
    while len(found) < most:
        query = select(func.min(events.c.digest)).where(beyond, events.c.digest < end, *in_scope(events, scope))
        digest = connection.execute(query).scalar()
        if digest is None:
            break
        found.append(digest)
        beyond = events.c.digest > digest
    return found

"""All that is known of one digest: who brought it, and which tags have pointed to it."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, and_, func, select, tuple_, union

from app.domain.access import AccessScope
from app.domain.changes import Kind
from app.domain.text import storable
from app.store.queries import events as event_queries
from app.store.queries import tags as tag_queries
from app.store.queries.changes import IS_LINE, KEY, ORDER
from app.store.queries.conditions import in_scope
from app.store.queries.events import EventFilter, EventLine
from app.store.queries.paging import AnyRow, Page, Paging, fetch
from app.store.queries.tags import TagFilter, TagLine
from app.store.schema import changes, events

_BRINGING = ("push", "mount")
MOST_REPOSITORIES = 1000


@dataclass(frozen=True, slots=True)
class Period:
    """A time in which a tag pointed to the digest, and who began it. `until_ns` None: it still does."""

    registry: str
    repository: str
    tag: str
    since_ns: int
    until_ns: int | None
    kind: str
    actor: str | None
    origin: str
    provenance: str


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


def story(connection: Connection, scope: AccessScope, digest: str, limit: int) -> DigestStory | None:
    """What may be seen of `digest`, each list with at most `limit` rows; None if that is nothing."""
    digest = storable(digest)
    told = select(events.c.seq).where(events.c.digest == digest, *in_scope(events, scope)).limit(1)
    led = select(changes.c.id).where(changes.c.after == digest, *in_scope(changes, scope)).limit(1)
    if connection.execute(told).first() is None and connection.execute(led).first() is None:
        return None
    paging = Paging(limit)
    return DigestStory(
        digest=digest,
        first_push=_first_push(connection, scope, digest),
        pushes=event_queries.page(connection, scope, EventFilter(digest=digest, action="push"), paging),
        tags_now=tag_queries.page(connection, scope, TagFilter(digest=digest), paging),
        periods=periods(connection, scope, digest, paging),
        repositories=_repositories(connection, scope, digest),
    )


def _first_push(connection: Connection, scope: AccessScope, digest: str) -> EventLine | None:
    query = (
        select(*event_queries.COLUMNS)
        .where(events.c.digest == digest, events.c.action == "push", *in_scope(events, scope))
        .order_by(events.c.time_ns, events.c.seq)
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return event_queries.line(row, scope) if row else None


def periods(connection: Connection, scope: AccessScope, digest: str, paging: Paging) -> Page[Period]:
    """The times in which tags pointed to `digest`, the one that began last first. Raises CursorError."""
    later = changes.alias("later")
    ended = (
        select(func.min(later.c.time_ns))
        .where(
            later.c.registry == changes.c.registry,
            later.c.repository == changes.c.repository,
            later.c.tag == changes.c.tag,
            later.c.kind != Kind.VOID.value,
            later.c.time_ns >= changes.c.time_ns,
            tuple_(*(later.c[column.name] for column in ORDER)) > tuple_(*ORDER),
        )
        .scalar_subquery()
    )
    query = select(changes, ended.label("until_ns")).where(
        changes.c.after == storable(digest), IS_LINE, *in_scope(changes, scope)
    )
    return fetch(connection, query, KEY, paging, _period)


def _period(row: AnyRow) -> Period:
    values = (row.registry, row.repository, row.tag, row.time_ns, row.until_ns)
    return Period(*values, row.kind, row.actor, row.origin, row.provenance)


def _repositories(connection: Connection, scope: AccessScope, digest: str) -> tuple[Place, ...]:
    """Each place that was told to hold it, at most MOST_REPOSITORIES."""
    led: Select[Any] = select(changes.c.registry, changes.c.repository).where(
        changes.c.after == digest, *in_scope(changes, scope)
    )
    brought = select(events.c.registry, events.c.repository).where(
        and_(events.c.digest == digest, events.c.action.in_(_BRINGING), *in_scope(events, scope))
    )
    both = union(led, brought).subquery()
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

"""Who pulled what, from where, and who still pulls what no tag points to any more."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, exists, literal_column, select

from app.domain.access import AccessScope
from app.store import retention
from app.store.queries.conditions import equal, fetch_told, in_repository, in_scope, named, received_by, within
from app.store.queries.events import KEY
from app.store.queries.paging import AnyRow, KeptPage, Page, Paging, fetch_some
from app.store.schema import changes, events, tags


@dataclass(frozen=True, slots=True)
class PullFilter:
    """None means any; `repository` and `tag` may be patterns. `since_ns` ≤ time < `until_ns`.

    `known_ns`: only what had been received by then. `stale`: only of digests to which a tag has pointed once, and none
    does now, in any registry, as far as may be seen.
    """

    registry: str | None = None
    repository: str | None = None
    tag: str | None = None
    digest: str | None = None
    actor: str | None = None
    origin: str | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    known_ns: int | None = None
    stale: bool = False


@dataclass(frozen=True, slots=True)
class PullLine:
    """One pull; `seq` is its event's. `tag` None: it was pulled by its digest, or the registry doesn't tell."""

    seq: int
    time_ns: int
    registry: str
    repository: str
    tag: str | None
    digest: str | None
    media_type: str | None
    actor: str | None
    request_addr: str | None
    user_agent: str | None
    origin: str


_NAMES = tuple(PullLine.__dataclass_fields__)
_PULL: ColumnElement[str] = literal_column("'pull'")
"""Said to the letter, or no index of pulls alone may lead to them."""


def page(connection: Connection, scope: AccessScope, asked: PullFilter, paging: Paging) -> KeptPage[PullLine]:
    """Pulls, newest first. A page of stale ones may be short and have a next. Raises CursorError."""
    found = _page(connection, scope, asked, paging)
    return KeptPage(found.items, found.next, retention.kept_since(connection, "pull"))


def _page(connection: Connection, scope: AccessScope, asked: PullFilter, paging: Paging) -> Page[PullLine]:
    query = select(*(events.c[name] for name in _NAMES)).where(
        events.c.action == _PULL,
        *equal(events, asked, ("digest", "actor", "origin")),
        *within(events.c.time_ns, asked.since_ns, asked.until_ns),
        *received_by(asked.known_ns),
    )
    if asked.stale:
        query = query.where(
            *in_scope(events, scope),
            *in_repository(connection, events, asked.registry, asked.repository),
            *named(events.c.tag, asked.tag),
        )
        return fetch_some(connection, query, _stale(scope), (KEY, paging), _line)
    return fetch_told(connection, scope, query, (asked, KEY, paging), _line)


def _stale(scope: AccessScope) -> ColumnElement[bool]:
    """Whether a tag that may be seen has pointed to the digest, and none does now."""
    once = exists().where(changes.c.after == events.c.digest, *in_scope(changes, scope))
    return and_(once, ~exists().where(tags.c.digest == events.c.digest, *in_scope(tags, scope)))


def _line(row: AnyRow) -> PullLine:
    return PullLine(**{name: row._mapping[name] for name in _NAMES})

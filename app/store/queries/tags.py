"""Where tags point now."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from app.domain.access import AccessScope
from app.domain.names import referred_by
from app.store.queries.conditions import equal, in_repository, in_scope, named
from app.store.queries.paging import AnyRow, Key, Page, Paging, fetch
from app.store.schema import changes, tags


@dataclass(frozen=True, slots=True)
class TagFilter:
    """None means any. `repository` and `tag` may be patterns. `removed`: with tags that are gone."""

    registry: str | None = None
    repository: str | None = None
    tag: str | None = None
    digest: str | None = None
    removed: bool = False


@dataclass(frozen=True, slots=True)
class TagLine:
    """A tag's present; `digest` None: it is gone. `since_ns`: of its last change, which `actor` made as `change_id`.

    `last_ns`: the last time anything was told of it. `ambiguous`: that instant told of two digests. `referrer`: the
    digest that a signature's or referrers' tag is about.
    """

    registry: str
    repository: str
    tag: str
    digest: str | None
    since_ns: int
    last_ns: int
    ambiguous: bool
    change_id: str
    kind: str | None
    actor: str | None
    origin: str | None
    referrer: str | None


_FROM_CHANGE = ("kind", "actor", "origin")
_NAMES = tuple(name for name in TagLine.__dataclass_fields__ if name != "referrer")
_LINES = select(*(changes.c[name] if name in _FROM_CHANGE else tags.c[name] for name in _NAMES)).select_from(
    tags.outerjoin(changes, changes.c.id == tags.c.change_id)
)
KEY = Key((tags.c.registry, tags.c.repository, tags.c.tag), newest_first=False)


def page(connection: Connection, scope: AccessScope, asked: TagFilter, paging: Paging) -> Page[TagLine]:
    """Tags by registry, repository and name. Raises CursorError."""
    query = _LINES.where(
        *in_scope(tags, scope),
        *in_repository(connection, tags, asked.registry, asked.repository),
        *named(tags.c.tag, asked.tag),
        *equal(tags, asked, ("digest",)),
    )
    if not asked.removed:
        query = query.where(tags.c.digest.is_not(None))
    return fetch(connection, query, KEY, paging, _line)


def _line(row: AnyRow) -> TagLine:
    return TagLine(**{name: row._mapping[name] for name in _NAMES}, referrer=referred_by(row.tag))

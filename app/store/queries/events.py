"""Events as people look them up."""

import re
from dataclasses import dataclass

from sqlalchemy import Connection, select, text

from app.domain.access import AccessScope
from app.store.dialect import NO_PULL
from app.store.queries.conditions import equal, fetch_told, in_scope, received_by, within
from app.store.queries.paging import AnyRow, Key, Page, Paging
from app.store.schema import events


@dataclass(frozen=True, slots=True)
class EventFilter:
    """None means any. `repository` and `tag` may be patterns. `since_ns` ≤ time < `until_ns`.

    `known_ns`: only what had been received by then.
    """

    registry: str | None = None
    repository: str | None = None
    tag: str | None = None
    digest: str | None = None
    actor: str | None = None
    action: str | None = None
    origin: str | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    known_ns: int | None = None


@dataclass(frozen=True, slots=True)
class EventLine:
    """One registry fact without its bytes. Text may hold anything; `size` in bytes; `sequence` 0: none was given.

    `from_repository` is None too where it may not be seen.
    """

    seq: int
    time_ns: int
    received_ns: int
    origin: str
    event_id: str
    action: str
    scope: str | None
    registry: str
    repository: str
    tag: str | None
    digest: str | None
    media_type: str | None
    size: int | None
    from_repository: str | None
    actor: str | None
    sequence: int
    host: str | None
    request_id: str | None
    request_addr: str | None
    request_method: str | None
    user_agent: str | None
    source_addr: str | None
    source_instance: str | None
    flags: tuple[str, ...]


_OF_SEVERAL = re.compile(r"#[0-9]+(?:@[0-9]+)?\Z")
_NAMES = tuple(EventLine.__dataclass_fields__)
COLUMNS = [events.c[name] for name in _NAMES]
KEY = Key((events.c.time_ns, events.c.seq))


def page(connection: Connection, scope: AccessScope, asked: EventFilter, paging: Paging) -> Page[EventLine]:
    """Events, newest first. Raises CursorError."""
    query = select(*COLUMNS).where(
        *equal(events, asked, ("digest", "actor", "action", "origin")),
        *([text(NO_PULL)] if _asks_for_the_rare(asked) else []),
        *within(events.c.time_ns, asked.since_ns, asked.until_ns),
        *received_by(asked.known_ns),
    )
    return fetch_told(connection, scope, query, (asked, KEY, paging), lambda row: line(row, scope))


def _asks_for_the_rare(asked: EventFilter) -> bool:
    """Whether the index of few actions is the one to take; SQLite would prefer it to narrower ones."""
    narrower = (asked.digest, asked.actor, asked.repository)
    return asked.action not in (None, "pull") and all(name is None for name in narrower)


def one(connection: Connection, scope: AccessScope, seq: int) -> tuple[EventLine, bytes] | None:
    """An event and its exact bytes, if all that they tell may be seen."""
    if not 0 < seq < 2**63:
        return None
    query = select(*COLUMNS, events.c.raw).where(events.c.seq == seq, *in_scope(events, scope))
    row = connection.execute(query).one_or_none()
    if row is None or _hides_source(row, scope) or _tells_of_others(row, scope):
        return None
    return line(row, scope), row.raw


def line(row: AnyRow, scope: AccessScope) -> EventLine:
    told = row._mapping
    values = {name: told[name] for name in _NAMES} | {"flags": tuple((row.flags or "").split())}
    return EventLine(**values | ({"from_repository": None} if _hides_source(row, scope) else {}))


def _tells_of_others(row: AnyRow, scope: AccessScope) -> bool:
    """Whether its bytes are those of a body that told several events, of any repository; `accept` numbers these."""
    return scope.globs is not None and _OF_SEVERAL.search(row.event_id) is not None


def _hides_source(row: AnyRow, scope: AccessScope) -> bool:
    """Whether a blob was mounted from a repository that may not be seen."""
    return row.from_repository is not None and not scope.allows(row.registry, row.from_repository)

"""Events as people look them up."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from app.store.queries.conditions import equal, in_repository, within
from app.store.queries.paging import AnyRow, Key, Page, Paging, fetch
from app.store.schema import events


@dataclass(frozen=True, slots=True)
class EventFilter:
    """None means any. `since_ns` ≤ time < `until_ns`."""

    registry: str | None = None
    repository: str | None = None
    tag: str | None = None
    digest: str | None = None
    actor: str | None = None
    action: str | None = None
    origin: str | None = None
    since_ns: int | None = None
    until_ns: int | None = None


@dataclass(frozen=True, slots=True)
class EventLine:
    """One registry fact without its bytes. Text may hold anything; `size` in bytes; `sequence` 0: none was given."""

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


_NAMES = tuple(EventLine.__dataclass_fields__)
COLUMNS = [events.c[name] for name in _NAMES]
KEY = Key((events.c.time_ns, events.c.seq))


def page(connection: Connection, asked: EventFilter, paging: Paging) -> Page[EventLine]:
    """Events, newest first. Raises CursorError."""
    query = select(*COLUMNS).where(
        *in_repository(connection, events, asked.registry, asked.repository),
        *equal(events, asked, ("tag", "digest", "actor", "action", "origin")),
        *within(events.c.time_ns, asked.since_ns, asked.until_ns),
    )
    return fetch(connection, query, KEY, paging, line)


def one(connection: Connection, seq: int) -> tuple[EventLine, bytes] | None:
    """An event and its exact bytes."""
    if not 0 < seq < 2**63:
        return None
    row = connection.execute(select(*COLUMNS, events.c.raw).where(events.c.seq == seq)).one_or_none()
    return (line(row), row.raw) if row else None


def line(row: AnyRow) -> EventLine:
    values = {name: row._mapping[name] for name in _NAMES}
    return EventLine(**values | {"flags": tuple((row.flags or "").split())})

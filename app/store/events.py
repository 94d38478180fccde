"""Events: written once, read by the history."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Column, Connection, Row, Select, and_, bindparam, case, func, insert, or_, select

from app.domain.chain import EVENT
from app.domain.changes import TagKey
from app.domain.events import MADE_UP, MAX_AHEAD_NS, Event, Order, Report, Scope, TagEvent, provenance
from app.store import links
from app.store.dialect import listed, one_of, row_of, rows
from app.store.head import Head
from app.store.schema import events

NEWS = ("push", "delete")
"""Actions that, by a tag's name, say where it points from then on."""
ALWAYS_NS = 2**63 - 1
"""Later than anything was received."""
MOST_OF_A_CAUSE = 65_536
"""Bytes of an event that are looked into for what no column holds."""
_INSERT = insert(events)
_TAG = (events.c.registry, events.c.repository, events.c.tag)
_IDENTITY = (events.c.origin, events.c.event_id)
_TAG_EVENT = (
    events.c.time_ns, events.c.sequence, events.c.event_id, events.c.origin,
    events.c.scope, events.c.tag, events.c.digest, events.c.actor, events.c.flags,
)


def known(connection: Connection, ids: Mapping[str, Collection[str]]) -> dict[tuple[str, str], bytes]:
    """Of the event ids of each origin those that are stored, with their raw bytes."""
    return _by_id(connection, ids, events.c.raw)


def received(connection: Connection, ids: Mapping[str, Collection[str]]) -> dict[tuple[str, str], int]:
    """Of the event ids of each origin those that are stored, and when they were received."""
    return _by_id(connection, ids, events.c.received_ns)


def _by_id(
    connection: Connection, ids: Mapping[str, Collection[str]], column: Column[Any]
) -> dict[tuple[str, str], Any]:
    dialect = connection.dialect.name
    found: dict[tuple[str, str], Any] = {}
    for origin, wanted in ids.items():
        given = {"given_origin": origin, "ids": listed(dialect, wanted)}
        found.update({(origin, row[0]): row[1] for row in connection.execute(_of_ids(dialect, column), given)})
    return found


@cache
def _of_ids(dialect: str, column: Column[Any]) -> Select[Any]:
    return select(events.c.event_id, column).where(
        events.c.origin == bindparam("given_origin"), one_of(dialect, events.c.event_id, "ids")
    )


def is_there(connection: Connection, seq: int) -> bool:
    return connection.execute(select(events.c.seq).where(events.c.seq == seq)).first() is not None


def place(connection: Connection, origin: str, event_id: str) -> tuple[int, int]:
    """(when a stored event was received, its seq)."""
    query = select(events.c.received_ns, events.c.seq).where(events.c.origin == origin, events.c.event_id == event_id)
    row = connection.execute(query).one()
    return row.received_ns, row.seq


def add(connection: Connection, at: Head, new: Sequence[Event]) -> Head:
    """Write events, numbered on from `at`, with their links; the head behind them."""
    values = [row(event) for event in new]
    connection.execute(_INSERT, values)
    return links.add(connection, at, EVENT, values)


def row(event: Event) -> dict[str, Any]:
    """An event as it is stored."""
    report = event.report
    return {
        "seq": event.seq,
        "origin": event.origin,
        "event_id": event.event_id,
        "action": report.action,
        "scope": report.scope and report.scope.value,
        "registry": event.registry,
        "repository": report.repository,
        "tag": report.tag,
        "digest": report.digest,
        "media_type": report.media_type,
        "size": report.size,
        "from_repository": report.from_repository,
        "actor": report.actor,
        "time_ns": event.time_ns,
        "received_ns": event.received_ns,
        "sequence": report.sequence or 0,
        "host": report.host,
        "request_id": report.request_id,
        "request_addr": report.request_addr,
        "request_method": report.request_method,
        "user_agent": report.user_agent,
        "source_addr": report.source_addr,
        "source_instance": report.source_instance,
        "flags": " ".join(event.flags) or None,
        "raw": report.raw,
    }


def wide(
    connection: Connection,
    registry: str,
    repositories: Collection[str],
    digests: Collection[str],
    known_ns: int = ALWAYS_NS,
) -> dict[str, list[TagEvent]]:
    """By repository, what may have removed several tags: its deletes as a whole, and manifest deletes of `digests`.

    `known_ns`: as far as it was received by then.
    """
    dialect = connection.dialect.name
    wanted = {
        "given_registry": registry,
        "repositories": listed(dialect, repositories),
        "digests": listed(dialect, digests),
        "known": known_ns,
    }
    found: dict[str, list[TagEvent]] = {}
    for row in connection.execute(_wide(dialect), wanted):
        found.setdefault(row.repository, []).append(_tag_event(row))
    return found


@cache
def _wide(dialect: str) -> Select[Any]:
    """That there is a scope is said for SQLite: it doesn't see that it follows, and would read all of a repository."""
    return select(*_TAG_EVENT, events.c.repository).where(
        events.c.registry == bindparam("given_registry"),
        one_of(dialect, events.c.repository, "repositories"),
        events.c.tag.is_(None),
        events.c.scope.is_not(None),
        events.c.received_ns <= bindparam("known"),
        or_(
            events.c.scope == Scope.REPOSITORY.value,
            and_(events.c.scope == Scope.MANIFEST.value, one_of(dialect, events.c.digest, "digests")),
        ),
    )


def told_before(connection: Connection, keys: Collection[TagKey], seq: int) -> set[TagKey]:
    """Those of `keys` of which an event with a lower seq tells."""
    if not keys:
        return set()
    dialect = connection.dialect.name
    wanted = rows(dialect, [(key.registry, key.repository, key.tag) for key in keys])
    return {TagKey(*row) for row in connection.execute(_told_before(dialect), wanted | {"before": seq})}


@cache
def _told_before(dialect: str) -> Select[Any]:
    return (
        select(*_TAG)
        .where(row_of(dialect, _TAG), events.c.scope == Scope.TAG.value, events.c.seq < bindparam("before"))
        .distinct()
    )


def of_tag(connection: Connection, key: TagKey, since_ns: int, known_ns: int = ALWAYS_NS) -> list[TagEvent]:
    """What was told of one tag since a moment, as far as it was received by `known_ns`, in no order."""
    query = select(*_TAG_EVENT).where(
        events.c.registry == key.registry,
        events.c.repository == key.repository,
        events.c.tag == key.tag,
        events.c.time_ns.between(since_ns, min(known_ns, ALWAYS_NS - MAX_AHEAD_NS) + MAX_AHEAD_NS),
        events.c.scope == Scope.TAG.value,
        events.c.received_ns <= known_ns,
    )
    return [_tag_event(row) for row in connection.execute(query)]


def of_repository(connection: Connection, registry: str, repository: str) -> list[TagEvent]:
    """All that was told of a repository's tags, in no order."""
    query = select(*_TAG_EVENT).where(
        events.c.registry == registry, events.c.repository == repository, events.c.scope.is_not(None)
    )
    return [_tag_event(row) for row in connection.execute(query)]


def _tag_event(row: Any) -> TagEvent:
    order = Order(row.time_ns, row.sequence, row.event_id, row.origin)
    known = provenance(_flags(row))
    return TagEvent(order, Scope(row.scope), row.tag, row.digest, row.actor, known)


def _flags(row: Any) -> tuple[str, ...]:
    return tuple((row.flags or "").split())


def repositories_of(connection: Connection, registry: str) -> list[str]:
    """Every repository of which something was told, but the made-up one. Steps along the index, as no database does for
    DISTINCT.
    """
    first = select(func.min(events.c.repository).label("name")).where(
        events.c.registry == registry, events.c.repository != ""
    )
    names = first.cte("names", recursive=True)
    following = select(func.min(events.c.repository)).where(
        events.c.registry == registry, events.c.repository > names.c.name
    )
    names = names.union_all(select(following.scalar_subquery()).where(names.c.name.is_not(None)))
    found = connection.execute(select(names.c.name).where(names.c.name.is_not(None), names.c.name != MADE_UP))
    return list(found.scalars())


def has_news_since(connection: Connection, key: TagKey, time_ns: int) -> bool:
    """Whether the tag was pushed or deleted, by name, after `time_ns`, as far as somebody has told."""
    newer = select(events.c.seq).where(
        events.c.registry == key.registry,
        events.c.repository == key.repository,
        events.c.time_ns > time_ns,
        events.c.tag == key.tag,
        events.c.action.in_(NEWS),
    )
    return connection.execute(newer.limit(1)).first() is not None


@dataclass(frozen=True, slots=True)
class Caused:
    """What an event says beside its change. `raw` is its bytes, unless they are many."""

    action: str
    media_type: str | None
    raw: bytes | None


def causes(connection: Connection, ids: Collection[tuple[str, str]]) -> dict[tuple[str, str], Caused]:
    """What each of the events, named by (origin, event id), says."""
    if not ids:
        return {}
    dialect = connection.dialect.name
    found = connection.execute(_causes(dialect), rows(dialect, ids))
    return {(row.origin, row.event_id): Caused(row.action, row.media_type, row.raw) for row in found}


@cache
def _causes(dialect: str) -> Select[Any]:
    raw = case((func.length(events.c.raw) <= MOST_OF_A_CAUSE, events.c.raw)).label("raw")
    return select(*_IDENTITY, events.c.action, events.c.media_type, raw).where(row_of(dialect, _IDENTITY))


def by_seq(connection: Connection, seqs: Collection[int]) -> dict[int, Event]:
    """Stored events, with as much of their reports as messages tell."""
    if not seqs:
        return {}
    rows = connection.execute(select(events).where(events.c.seq.in_(list(seqs))))
    return {row.seq: _event(row) for row in rows}


def _event(row: Row[Any]) -> Event:
    report = Report(
        raw=row.raw,
        action=row.action,
        scope=Scope(row.scope) if row.scope else None,
        repository=row.repository,
        tag=row.tag,
        digest=row.digest,
        media_type=row.media_type,
        actor=row.actor,
    )
    return Event(row.origin, row.event_id, row.registry, row.time_ns, row.received_ns, _flags(row), report, row.seq)

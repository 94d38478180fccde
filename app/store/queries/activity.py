"""Everything that somebody did, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, select

from app.domain.access import AccessScope
from app.domain.changes import Change, Kind, TagKey, change_id
from app.domain.events import Order, Scope
from app.store.dialect import listed, one_of
from app.store.queries import events as event_queries
from app.store.queries import known
from app.store.queries.events import EventFilter, EventLine
from app.store.queries.paging import AnyRow, Page, Paging
from app.store.schema import changes


@dataclass(frozen=True, slots=True)
class Outcome:
    """One line of history that an event made."""

    tag: str
    kind: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Deed:
    """What an actor did, from where and with what. `outcome`: what it changed, by tag; most events change nothing."""

    seq: int
    time_ns: int
    actor: str | None
    action: str
    registry: str
    repository: str
    tag: str | None
    digest: str | None
    media_type: str | None
    request_addr: str | None
    user_agent: str | None
    origin: str
    outcome: tuple[Outcome, ...]


_NAMES = tuple(name for name in Deed.__dataclass_fields__ if name != "outcome")
_LINES = select(changes).order_by(changes.c.tag)
_Key = tuple[str, str]


def page(connection: Connection, scope: AccessScope, asked: EventFilter, paging: Paging) -> Page[Deed]:
    """What was done, newest first. Raises CursorError."""
    found = event_queries.page(connection, scope, asked, paging)
    made = _outcomes(connection, [event for event in found.items if event.scope is not None], asked.known_ns)
    return Page(tuple(_deed(event, made.get((event.origin, event.event_id), [])) for event in found.items), found.next)


def _deed(event: EventLine, outcome: Sequence[Outcome]) -> Deed:
    return Deed(**{name: getattr(event, name) for name in _NAMES}, outcome=tuple(outcome))


def _outcomes(connection: Connection, told: Sequence[EventLine], known_ns: int | None) -> dict[_Key, list[Outcome]]:
    """By origin and id of the event. What a tag's own event made has a known id; to the rest, place and time lead."""
    ids = [_identity(event) for event in told if event.scope == Scope.TAG]
    wide = [event for event in told if event.scope != Scope.TAG]
    by_id = one_of(connection.dialect.name, changes.c.id, "ids")
    found = list(connection.execute(_LINES.where(by_id), {"ids": listed(connection.dialect.name, ids)}))
    if wide:
        found += connection.execute(_LINES.where(_where_and_when(wide)))
    made: dict[_Key, list[Outcome]] = {(event.origin, event.event_id): [] for event in told}
    said = _said(connection, found, known_ns)
    for row in found:
        if row.id in said:
            made.get((row.origin, row.event_id), []).append(said[row.id])
    return made


def _said(connection: Connection, found: Sequence[AnyRow], known_ns: int | None) -> dict[str, Outcome]:
    """What each line of history says, or said when that was known, by its id; what was none then is missing."""
    if known_ns is None or not found:
        return {row.id: _outcome(row.tag, row) for row in found}
    keys = {row.id: TagKey(row.registry, row.repository, row.tag) for row in found}
    told = known.of_keys(connection, list(dict.fromkeys(keys.values())), known_ns)
    written = (row for row in found if row.time_ns < told.from_ns or keys[row.id] not in told.folded)
    said = {row.id: _outcome(row.tag, row) for row in written if row.kind != Kind.VOID}
    return said | {line.id: _outcome(key.tag, line) for key in told.folded for _, line in told.lines(key)}


def _outcome(tag: str, line: AnyRow | Change) -> Outcome:
    return Outcome(tag, str(line.kind), line.before, line.after)


def _identity(event: EventLine) -> str:
    order = Order(event.time_ns, event.sequence, event.event_id, event.origin)
    return change_id(TagKey(event.registry, event.repository, event.tag or ""), order)


def _where_and_when(told: Sequence[EventLine]) -> ColumnElement[bool]:
    return and_(
        changes.c.registry.in_({event.registry for event in told}),
        changes.c.repository.in_({event.repository for event in told}),
        changes.c.time_ns.in_({event.time_ns for event in told}),
    )

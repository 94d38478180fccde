"""Everything that somebody did, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, select

from app.domain.access import AccessScope
from app.domain.changes import TagKey, change_id
from app.domain.events import Order, Scope
from app.store.dialect import listed, one_of
from app.store.queries import events as event_queries
from app.store.queries.events import EventFilter, EventLine
from app.store.queries.paging import Page, Paging
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
    made = _outcomes(connection, [event for event in found.items if event.scope is not None])
    return Page(tuple(_deed(event, made.get((event.origin, event.event_id), [])) for event in found.items), found.next)


def _deed(event: EventLine, outcome: Sequence[Outcome]) -> Deed:
    return Deed(**{name: getattr(event, name) for name in _NAMES}, outcome=tuple(outcome))


def _outcomes(connection: Connection, told: Sequence[EventLine]) -> dict[_Key, list[Outcome]]:
    """By origin and id of the event. What a tag's own event made has a known id; to the rest, place and time lead."""
    ids = [_identity(event) for event in told if event.scope == Scope.TAG]
    wide = [event for event in told if event.scope != Scope.TAG]
    by_id = one_of(connection.dialect.name, changes.c.id, "ids")
    found = list(connection.execute(_LINES.where(by_id), {"ids": listed(connection.dialect.name, ids)}))
    if wide:
        found += connection.execute(_LINES.where(_where_and_when(wide)))
    made: dict[_Key, list[Outcome]] = {(event.origin, event.event_id): [] for event in told}
    for row in found:
        made.get((row.origin, row.event_id), []).append(Outcome(row.tag, row.kind, row.before, row.after))
    return made


def _identity(event: EventLine) -> str:
    order = Order(event.time_ns, event.sequence, event.event_id, event.origin)
    return change_id(TagKey(event.registry, event.repository, event.tag or ""), order)


def _where_and_when(told: Sequence[EventLine]) -> ColumnElement[bool]:
    return and_(
        changes.c.registry.in_({event.registry for event in told}),
        changes.c.repository.in_({event.repository for event in told}),
        changes.c.time_ns.in_({event.time_ns for event in told}),
    )

"""History from its beginning, in its order, for those who try out what rules would make of it."""

from dataclasses import dataclass

from sqlalchemy import Connection, and_, null, select

from app.domain.changes import Change
from app.store.changes import change_of
from app.store.events import Caused
from app.store.queries.changes import IS_LINE, ORDER
from app.store.queries.conditions import within
from app.store.queries.paging import AnyRow, Key, Page, Paging, fetch
from app.store.schema import changes, events

_KEY = Key((*ORDER, changes.c.id), newest_first=False)
_SAME = and_(events.c.origin == changes.c.origin, events.c.event_id == changes.c.event_id)


@dataclass(frozen=True, slots=True)
class Span:
    """`since_ns` ≤ time < `until_ns`; None: open. `raw`: with the bytes of each event."""

    since_ns: int | None
    until_ns: int | None
    raw: bool = False


def replay(connection: Connection, span: Span, paging: Paging) -> Page[tuple[Change, Caused | None]]:
    """The lines of history, oldest first, with what their events say as far as these are kept."""
    raw = events.c.raw if span.raw else null().label("raw")
    query = (
        select(changes, events.c.action, events.c.media_type, raw)
        .select_from(changes.outerjoin(events, _SAME))
        .where(IS_LINE, *within(changes.c.time_ns, span.since_ns, span.until_ns))
    )
    return fetch(connection, query, _KEY, paging, _line)


def _line(row: AnyRow) -> tuple[Change, Caused | None]:
    return change_of(row), Caused(row.action, row.media_type, row.raw) if row.action else None

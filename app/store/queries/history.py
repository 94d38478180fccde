"""The lines of history, as they are known now or as they were known at a moment."""

from dataclasses import dataclass

from sqlalchemy import Connection

from app.domain.access import AccessScope
from app.store.queries import changes, known
from app.store.queries.changes import ChangeFilter, ChangeLine
from app.store.queries.paging import Page, Paging


@dataclass(frozen=True, slots=True)
class HistoryFilter(ChangeFilter):
    """`known_ns`: only what had been received by then counts; None: all of it."""

    known_ns: int | None = None


def page(connection: Connection, scope: AccessScope, asked: HistoryFilter, paging: Paging) -> Page[ChangeLine]:
    """Changes, newest first. Raises CursorError."""
    if asked.known_ns is None:
        return changes.page(connection, scope, asked, paging)
    return known.page(connection, scope, asked, (asked.known_ns, paging))

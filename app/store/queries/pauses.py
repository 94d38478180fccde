"""What is held back."""

from dataclasses import dataclass

from sqlalchemy import Connection, or_, select

from app.domain.access import AccessScope
from app.domain.holds import Pause
from app.store.engine import now_ns
from app.store.queries.paging import AnyRow, Key, Page, Paging, fetch
from app.store.schema import pauses

KEY = Key((pauses.c.scope,), newest_first=False)
WHAT = "what is paused"


@dataclass(frozen=True, slots=True)
class PauseFilter:
    """All that are in force."""


def page(connection: Connection, scope: AccessScope, _asked: PauseFilter, paging: Paging) -> Page[Pause]:
    """Pauses in force, by scope. Raises CursorError, LimitedScopeError."""
    scope.require_everything(WHAT)
    in_force = or_(pauses.c.until_ns.is_(None), pauses.c.until_ns > now_ns(connection))
    return fetch(connection, select(pauses).where(in_force), KEY, paging, _line)


def _line(row: AnyRow) -> Pause:
    return Pause(row.scope, row.since_ns, row.until_ns, row.actor, row.reason)

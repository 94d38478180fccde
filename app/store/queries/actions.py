"""What operators did, as people look it up: it may name anything, so scopes don't reach here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from app.domain.access import AccessScope
from app.store.actions import read
from app.store.queries.conditions import equal, within
from app.store.queries.paging import AnyRow, Key, Page, Paging, fetch
from app.store.schema import actions

KEY = Key((actions.c.seq,))
WHAT = "the log of actions"


@dataclass(frozen=True, slots=True)
class ActionFilter:
    """None means any."""

    actor: str | None = None
    verb: str | None = None
    since_ns: int | None = None
    until_ns: int | None = None


@dataclass(frozen=True, slots=True)
class ActionLine:
    """`detail` is what the verb says of itself."""

    seq: int
    time_ns: int
    actor: str
    verb: str
    subject: str
    detail: Mapping[str, Any]


def page(connection: Connection, scope: AccessScope, asked: ActionFilter, paging: Paging) -> Page[ActionLine]:
    """What was done last first. Raises CursorError, LimitedScopeError."""
    scope.require_everything(WHAT)
    query = select(actions).where(
        *equal(actions, asked, ("actor", "verb")), *within(actions.c.time_ns, asked.since_ns, asked.until_ns)
    )
    return fetch(connection, query, KEY, paging, _line)


def _line(row: AnyRow) -> ActionLine:
    return ActionLine(row.seq, row.time_ns, row.actor, row.verb, row.subject, read(row.detail))

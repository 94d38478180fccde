"""Bodies that could not be read, as people look them up: nobody knows what they tell of, so scopes don't reach here."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from app.domain.access import AccessScope
from app.domain.text import storable
from app.store.queries.conditions import equal, within
from app.store.queries.paging import AnyRow, Key, Page, Paging, fetch
from app.store.schema import quarantine


@dataclass(frozen=True, slots=True)
class QuarantineFilter:
    """None means any. `resolved`: with those that were taken in later."""

    origin: str | None = None
    reason: str | None = None
    since_ns: int | None = None
    resolved: bool = False


@dataclass(frozen=True, slots=True)
class QuarantineLine:
    """`length` (bytes) and `sha256` (hex) are of the whole body, of which only the first part may be kept."""

    id: str
    origin: str
    received_ns: int
    reason: str
    detail: str
    content_type: str | None
    length: int
    sha256: str
    resolved_ns: int | None


KEY = Key((quarantine.c.received_ns, quarantine.c.id))
_NAMES = tuple(QuarantineLine.__dataclass_fields__)
_COLUMNS = [quarantine.c[name] for name in _NAMES]


WHAT = "the quarantine"


def page(
    connection: Connection, scope: AccessScope, asked: QuarantineFilter, paging: Paging
) -> Page[QuarantineLine]:
    """What was received last first. Raises CursorError, LimitedScopeError."""
    scope.require_everything(WHAT)
    query = select(*_COLUMNS).where(
        *equal(quarantine, asked, ("origin", "reason")), *within(quarantine.c.received_ns, asked.since_ns, None)
    )
    if not asked.resolved:
        query = query.where(quarantine.c.resolved_ns.is_(None))
    return fetch(connection, query, KEY, paging, _line)


def one(connection: Connection, scope: AccessScope, identity: str) -> tuple[QuarantineLine, bytes] | None:
    """An entry and as much of its body as was kept. Raises LimitedScopeError."""
    scope.require_everything(WHAT)
    query = select(*_COLUMNS, quarantine.c.body).where(quarantine.c.id == storable(identity))
    row = connection.execute(query).one_or_none()
    return (_line(row), row.body) if row else None


def _line(row: AnyRow) -> QuarantineLine:
    return QuarantineLine(**{name: row._mapping[name] for name in _NAMES})

"""What waits for approval, and what was decided."""

from dataclasses import dataclass

from sqlalchemy import Connection, Select, select

from app.domain.access import AccessScope
from app.domain.deliveries import Status
from app.domain.text import storable
from app.store.engine import now_ns
from app.store.queries.conditions import in_scope
from app.store.queries.paging import AnyRow, Key, Page, Paging, fetch
from app.store.schema import approvals, deliveries


@dataclass(frozen=True, slots=True)
class ApprovalFilter:
    """`decided`: what no longer waits too."""

    decided: bool = False


@dataclass(frozen=True, slots=True)
class ApprovalLine:
    """A deploy of `digest` that somebody has to allow until the deadline. `status` is that of its delivery, `id`.

    `decision` is approved or rejected; None while nobody decided, and for ever where nobody did in time.
    """

    id: str
    status: str
    destination: str
    rule: str
    registry: str
    repository: str
    digest: str
    asked_ns: int
    deadline_ns: int
    decision: str | None
    decided_ns: int | None
    actor: str | None
    note: str | None


KEY = Key((approvals.c.asked_ns, approvals.c.delivery_id))
_ASKED = ("digest", "asked_ns", "deadline_ns", "decision", "decided_ns", "actor", "note")
_NAMES = tuple(ApprovalLine.__dataclass_fields__)


def page(connection: Connection, scope: AccessScope, asked: ApprovalFilter, paging: Paging) -> Page[ApprovalLine]:
    """Those that wait, the one asked about last first. Raises CursorError."""
    query = _lines(scope)
    if not asked.decided:
        pending = deliveries.c.status == Status.PENDING.value
        query = query.where(pending, approvals.c.decision.is_(None), approvals.c.deadline_ns > now_ns(connection))
    return fetch(connection, query, KEY, paging, _line)


def one(connection: Connection, scope: AccessScope, identity: str) -> ApprovalLine | None:
    row = connection.execute(_lines(scope).where(approvals.c.delivery_id == storable(identity))).one_or_none()
    return None if row is None else _line(row)


def _lines(scope: AccessScope) -> Select[AnyRow]:
    columns = [(approvals if name in _ASKED else deliveries).c[name] for name in _NAMES]
    joined = approvals.join(deliveries, deliveries.c.id == approvals.c.delivery_id)
    return select(*columns, approvals.c.delivery_id).select_from(joined).where(*in_scope(deliveries, scope))


def _line(row: AnyRow) -> ApprovalLine:
    return ApprovalLine(**{name: row._mapping[name] for name in _NAMES})

"""Deliveries, what they tell and how their attempts went. No address or secret of a destination is in the database."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Connection, and_, func, not_, or_, select, text, true

from app.domain.access import EVERYTHING, AccessScope
from app.domain.approvals import APPROVED
from app.domain.text import storable
from app.domain.told import REDEPLOYED
from app.store.queries.conditions import equal, in_scope, within
from app.store.queries.paging import AnyRow, Key, Page, Paging, fetch
from app.store.schema import approvals, attempts, deliveries, delivery_changes, rule_texts


@dataclass(frozen=True, slots=True)
class Failed:
    """What was given up within a time: since ≤ the end of its last attempt, or its making if there was none, < until.

    Each stands for its redeliveries. What an operator's redeploy made is not meant, nor what nobody has approved.
    """

    since_ns: int
    until_ns: int


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """None means any. `since_ns` ≤ made."""

    status: str | None = None
    destination: str | None = None
    since_ns: int | None = None
    failed: Failed | None = None


@dataclass(frozen=True, slots=True)
class ToldLine:
    """What a delivery tells, as it was when told. `subject`: a change's id, or event:SEQ."""

    subject: str
    registry: str
    repository: str
    tag: str | None
    kind: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class AttemptLine:
    """One try. `status` None: no HTTP answer; `detail` says why. `answer` is the start of what the destination said."""

    started_ns: int
    duration_ns: int
    cause: str
    status: int | None
    detail: str
    answer: bytes


@dataclass(frozen=True, slots=True)
class DeliveryLine:
    """A message for one destination. `tries` counts since it was last made due; `attempts` is all there have been."""

    id: str
    destination: str
    purpose: str
    rule: str
    rule_version: str
    status: str
    reason: str | None
    made_ns: int
    expires_ns: int
    next_attempt_ns: int | None
    tries: int
    redelivery_of: str | None
    attempts: int = 0
    last_attempt: AttemptLine | None = None
    tells: tuple[ToldLine, ...] = field(default=())

    @property
    def maker(self) -> str:
        """The rule that made it; what Tagtrail tells of itself has none."""
        return f"rule {self.rule}" if self.rule else "a notice of Tagtrail's own"


@dataclass(frozen=True, slots=True)
class DeliveryStory:
    """A delivery with the bytes that every attempt sends, its attempts in their order, and the rule as it was written.

    `rule_text` is None for one of before rules were kept, and for who may not see everything: a rule names any place.
    """

    delivery: DeliveryLine
    content_type: str
    body: bytes
    attempts: tuple[AttemptLine, ...]
    rule_text: str | None


KEY = Key((deliveries.c.made_ns, deliveries.c.id))
_NAMES = [name for name in DeliveryLine.__dataclass_fields__ if name not in ("attempts", "last_attempt", "tells")]
_COLUMNS = [deliveries.c[name] for name in _NAMES]
_TOLD = list(ToldLine.__dataclass_fields__)
_ATTEMPT = list(AttemptLine.__dataclass_fields__)


def page(connection: Connection, scope: AccessScope, asked: DeliveryFilter, paging: Paging) -> Page[DeliveryLine]:
    """Deliveries, the one made last first. Raises CursorError."""
    query = select(*_COLUMNS).where(
        *_all_told_in(scope),
        *equal(deliveries, asked, ("status", "destination")),
        *within(deliveries.c.made_ns, asked.since_ns, None),
        *_failed(asked.failed),
    )
    found = fetch(connection, query, KEY, paging, lambda row: row)
    return Page(tuple(_lines(connection, found.items)), found.next)


def one(connection: Connection, scope: AccessScope, identity: str) -> DeliveryStory | None:
    query = (
        select(*_COLUMNS, deliveries.c.content_type, deliveries.c.body, rule_texts.c.text)
        .outerjoin(rule_texts, rule_texts.c.version == deliveries.c.rule_version)
        .where(deliveries.c.id == storable(identity), *_all_told_in(scope))
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    tries = select(*(attempts.c[name] for name in _ATTEMPT)).where(attempts.c.delivery_id == row.id)
    tried = tuple(_attempt(found) for found in connection.execute(tries.order_by(attempts.c.fence)))
    rule_text = row.text if scope == EVERYTHING else None
    return DeliveryStory(_lines(connection, [row])[0], row.content_type, row.body, tried, rule_text)


def _failed(asked: Failed | None) -> list[ColumnElement[bool]]:
    if asked is None:
        return []
    its_own = deliveries.c.id == attempts.c.delivery_id
    last = select(func.max(attempts.c.started_ns + attempts.c.duration_ns)).where(its_own).scalar_subquery()
    told = select(delivery_changes.c.subject).where(
        delivery_changes.c.delivery_id == deliveries.c.id, delivery_changes.c.kind != REDEPLOYED
    )
    unapproved = select(approvals.c.delivery_id).where(
        approvals.c.delivery_id == deliveries.c.id, func.coalesce(approvals.c.decision, "") != APPROVED
    )
    return [
        deliveries.c.status == text("'dead'"),  # so that the small index is used
        deliveries.c.redelivery_of.is_(None),
        or_(deliveries.c.digest.is_(None), told.exists()),
        not_(unapproved.exists()),
        *within(func.coalesce(last, deliveries.c.made_ns), asked.since_ns, asked.until_ns),
    ]


def _all_told_in(scope: AccessScope) -> list[ColumnElement[bool]]:
    """A delivery may be seen if it tells something, and nothing out of scope: its message has all of it."""
    if scope.globs is None:
        return []
    inside = and_(true(), *in_scope(delivery_changes, scope))
    return [_tells_what(inside), not_(_tells_what(not_(inside)))]


def _tells_what(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether the delivery of the outer row, or the one that it repeats, tells something of which `condition` holds."""
    older = deliveries.alias("older")
    itself = select(deliveries.c.id, deliveries.c.redelivery_of).correlate(deliveries)
    lineage = itself.cte(recursive=True, nesting=True)
    repeated = select(older.c.id, older.c.redelivery_of).join(lineage, older.c.id == lineage.c.redelivery_of)
    lineage = lineage.union_all(repeated)
    told = select(delivery_changes.c.subject).join(lineage, delivery_changes.c.delivery_id == lineage.c.id)
    return told.where(condition).exists()


def _lines(connection: Connection, rows: Sequence[AnyRow]) -> list[DeliveryLine]:
    ids = [row.id for row in rows]
    tells, tried = _tells(connection, rows), _last_attempts(connection, ids)
    lines = []
    for row in rows:
        values = {name: row._mapping[name] for name in _NAMES}
        count, last = tried.get(row.id, (0, None))
        lines.append(DeliveryLine(**values, attempts=count, last_attempt=last, tells=tuple(tells.get(row.id, ()))))
    return lines


def _tells(connection: Connection, rows: Sequence[AnyRow]) -> dict[str, list[ToldLine]]:
    """What each delivery tells. A redelivery under a new id tells what the first one did."""
    first = _first_of(connection, [row.id for row in rows])
    query = (
        select(delivery_changes.c.delivery_id, *(delivery_changes.c[name] for name in _TOLD))
        .where(delivery_changes.c.delivery_id.in_(set(first.values())))
        .order_by(delivery_changes.c.subject)
    )
    told: dict[str, list[ToldLine]] = {}
    for row in connection.execute(query):
        told.setdefault(row.delivery_id, []).append(ToldLine(*(row._mapping[name] for name in _TOLD)))
    return {identity: told.get(origin, []) for identity, origin in first.items()}


def _first_of(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """By id the delivery that a rule made; what was delivered again may be a redelivery itself."""
    query = select(deliveries.c.id, deliveries.c.redelivery_of).where(deliveries.c.redelivery_of.is_not(None))
    first = {identity: identity for identity in ids}
    while True:
        found = connection.execute(query.where(deliveries.c.id.in_(set(first.values()))))
        older = {row.id: row.redelivery_of for row in found}
        if not older:
            return first
        first = {identity: older.get(origin, origin) for identity, origin in first.items()}


def _last_attempts(connection: Connection, ids: Sequence[str]) -> dict[str, tuple[int, AttemptLine]]:
    """By delivery: how many attempts there were, and the last one."""
    last = (
        select(attempts.c.delivery_id, func.count().label("count"), func.max(attempts.c.fence).label("fence"))
        .where(attempts.c.delivery_id.in_(ids))
        .group_by(attempts.c.delivery_id)
        .subquery("last")
    )
    same = and_(attempts.c.delivery_id == last.c.delivery_id, attempts.c.fence == last.c.fence)
    query = select(last.c.count.label("tried"), attempts.c.delivery_id, *(attempts.c[name] for name in _ATTEMPT))
    rows = connection.execute(query.join_from(attempts, last, same))
    return {row.delivery_id: (row.tried, _attempt(row)) for row in rows}


def _attempt(row: AnyRow) -> AttemptLine:
    return AttemptLine(*(row._mapping[name] for name in _ATTEMPT))

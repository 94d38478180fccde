"""Messages for destinations: made once, claimed under a lease, tried until they end (DESIGN decisions 11 and 12)."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, case, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from app.domain.deliveries import Next, Status
from app.domain.errors import TagtrailError
from app.domain.times import SECOND_NS
from app.store import outbox
from app.store.dialect import leave, upsert
from app.store.schema import attempts, deliveries, delivery_changes, tags

CONFIRM_NS = 200 * SECOND_NS
"""How much longer a lease is where a registry is asked first: a HEAD, a GET and tokens for both, for three tags."""
SCHEDULED = "scheduled"
MANUAL = "manual"


class TakenError(TagtrailError):
    """Another fan-out told a destination of the same change at the same time; the transaction is to be tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """A message as it is made. `headers` are JSON; registry, repository and digest are those of a deploy.

    `cause`: MANUAL of what somebody asks for by hand.
    """

    id: str
    destination: str
    purpose: str
    rule: str
    rule_version: str
    status: Status = Status.PENDING
    reason: str | None = None
    content_type: str
    body: bytes
    headers: str | None
    query: str | None
    made_ns: int
    expires_ns: int
    registry: str | None = None
    repository: str | None = None
    digest: str | None = None
    confirm: bool = False
    trace_id: str
    cause: str = SCHEDULED


@dataclass(frozen=True, slots=True)
class Link:
    """What a delivery tells, as it was when told; `subject` is a change's id, or event:SEQ."""

    subject: str
    destination: str
    delivery_id: str
    registry: str
    repository: str
    tag: str | None
    kind: str
    before: str
    after: str
    rule: str
    rule_version: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that is ours to try until the lease ends; `fence` must still be its number when we write.

    `tries` counts the attempts that ended, since the last redelivery by hand; `cause` is MANUAL for all behind one.
    `held_ns`: since when it was not let go.
    """

    id: str
    destination: str
    purpose: str
    rule: str
    content_type: str
    body: bytes
    headers: str | None
    query: str | None
    made_ns: int
    expires_ns: int
    held_ns: int | None
    registry: str | None
    repository: str | None
    digest: str | None
    confirm: bool
    trace_id: str | None
    tries: int
    cause: str
    fence: int


@dataclass(frozen=True, slots=True)
class Attempt:
    started_ns: int
    duration_ns: int
    status: int | None
    detail: str
    answer: bytes


_asking_ns = case((deliveries.c.confirm, CONFIRM_NS), else_=0)
_END = (
    update(deliveries)
    .where(deliveries.c.id == bindparam("own_id"), deliveries.c.fence == bindparam("own_fence"))
    .values(
        status=bindparam("status"),
        reason=bindparam("reason"),
        next_attempt_ns=bindparam("next_attempt_ns"),
        tries=deliveries.c.tries + bindparam("tried"),
        leased_until_ns=0,
    )
)
_ATTEMPT = insert(attempts)
ITS_OWN = or_(deliveries.c.digest.is_(None), delivery_changes.c.after == deliveries.c.digest)
"""Whether a delivery tells a change, and doesn't only have it as a part of the index that it deploys."""
_PRESENT = (
    select(tags.c.tag)
    .join(delivery_changes, delivery_changes.c.subject == tags.c.change_id)
    .join(deliveries, deliveries.c.id == delivery_changes.c.delivery_id)
    .where(delivery_changes.c.delivery_id == bindparam("own_id"), ITS_OWN)
)
_ONE_PRESENT = _PRESENT.limit(1)
"""Built once: each runs for every delivery."""


def told_already(connection: Connection, subjects: Collection[str]) -> set[tuple[str, str]]:
    """Of `subjects` the (subject, destination) pairs that are in a delivery."""
    query = select(delivery_changes.c.subject, delivery_changes.c.destination).where(
        delivery_changes.c.subject.in_(list(subjects))
    )
    return {(row.subject, row.destination) for row in connection.execute(query)}


def add(connection: Connection, new: Sequence[NewDelivery], links: Sequence[Link]) -> None:
    """Write deliveries that are due at once, or superseded from the start. Raises TakenError."""
    if not new:
        return
    try:
        connection.execute(insert(deliveries), [_row(one) for one in new])
        connection.execute(insert(delivery_changes), [asdict(link) for link in links])
    except IntegrityError as error:
        raise TakenError("told already") from error


def add_new(connection: Connection, new: Sequence[NewDelivery]) -> None:
    """Write those whose id nobody has written yet; they tell of no change."""
    upsert(connection, deliveries, [_row(one) for one in new], leave)


def _row(one: NewDelivery) -> dict[str, Any]:
    return asdict(one) | {
        "status": one.status.value,
        "next_attempt_ns": one.made_ns if one.status is Status.PENDING else None,
        "tries": 0,
        "leased_until_ns": 0,
        "fence": 0,
    }


def claim(connection: Connection, destination: str, now_ns: int, lease_ns: int, most: int = 1) -> list[Claim]:
    """Take the deliveries of `destination` that have been due longest and that nobody holds."""
    due = (
        select(deliveries.c.id)
        .where(
            deliveries.c.destination == destination,
            deliveries.c.next_attempt_ns <= now_ns,
            deliveries.c.leased_until_ns <= now_ns,
        )
        .order_by(deliveries.c.next_attempt_ns)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    ids = connection.execute(due).scalars().all()
    if not ids:
        return []
    taken = (
        update(deliveries)
        .where(deliveries.c.id.in_(ids))
        .values(leased_until_ns=now_ns + lease_ns + _asking_ns, fence=deliveries.c.fence + 1)
        .returning(*(deliveries.c[name] for name in Claim.__dataclass_fields__))
    )
    claimed = [Claim(*row) for row in connection.execute(taken)]
    return sorted(claimed, key=lambda one: ids.index(one.id))


def finish(connection: Connection, claimed: Claim, attempt: Attempt, then: Next) -> bool:
    """Write an attempt and what comes next. False, and nothing written, if the claim is no longer ours."""
    if not _end(connection, claimed, then, tried=1):
        return False
    written = {name: getattr(attempt, name) for name in Attempt.__dataclass_fields__}
    connection.execute(_ATTEMPT, {"delivery_id": claimed.id, "fence": claimed.fence, "cause": claimed.cause, **written})
    return True


def end(connection: Connection, claimed: Claim, status: Status, reason: str) -> None:
    """End a claimed delivery untried."""
    _end(connection, claimed, Next(status, reason))


def _end(connection: Connection, claimed: Claim, then: Next, tried: int = 0) -> bool:
    values = {"status": then.status.value, "reason": then.reason, "next_attempt_ns": then.next_attempt_ns}
    done = connection.execute(_END, {"own_id": claimed.id, "own_fence": claimed.fence, "tried": tried} | values)
    if done.rowcount != 1:
        return False
    if claimed.purpose == "deploy" and then.status is not Status.PENDING:
        outbox.add(connection, outbox.FAN_OUT, [f"{outbox.DELIVERY}{claimed.id}:{then.status.value}"], 0)
    return True


def tells_the_present(connection: Connection, identity: str) -> bool:
    """Whether one of the changes that the delivery tells is still its tag's present."""
    return connection.execute(_ONE_PRESENT, {"own_id": identity}).one_or_none() is not None


def present_tags(connection: Connection, identity: str) -> list[str]:
    """The tags that a delivery is about and that have not changed since."""
    return sorted(connection.execute(_PRESENT, {"own_id": identity}).scalars())


def get(connection: Connection, identity: str) -> Row[Any] | None:
    return connection.execute(select(deliveries).where(deliveries.c.id == identity)).one_or_none()


def again(connection: Connection, identity: str, now_ns: int, expires_ns: int) -> None:
    """Make a delivery due once more: same id, same bytes. An attempt that is under way writes its result no more."""
    values = afresh(now_ns, expires_ns) | {"cause": MANUAL, "fence": deliveries.c.fence + 1}
    connection.execute(update(deliveries).where(deliveries.c.id == identity).values(values))


def copy(connection: Connection, identity: str, new_id: str, now_ns: int, expires_ns: int) -> None:
    """A new delivery with the bytes of another; it remembers which."""
    old = get(connection, identity)
    if old is None:
        raise LookupError(identity)
    values = dict(old._mapping) | afresh(now_ns, expires_ns)
    values |= {"id": new_id, "redelivery_of": identity, "made_ns": now_ns, "cause": MANUAL, "fence": 0}
    connection.execute(insert(deliveries).values(values))


def afresh(now_ns: int, expires_ns: int) -> dict[str, Any]:
    """The columns of what is due now as if it had never been tried."""
    return {
        "status": Status.PENDING.value,
        "reason": None,
        "next_attempt_ns": now_ns,
        "expires_ns": expires_ns,
        "tries": 0,
        "leased_until_ns": 0,
        "held_ns": None,
    }

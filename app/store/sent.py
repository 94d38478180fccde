"""What has gone to a destination of late, and how much."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Select, select, text

from app.domain.approvals import APPROVED
from app.domain.deliveries import Status
from app.store.deliveries import ITS_OWN, Claim
from app.store.schema import approvals, deliveries, delivery_changes

MOST_TAGS = 100


def nth_last_ns(connection: Connection, destination: str, count: int, since_ns: int) -> int | None:
    """When the delivery `count` before the next was made, if that was after `since_ns`."""
    query = (
        select(deliveries.c.made_ns)
        .where(deliveries.c.destination == destination, deliveries.c.made_ns > since_ns)
        .order_by(deliveries.c.made_ns.desc())
        .offset(count - 1)
        .limit(1)
    )
    return connection.execute(query).scalar_one_or_none()


def sent_tags(connection: Connection, place: tuple[str, str, str]) -> list[str]:
    """The last MOST_TAGS that were sent to a (destination, registry, repository), or will be, the newest first."""
    return list(connection.execute(_tags(place)).scalars())


def tags_sent_since(connection: Connection, claim: Claim) -> list[str]:
    """The same of deliveries that were made after this one, without those that wait for approval."""
    place = claim.destination, claim.registry or "", claim.repository or ""
    unapproved = select(approvals.c.delivery_id).where(
        approvals.c.delivery_id == deliveries.c.id, approvals.c.decision.is_distinct_from(APPROVED)
    )
    query = _tags(place).where(deliveries.c.made_ns > claim.made_ns, ~unapproved.exists())
    return list(connection.execute(query).scalars())


def tags_of(connection: Connection, ids: Collection[str]) -> dict[str, list[str]]:
    """By delivery, those that it is for."""
    query = (
        select(delivery_changes.c.delivery_id, delivery_changes.c.tag)
        .join(deliveries, deliveries.c.id == delivery_changes.c.delivery_id)
        .where(delivery_changes.c.delivery_id.in_(ids), delivery_changes.c.tag.is_not(None), ITS_OWN)
    )
    found: dict[str, list[str]] = {}
    for row in connection.execute(query):
        found.setdefault(row.delivery_id, []).append(row.tag)
    return found


def _tags(place: tuple[str, str, str]) -> Select[Any]:
    destination, registry, repository = place
    return (
        select(delivery_changes.c.tag)
        .join(deliveries, deliveries.c.id == delivery_changes.c.delivery_id)
        .where(
            deliveries.c.purpose == text("'deploy'"),  # so that the small index is used
            deliveries.c.destination == destination,
            deliveries.c.registry == registry,
            deliveries.c.repository == repository,
            deliveries.c.status.in_((Status.PENDING.value, Status.DELIVERED.value)),
            delivery_changes.c.tag.is_not(None),
            ITS_OWN,
        )
        .order_by(deliveries.c.made_ns.desc())
        .limit(MOST_TAGS)
    )

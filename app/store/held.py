"""Deliveries that may not go yet: they stay pending, and don't expire meanwhile."""

from dataclasses import replace

from sqlalchemy import Connection, func, select, update

from app.domain.deliveries import Hold
from app.store.deliveries import Claim
from app.store.schema import deliveries, delivery_changes


def hold(connection: Connection, claimed: Claim, held: Hold, now_ns: int) -> None:
    """Give a claimed delivery back, to be looked at again."""
    connection.execute(
        update(deliveries)
        .where(deliveries.c.id == claimed.id, deliveries.c.fence == claimed.fence)
        .values(
            reason=held.reason,
            next_attempt_ns=held.until_ns,
            held_ns=func.coalesce(deliveries.c.held_ns, now_ns),
            leased_until_ns=0,
        )
    )


def let_go(connection: Connection, claimed: Claim, expires_ns: int) -> Claim:
    """The claim of a delivery that was held, from now on with the whole time that it has."""
    connection.execute(
        update(deliveries)
        .where(deliveries.c.id == claimed.id, deliveries.c.fence == claimed.fence)
        .values(held_ns=None, reason=None, expires_ns=expires_ns)
    )
    return replace(claimed, held_ns=None, expires_ns=expires_ns)


def wake(connection: Connection, now_ns: int, identity: str | None = None) -> None:
    """Have all that is held, or one delivery, looked at again now."""
    which = deliveries.c.held_ns.is_not(None) if identity is None else deliveries.c.id == identity
    due = deliveries.c.next_attempt_ns > now_ns
    connection.execute(update(deliveries).where(which, due).values(next_attempt_ns=now_ns))


def rules_of(connection: Connection, ids: list[str]) -> dict[str, set[str]]:
    """By delivery the rules that sent what it tells; one that repeats another, or has none, is not among them."""
    query = select(delivery_changes.c.delivery_id, delivery_changes.c.rule).where(
        delivery_changes.c.delivery_id.in_(ids), delivery_changes.c.rule.is_not(None)
    )
    found: dict[str, set[str]] = {}
    for row in connection.execute(query.distinct()):
        found.setdefault(row.delivery_id, set()).add(row.rule)
    return found

"""Deliveries that were given up: sent once more, or left for good."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, update

from app.domain.deliveries import Status
from app.store.deliveries import SCHEDULED, afresh
from app.store.schema import deliveries


def again(connection: Connection, ids: Sequence[str], now_ns: int, expires_ns: int) -> list[str]:
    """Make those of `ids` that are dead due in this order, as if a rule had just made them; which these were."""
    return [one for at, one in enumerate(ids) if _again(connection, one, now_ns + at, expires_ns)]


def _again(connection: Connection, identity: str, now_ns: int, expires_ns: int) -> bool:
    values = afresh(now_ns, expires_ns) | {"cause": SCHEDULED, "fence": deliveries.c.fence + 1}
    return connection.execute(update(deliveries).where(*_is_dead(identity)).values(values)).rowcount == 1


def drop(connection: Connection, identity: str, reason: str) -> bool:
    """Have a dead one be dropped; False if it is not dead."""
    values = {"status": Status.DROPPED.value, "reason": reason}
    return connection.execute(update(deliveries).where(*_is_dead(identity)).values(values)).rowcount == 1


def _is_dead(identity: str) -> tuple[ColumnElement[bool], ...]:
    return deliveries.c.id == identity, deliveries.c.status == Status.DEAD.value

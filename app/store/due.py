"""Where something is to be sent, and what has waited too long for it."""

from sqlalchemy import ColumnElement, Connection, Text, and_, cast, func, not_, select, update

from app.domain.deliveries import Status
from app.store.destinations import closed
from app.store.schema import deliveries


def due_destinations(connection: Connection, now_ns: int) -> set[str]:
    """Where something is to be sent now, or has expired."""
    query = (
        select(deliveries.c.destination)
        .where(
            deliveries.c.next_attempt_ns <= now_ns,
            deliveries.c.leased_until_ns <= now_ns,
            not_(closed(now_ns)) | _expired(now_ns),
        )
        .distinct()
    )
    return set(connection.execute(query).scalars())


def expire(connection: Connection, destination: str, now_ns: int) -> int:
    """End what has waited for `destination` too long, as while it was disabled; how many. What is held expires not."""
    last = func.coalesce(cast("; the last: ", Text) + deliveries.c.reason, "")
    done = connection.execute(
        update(deliveries)
        .where(
            deliveries.c.destination == destination,
            deliveries.c.next_attempt_ns.is_not(None),
            deliveries.c.leased_until_ns <= now_ns,
            _expired(now_ns),
        )
        .values(
            status=Status.DEAD.value,
            reason=cast("expired after ", Text) + cast(deliveries.c.tries, Text) + " tries" + last,
            next_attempt_ns=None,
        )
    )
    return done.rowcount


def _expired(now_ns: int) -> ColumnElement[bool]:
    return and_(deliveries.c.expires_ns <= now_ns, deliveries.c.held_ns.is_(None))

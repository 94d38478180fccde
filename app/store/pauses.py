"""What operators hold back."""

from dataclasses import asdict

from sqlalchemy import Connection, delete, insert, or_, select

from app.domain.holds import Pause
from app.store.schema import pauses


def in_force(connection: Connection, now_ns: int) -> dict[str, Pause]:
    """By scope. Who lifts one waits for this transaction, and so finds all that it holds."""
    open_still = or_(pauses.c.until_ns.is_(None), pauses.c.until_ns > now_ns)
    query = select(pauses).where(open_still).order_by(pauses.c.scope).with_for_update(read=True)
    return {
        row.scope: Pause(row.scope, row.since_ns, row.until_ns, row.actor, row.reason)
        for row in connection.execute(query)
    }


def put(connection: Connection, pause: Pause) -> None:
    """Set it, in place of one that the scope has."""
    connection.execute(delete(pauses).where(pauses.c.scope == pause.scope))
    connection.execute(insert(pauses).values(asdict(pause)))


def lift(connection: Connection, scope: str) -> bool:
    """Whether there was one."""
    return connection.execute(delete(pauses).where(pauses.c.scope == scope)).rowcount == 1

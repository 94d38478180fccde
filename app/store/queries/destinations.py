"""How destinations do, and what waits for them: of all repositories, so scopes don't reach here."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, select, text

from app.domain.access import AccessScope
from app.domain.destinations import Condition, State
from app.store import destinations
from app.store.engine import now_ns
from app.store.schema import deliveries

WHAT = "how a destination does"


@dataclass(frozen=True, slots=True)
class DestinationLine:
    """`state` is open, backing off or disabled, `since_ns`: None if it was never anything else than open.

    `failures`: in a row, since `failing_since_ns`. `next_try_ns`: before it nothing goes there. Of its deliveries
    `in_flight` are being tried, `waiting` are pending, `dead` were given up.
    """

    name: str
    state: str
    since_ns: int | None
    reason: str | None
    failures: int
    failing_since_ns: int | None
    next_try_ns: int | None
    in_flight: int
    waiting: int
    dead: int


def lines(connection: Connection, scope: AccessScope, names: Collection[str]) -> tuple[DestinationLine, ...]:
    """Those called `names`, in that order. Raises LimitedScopeError."""
    scope.require_everything(WHAT)
    conditions, now = destinations.every(connection), now_ns(connection)
    under_way = _counted(connection, deliveries.c.leased_until_ns > text("0"), deliveries.c.leased_until_ns > now)
    pending = _counted(connection, deliveries.c.next_attempt_ns.is_not(None))
    dead = _counted(connection, deliveries.c.status == text("'dead'"))
    return tuple(
        _line(name, conditions.get(name, Condition()), (under_way, pending, dead)) for name in names
    )


@dataclass(frozen=True, slots=True)
class Waiting:
    """`pending` deliveries have not come to an end, `held` of them may not go yet.

    `oldest_ns`: when the first of them was made.
    """

    pending: int = 0
    held: int = 0
    oldest_ns: int | None = None


def waiting(connection: Connection, scope: AccessScope, names: Collection[str]) -> Mapping[str, Waiting]:
    """Of each destination in `names`. Raises LimitedScopeError."""
    scope.require_everything(WHAT)
    query = select(
        deliveries.c.destination, func.count(), func.count(deliveries.c.held_ns), func.min(deliveries.c.made_ns)
    ).where(deliveries.c.next_attempt_ns.is_not(None))
    found = {name: Waiting(*row) for name, *row in connection.execute(query.group_by(deliveries.c.destination))}
    return {name: found.get(name, Waiting()) for name in names}


def _counted(connection: Connection, *conditions: ColumnElement[bool]) -> dict[str, int]:
    """By destination. Each of the conditions has a small index."""
    query = select(deliveries.c.destination, func.count().label("number")).where(*conditions)
    return {row.destination: row.number for row in connection.execute(query.group_by(deliveries.c.destination))}


def _line(name: str, condition: Condition, counts: tuple[Mapping[str, int], ...]) -> DestinationLine:
    under_way, pending, dead = (counted.get(name, 0) for counted in counts)
    return DestinationLine(
        name=name,
        state=condition.state.value,
        since_ns=condition.since_ns or None,
        reason=condition.reason,
        failures=condition.failures,
        failing_since_ns=condition.failing_since_ns,
        next_try_ns=condition.not_before_ns if condition.state is State.BACKING_OFF else None,
        in_flight=under_way,
        waiting=pending - under_way,
        dead=dead,
    )

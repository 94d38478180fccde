"""How each destination does, as all workers know it: one row, locked while it is looked at and written."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, select, text, update

from app.domain.destinations import Condition, State
from app.store.dialect import leave, upsert
from app.store.schema import deliveries, destinations

_FIELDS = list(Condition.__dataclass_fields__)


def lock(connection: Connection, name: str) -> Condition:
    """How `name` does; until the transaction ends nobody else learns it this way."""
    columns = (destinations.c[field] for field in _FIELDS)
    query = select(*columns).where(destinations.c.name == name).with_for_update()
    found = connection.execute(query).one_or_none()
    if found is None:
        upsert(connection, destinations, [_row(name, Condition())], leave)
        found = connection.execute(query).one()
    return _condition(found)


def every(connection: Connection) -> dict[str, Condition]:
    """By name, those to which anything was ever sent."""
    rows = connection.execute(select(destinations.c.name, *(destinations.c[field] for field in _FIELDS)))
    return {row.name: Condition(**_values(row)) for row in rows}


def save(connection: Connection, name: str, condition: Condition) -> None:
    """Write what became of a locked one."""
    connection.execute(update(destinations).where(destinations.c.name == name).values(_row(name, condition)))


def in_flight(connection: Connection, name: str, now_ns: int) -> int:
    """Deliveries to `name` that somebody is trying now."""
    query = select(func.count()).where(
        deliveries.c.destination == name,
        deliveries.c.leased_until_ns > now_ns,
        text("leased_until_ns > 0"),  # so that the small index is used
    )
    return connection.execute(query).scalar_one()


def closed(now_ns: int) -> ColumnElement[bool]:
    """Whether a row of deliveries is for a destination to which nothing goes now."""
    return (
        select(destinations.c.name)
        .where(
            destinations.c.name == deliveries.c.destination,
            (destinations.c.state == State.DISABLED.value) | (destinations.c.not_before_ns > now_ns),
        )
        .exists()
    )


def _row(name: str, condition: Condition) -> dict[str, object]:
    return {"name": name, **asdict(condition), "state": condition.state.value}


def _condition(row: Row[Any]) -> Condition:
    return Condition(**_values(row))


def _values(row: Row[Any]) -> dict[str, Any]:
    return {field: row._mapping[field] for field in _FIELDS} | {"state": State(row.state)}

"""How much has gone to a destination of late."""

from sqlalchemy import Connection, select

from app.store.schema import deliveries


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

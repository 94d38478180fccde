"""The one row that makes ingest serial."""

from sqlalchemy import Connection, select, update

from app.store.schema import head


def lock(connection: Connection) -> int:
    """Wait for the turn to write history; the last seq given out. SQLite's writer holds the lock already."""
    return int(connection.execute(select(head.c.seq).where(head.c.id == 1).with_for_update()).scalar_one())


def advance(connection: Connection, seq: int) -> None:
    connection.execute(update(head).where(head.c.id == 1).values(seq=seq))


def last(connection: Connection) -> int:
    """The last seq given out, without waiting."""
    return int(connection.execute(select(head.c.seq).where(head.c.id == 1)).scalar_one())

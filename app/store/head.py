"""The one row that makes ingest serial."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select, update

from app.domain.chain import GENESIS
from app.store.schema import head


@dataclass(frozen=True, slots=True)
class Head:
    """The last seq given out, and the chain up to it."""

    seq: int
    chain: bytes


_READ = select(head.c.seq, head.c.chain).where(head.c.id == 1)
_LOCK = _READ.with_for_update()
_ADVANCE = update(head).where(head.c.id == 1).values(seq=bindparam("to_seq"), chain=bindparam("to_chain"))


def lock(connection: Connection) -> Head:
    """Wait for the turn to write down events or actions. SQLite's writer holds the lock already."""
    row = connection.execute(_LOCK).one()
    return Head(row.seq, row.chain or GENESIS)


def advance(connection: Connection, to: Head) -> None:
    connection.execute(_ADVANCE, {"to_seq": to.seq, "to_chain": to.chain})


def now(connection: Connection) -> Head:
    """The head as it is, without waiting."""
    row = connection.execute(_READ).one()
    return Head(row.seq, row.chain or GENESIS)


def is_there(connection: Connection) -> bool:
    return connection.execute(select(head.c.id).where(head.c.id == 1)).first() is not None


def last(connection: Connection) -> int:
    """The last seq given out, without waiting."""
    return now(connection).seq

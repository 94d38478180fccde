"""What repositories began to refer to since a collection began that is still under way, on whichever machine."""

from collections.abc import Set

from sqlalchemy import Connection, Text, bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert

from app.store.schema import linked

_UNDER_WAY = ""
_NOTED = select(bindparam("digest", type_=Text)).where(select(linked).where(linked.c.digest == _UNDER_WAY).exists())
NOTE = insert(linked).from_select(["digest"], _NOTED).on_conflict_do_nothing()
"""Does nothing unless somebody collects."""


def begin(connection: Connection) -> None:
    end(connection)
    connection.execute(insert(linked).values(digest=_UNDER_WAY))


def end(connection: Connection) -> None:
    connection.execute(delete(linked))


def since(connection: Connection) -> Set[str]:
    """The digests."""
    return set(connection.execute(select(linked.c.digest)).scalars()) - {_UNDER_WAY}

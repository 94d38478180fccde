"""Which repositories there are, by all that is stored of their tags."""

from sqlalchemy import Connection, Executable, select, union

from app.store.schema import changes, events, tags


def all_names(connection: Connection) -> list[tuple[str, str]]:
    """(registry, repository) of every one that has an event, a change or a tag."""
    told = select(events.c.registry, events.c.repository).where(events.c.scope.is_not(None))
    written = (select(table.c.registry, table.c.repository) for table in (changes, tags))
    return _sorted(connection, union(told, *written))


def touched_after(connection: Connection, seq: int) -> list[tuple[str, str]]:
    """Those of whose tags an event behind `seq` tells."""
    told = select(events.c.registry, events.c.repository).where(events.c.scope.is_not(None), events.c.seq > seq)
    return _sorted(connection, told.distinct())


def _sorted(connection: Connection, query: Executable) -> list[tuple[str, str]]:
    return sorted((row.registry, row.repository) for row in connection.execute(query))

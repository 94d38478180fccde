"""Whether there is anything to ask, without making it."""

from pathlib import Path

from sqlalchemy import Connection, inspect
from sqlalchemy.engine import make_url

from app.store.schema import head


def has_file(url: str) -> bool:
    """False where the database is a SQLite file that nobody has made yet."""
    if not url.startswith("sqlite:"):
        return True
    path = make_url(url).database
    return not path or path == ":memory:" or Path(path).exists()


def has_tables(connection: Connection) -> bool:
    return inspect(connection).has_table(head.name)

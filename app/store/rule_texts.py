"""The rules that led to something, as they were written then."""

from collections.abc import Mapping

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from app.store.engine import now_ns
from app.store.schema import rule_texts


def keep(connection: Connection, texts: Mapping[str, str]) -> None:
    """Write down the text of each version that is not there yet."""
    known = set(
        connection.execute(select(rule_texts.c.version).where(rule_texts.c.version.in_(list(texts)))).scalars()
    )
    new = sorted(texts.keys() - known)
    if not new:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    first = now_ns(connection)
    rows = [{"version": version, "text": texts[version], "first_ns": first} for version in new]
    connection.execute(dialect.insert(rule_texts).on_conflict_do_nothing(), rows)


def get(connection: Connection, version: str) -> tuple[str, int] | None:
    """(text, when it first led to something) of a version; None for one that never did."""
    query = select(rule_texts.c.text, rule_texts.c.first_ns).where(rule_texts.c.version == version)
    row = connection.execute(query).one_or_none()
    return (row.text, row.first_ns) if row else None

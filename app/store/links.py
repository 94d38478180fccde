"""The chain's links, written with the rows that they bind."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select

from app.domain.chain import ACTION, EVENT, Link, link
from app.store.dialect import add_rows
from app.store.head import Head
from app.store.schema import actions, events, links

_TABLES = {EVENT: events, ACTION: actions}
TABLE_NAMES = {kind: table.name for kind, table in _TABLES.items()}


def add(connection: Connection, at: Head, kind: str, rows: Sequence[Mapping[str, Any]]) -> Head:
    """Link rows of one kind, as they are stored, behind `at`; the head behind the last."""
    chain, made = at.chain, []
    for row in rows:
        made.append(link(chain, kind, row))
        chain = made[-1].chain
    add_rows(connection, links, [_values(one) for one in made])
    return Head(made[-1].seq, chain)


def _values(one: Link) -> dict[str, Any]:
    """By hand: for this many rows `asdict`, which copies deeply, takes a third of the time."""
    return {
        "seq": one.seq, "kind": one.kind, "form": one.form,
        "digest": one.digest, "marks": one.marks, "chain": one.chain,
    }


def first(connection: Connection) -> Link | None:
    """Where the chain begins."""
    row = connection.execute(select(links).order_by(links.c.seq).limit(1)).one_or_none()
    return _link(row) if row else None


def get(connection: Connection, seq: int) -> Link | None:
    row = connection.execute(select(links).where(links.c.seq == seq)).one_or_none()
    return _link(row) if row else None


def between(connection: Connection, after: int, until: int) -> dict[int, Link]:
    """By seq, the links behind `after` and up to `until`."""
    query = select(links).where(links.c.seq > after, links.c.seq <= until)
    return {row.seq: _link(row) for row in connection.execute(query)}


def rows_between(connection: Connection, kind: str, after: int, until: int) -> dict[int, Mapping[str, Any]]:
    """By seq, the rows of a kind as they are stored now."""
    table = _TABLES[kind]
    query = select(table).where(table.c.seq > after, table.c.seq <= until)
    return {row.seq: dict(row._mapping) for row in connection.execute(query)}


def ends(connection: Connection) -> dict[str, int]:
    """By table, the last seq that is there."""
    tables = (links, *_TABLES.values())
    return {table.name: connection.execute(select(func.max(table.c.seq))).scalar_one() or 0 for table in tables}


def rows_before(connection: Connection, seq: int) -> dict[str, int]:
    """By table, how many rows of it have a lower seq."""
    return {
        table.name: connection.execute(select(func.count()).where(table.c.seq < seq)).scalar_one()
        for table in _TABLES.values()
    }


def _link(row: Row[Any]) -> Link:
    return Link(row.seq, row.kind, row.form, row.digest, row.marks, row.chain)

"""The chain's links, written with the rows that they bind."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, insert

from app.domain.chain import Link, link
from app.store.head import Head
from app.store.schema import links

_INSERT = insert(links)


def add(connection: Connection, at: Head, kind: str, rows: Sequence[Mapping[str, Any]]) -> Head:
    """Link rows of one kind, as they are stored, behind `at`; the head behind the last."""
    chain, made = at.chain, []
    for row in rows:
        made.append(link(chain, kind, row))
        chain = made[-1].chain
    connection.execute(_INSERT, [asdict(one) for one in made])
    return Head(made[-1].seq, chain)

"""What manifests consist of that were asked for: a digest says the same for ever."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, Select, select

from app.store.dialect import leave, upsert
from app.store.schema import index_manifests

_NONE = ""


def known(connection: Connection, digests: Collection[str]) -> dict[str, frozenset[str]]:
    """By digest, the manifests in those that were asked for; none for one that is no index."""
    return _parts(connection, select(index_manifests).where(index_manifests.c.digest.in_(list(digests))))


def all_known(connection: Connection) -> dict[str, frozenset[str]]:
    """The same of all that were ever asked for."""
    return _parts(connection, select(index_manifests))


def _parts(connection: Connection, query: Select[Any]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for row in connection.execute(query):
        found.setdefault(row.digest, set()).add(row.manifest)
    return {digest: frozenset(parts - {_NONE}) for digest, parts in found.items()}


def add(connection: Connection, learnt: Mapping[str, Collection[str]]) -> None:
    rows = [{"digest": digest, "manifest": part} for digest, parts in learnt.items() for part in parts or (_NONE,)]
    upsert(connection, index_manifests, rows, leave)

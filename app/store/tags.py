"""What each tag points to now."""

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, select

from app.domain.changes import ABSENT, TagKey, TagState
from app.store.dialect import row_of, rows, upsert
from app.store.schema import tags

_KEY = (tags.c.registry, tags.c.repository, tags.c.tag)


def load(connection: Connection, keys: Collection[TagKey]) -> dict[TagKey, TagState]:
    """The present of those of `keys` that have one."""
    if not keys:
        return {}
    dialect = connection.dialect.name
    wanted = rows(dialect, [(key.registry, key.repository, key.tag) for key in keys])
    found = connection.execute(_load(dialect), wanted)
    return {TagKey(row.registry, row.repository, row.tag): _state(row) for row in found}


def present(connection: Connection, registry: str, repository: str) -> set[str]:
    """The tags of a repository that are known to exist."""
    query = select(tags.c.tag).where(
        tags.c.registry == registry, tags.c.repository == repository, tags.c.digest.is_not(None)
    )
    return set(connection.execute(query).scalars())


def last_moved_to(connection: Connection, registry: str, repository: str, digest: str) -> int | None:
    """When something was last told of a tag of `repository` that points to `digest`; None if no tag does."""
    query = select(func.max(tags.c.last_ns)).where(
        tags.c.registry == registry, tags.c.repository == repository, tags.c.digest == digest
    )
    last_ns: int | None = connection.execute(query).scalar_one()
    return last_ns


@cache
def _load(dialect: str) -> Select[Any]:
    return select(tags).where(row_of(dialect, _KEY))


def _state(row: Row[Any]) -> TagState:
    return TagState(
        points_to=row.digest or ABSENT,
        seen=True,
        ambiguous=row.ambiguous,
        last_ns=row.last_ns,
        since_ns=row.since_ns,
        change_id=row.change_id,
    )


def save(connection: Connection, states: Mapping[TagKey, TagState]) -> None:
    """Write the present of each tag, in the order of their keys; a tag that was never seen has none."""
    seen = sorted((key for key, state in states.items() if state.seen), key=_sorting)
    upsert(connection, tags, [derived(key, states[key]) for key in seen])
    remove(connection, [key for key, state in states.items() if not state.seen])


def remove(connection: Connection, keys: Collection[TagKey]) -> None:
    for key in sorted(keys, key=_sorting):
        connection.execute(
            delete(tags).where(
                tags.c.registry == key.registry, tags.c.repository == key.repository, tags.c.tag == key.tag
            )
        )


def _sorting(key: TagKey) -> tuple[str, str, str]:
    return key.registry, key.repository, key.tag


def of_repository(connection: Connection, registry: str, repository: str) -> dict[TagKey, Mapping[str, Any]]:
    """By key, the rows of a repository's tags as they are stored now."""
    query = select(tags).where(tags.c.registry == registry, tags.c.repository == repository)
    return {
        TagKey(row.registry, row.repository, row.tag): dict(row._mapping) for row in connection.execute(query)
    }


def derived(key: TagKey, state: TagState) -> dict[str, Any]:
    """The row of a tag, all of which follows from events."""
    return {
        "registry": key.registry,
        "repository": key.repository,
        "tag": key.tag,
        "digest": None if state.points_to == ABSENT else state.points_to,
        "change_id": state.change_id,
        "ambiguous": state.ambiguous,
        "since_ns": state.since_ns,
        "last_ns": state.last_ns,
    }

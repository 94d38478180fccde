"""The lines of history."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from app.domain.changes import Change, Kind, TagKey
from app.domain.events import Order, Provenance
from app.store.dialect import listed, one_of
from app.store.schema import changes

_INSERT = insert(changes)
_ON_TAG = (
    changes.c.registry == bindparam("k_registry"),
    changes.c.repository == bindparam("k_repository"),
    changes.c.tag == bindparam("k_tag"),
)


def _key(key: TagKey) -> dict[str, str]:
    return {"k_registry": key.registry, "k_repository": key.repository, "k_tag": key.tag}


def last_time(connection: Connection, key: TagKey, before_ns: int) -> int | None:
    """When the tag last changed before `before_ns`."""
    query = (
        select(changes.c.time_ns)
        .where(*_ON_TAG, changes.c.time_ns < before_ns, changes.c.kind != Kind.VOID.value)
        .order_by(changes.c.time_ns.desc())
        .limit(1)
    )
    return connection.execute(query, _key(key)).scalar_one_or_none()


def since(connection: Connection, key: TagKey, since_ns: int) -> list[Change]:
    """The tag's changes since a moment in their order, void ones too."""
    query = select(changes).where(*_ON_TAG, changes.c.time_ns >= since_ns)
    found = [change_of(row) for row in connection.execute(query, _key(key))]
    return sorted(found, key=lambda change: change.order)


def first_at(connection: Connection, key: TagKey, time_ns: int) -> Change | None:
    """The first of the lines that a tag's history has at an instant."""
    return min(_at(connection, key, time_ns), key=lambda change: change.order, default=None)


def last_by(connection: Connection, key: TagKey, time_ns: int) -> Change | None:
    """The last line of a tag's history at a moment."""
    last_ns = last_time(connection, key, time_ns + 1)
    return None if last_ns is None else max(_at(connection, key, last_ns), key=lambda change: change.order)


def _at(connection: Connection, key: TagKey, time_ns: int) -> list[Change]:
    query = select(changes).where(*_ON_TAG, changes.c.time_ns == time_ns, changes.c.kind != Kind.VOID.value)
    return [change_of(row) for row in connection.execute(query, _key(key))]


def tags_that_pointed_to(
    connection: Connection, registry: str, repository: str, digests: Collection[str] | None
) -> set[str]:
    """The tags of a repository that ever pointed to one of `digests` (None: every tag that has a history)."""
    query = select(changes.c.tag).where(changes.c.registry == registry, changes.c.repository == repository).distinct()
    if digests is not None:
        query = query.where(changes.c.after.in_(list(digests)))
    return set(connection.execute(query).scalars())


def get(connection: Connection, ids: Collection[str]) -> dict[str, Change]:
    query = select(changes).where(changes.c.id.in_(list(ids)))
    return {row.id: change_of(row) for row in connection.execute(query)}


def change_of(row: Row[Any]) -> Change:
    """Of a row with all columns of the table."""
    return Change(
        id=row.id,
        key=TagKey(row.registry, row.repository, row.tag),
        kind=Kind(row.kind),
        before=row.before,
        after=row.after,
        order=Order(row.time_ns, row.sequence, row.event_id, row.origin),
        provenance=Provenance(row.provenance),
        actor=row.actor,
    )


@dataclass(frozen=True, slots=True)
class NewChange:
    """A change as it is first written: what becomes of its fan-out, and the seq of the event that wrote it."""

    change: Change
    fan_out: str
    seq: int


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a line holds that doesn't follow from events."""

    fan_out: str
    recorded_ns: int
    altered_seq: int


def add(connection: Connection, new: Sequence[NewChange], recorded_ns: int) -> None:
    write(connection, [(one.change, Remembered(one.fan_out, recorded_ns, one.seq)) for one in new])


def derived(change: Change) -> dict[str, Any]:
    """The columns of a valid change that follow from events alone."""
    return {
        "id": change.id,
        "registry": change.key.registry,
        "repository": change.key.repository,
        "tag": change.key.tag,
        "kind": change.kind.value,
        "before": change.before,
        "after": change.after,
        "time_ns": change.order.time_ns,
        "sequence": change.order.sequence,
        "event_id": change.order.event_id,
        "origin": change.order.origin,
        "actor": change.actor,
        "provenance": change.provenance.value,
        "voided_by": None,
    }


def of_repository(connection: Connection, registry: str, repository: str) -> dict[str, Mapping[str, Any]]:
    """By id, the rows of a repository's changes as they are stored now, void ones too."""
    query = select(changes).where(changes.c.registry == registry, changes.c.repository == repository)
    return {row.id: dict(row._mapping) for row in connection.execute(query)}


def remembered(connection: Connection, ids: Collection[str]) -> dict[str, Remembered]:
    """By id, what those rows hold that are there."""
    dialect = connection.dialect.name
    query = select(changes.c.id, changes.c.fan_out, changes.c.recorded_ns, changes.c.altered_seq).where(
        one_of(dialect, changes.c.id, "ids")
    )
    found = connection.execute(query, {"ids": listed(dialect, ids)})
    return {row.id: Remembered(row.fan_out, row.recorded_ns, row.altered_seq) for row in found}


def remove(connection: Connection, ids: Collection[str]) -> None:
    dialect = connection.dialect.name
    connection.execute(delete(changes).where(one_of(dialect, changes.c.id, "ids")), {"ids": listed(dialect, ids)})


def write(connection: Connection, lines: Sequence[tuple[Change, Remembered]]) -> None:
    """Insert lines of history whole."""
    if lines:
        connection.execute(
            _INSERT,
            [
                derived(change)
                | {"fan_out": held.fan_out, "recorded_ns": held.recorded_ns, "altered_seq": held.altered_seq}
                for change, held in lines
            ],
        )


def rewrite(connection: Connection, change: Change, seq: int) -> None:
    """The late event `seq` altered what this change found or how it is known."""
    connection.execute(
        update(changes)
        .where(changes.c.id == change.id)
        .values(
            kind=change.kind.value,
            before=change.before,
            after=change.after,
            provenance=change.provenance.value,
            voided_by=None,
            altered_seq=seq,
        )
    )


def void(connection: Connection, identity: str, voided_by: str, seq: int) -> None:
    """The late event `seq`, whose id is `voided_by`, left nothing of this change."""
    connection.execute(
        update(changes)
        .where(changes.c.id == identity)
        .values(kind=Kind.VOID.value, voided_by=voided_by, altered_seq=seq)
    )


def altered_until(connection: Connection, seq: int, most: int) -> int:
    """Up to which seq of an event there are about `most` changes that it, or one behind `seq`, wrote or last altered.

    All that one event altered is counted as one piece. `seq` itself where there is none.
    """
    behind = select(changes.c.altered_seq).where(changes.c.altered_seq > seq).order_by(changes.c.altered_seq)
    last = connection.execute(behind.limit(most)).scalars().all()
    return last[-1] if last else seq


def altered_after(connection: Connection, seq: int, most: int) -> list[tuple[int, Change]]:
    """(seq of the event that wrote or last altered it, change) behind `seq`, in that order, void ones too.

    About `most`: all that one event altered come together.
    """
    until = altered_until(connection, seq, most)
    query = select(changes).where(changes.c.altered_seq > seq, changes.c.altered_seq <= until)
    rows = connection.execute(query.order_by(changes.c.altered_seq, changes.c.id))
    return [(row.altered_seq, change_of(row)) for row in rows]


def set_fan_out(connection: Connection, outcomes: Sequence[tuple[str, str]]) -> None:
    """(id of a change, what became of it) each."""
    if outcomes:
        connection.execute(
            update(changes).where(changes.c.id == bindparam("change")).values(fan_out=bindparam("outcome")),
            [{"change": identity, "outcome": outcome} for identity, outcome in outcomes],
        )

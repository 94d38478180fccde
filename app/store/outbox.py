"""Promises made in the transaction that caused them, kept until somebody keeps them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from app.store.schema import outbox

FAN_OUT = "fan_out"
EVENT = "event:"
"""Prefix of a subject that is an event; its seq follows."""
DELIVERY = "delivery:"
"""Prefix of a subject that is the end of a deploy; the delivery's ID:STATUS follows."""
RESOLVE = "resolve:"
"""Prefix of a lane of promises to ask a registry; its name follows."""
_INSERT = insert(outbox)


def resolve_lane(registry: str) -> str:
    """Of promises to ask `registry` for a digest: a registry that doesn't answer holds up no other."""
    return f"{RESOLVE}{registry}"


@dataclass(frozen=True, slots=True)
class Promise:
    id: int
    subject: str

    @property
    def event_seq(self) -> int:
        """Of a subject that is an event."""
        return int(self.subject.removeprefix(EVENT))


def add(connection: Connection, lane: str, subjects: Sequence[str], not_before_ns: int) -> None:
    if subjects:
        connection.execute(
            _INSERT,
            [{"lane": lane, "subject": subject, "not_before_ns": not_before_ns} for subject in subjects],
        )


def take(connection: Connection, lane: str, now_ns: int, most: int) -> list[Promise]:
    """The oldest promises that are due and that no other transaction is keeping; locked until this one ends."""
    query = (
        select(outbox.c.id, outbox.c.subject)
        .where(outbox.c.lane == lane, outbox.c.not_before_ns <= now_ns)
        .order_by(outbox.c.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    return [Promise(row.id, row.subject) for row in connection.execute(query)]


def kept(connection: Connection, promises: Sequence[Promise]) -> None:
    connection.execute(delete(outbox).where(outbox.c.id.in_([promise.id for promise in promises])))


def postpone(connection: Connection, promises: Sequence[Promise], not_before_ns: int) -> None:
    query = update(outbox).where(outbox.c.id.in_([promise.id for promise in promises]))
    connection.execute(query.values(not_before_ns=not_before_ns))


def due_lanes(connection: Connection, now_ns: int) -> set[str]:
    query = select(outbox.c.lane).where(outbox.c.not_before_ns <= now_ns).distinct()
    return set(connection.execute(query).scalars())


def promised(connection: Connection) -> Mapping[str, int]:
    """How many promises wait, by lane."""
    query = select(outbox.c.lane, func.count().label("number")).group_by(outbox.c.lane)
    return {row.lane: row.number for row in connection.execute(query)}

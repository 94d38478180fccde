"""How far each endpoint has come in what it is sent in order, and who is sending to it now."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache

from sqlalchemy import Connection, Update, bindparam, select, update

from app.store.dialect import leave, upsert
from app.store.schema import cursors, parked

FORWARDS = "forward:"
"""Begins the names of cursors in what is forwarded: the journal's endpoints have cursors too."""


_TAKE = update(cursors).where(
    cursors.c.endpoint == bindparam("of"),
    cursors.c.leased_until_ns <= bindparam("now"),
    cursors.c.next_try_ns <= bindparam("now"),
)
_TAKE = _TAKE.values(leased_until_ns=bindparam("until"), fence=cursors.c.fence + 1).returning(
    cursors.c.seq, cursors.c.told, cursors.c.failures, cursors.c.refusals, cursors.c.fence
)
_ALL = select(cursors)
_AGAIN = select(parked.c.endpoint).where(parked.c.again).distinct()
"""Made once: every round of who sends runs them."""


@dataclass(frozen=True, slots=True)
class Position:
    """Everything up to `seq` is behind; `told` is the last number of that which was meant for the endpoint."""

    seq: int
    told: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to send to an endpoint until the lease ends. `refusals`: so often it refused what comes next."""

    endpoint: str
    at: Position
    failures: int
    refusals: int
    fence: int


@dataclass(frozen=True, slots=True)
class Failed:
    """What to write after a failure. `refusals` counts those of what is next, `failures` all in a row."""

    failures: int
    refusals: int
    next_try_ns: int
    answer: str


def begin(connection: Connection, endpoint: str, seq: int) -> None:
    """Let an endpoint that has no cursor yet get what comes behind `seq`."""
    fresh = {
        "endpoint": endpoint, "seq": seq, "told": seq, "failures": 0, "refusals": 0, "next_try_ns": 0,
        "leased_until_ns": 0, "fence": 0,
    }  # fmt: skip
    upsert(connection, cursors, [fresh], leave)


def take_turn(connection: Connection, endpoint: str, now_ns: int, lease_ns: int) -> Turn | None:
    """The turn to send to `endpoint`, or None if another has it or its time has not come."""
    known = {"of": endpoint, "now": now_ns, "until": now_ns + lease_ns}
    row = connection.execute(_TAKE, known).one_or_none()
    if row is None:
        begin(connection, endpoint, 0)
        row = connection.execute(_TAKE, known).one_or_none()
    if row is None:
        return None
    return Turn(endpoint, Position(row.seq, row.told), row.failures, row.refusals, row.fence)


def keep_turn(connection: Connection, turn: Turn, leased_until_ns: int) -> bool:
    """Let the lease end then, 0 gives the turn back. False if it is no longer ours."""
    return _write_cursor(connection, turn, {"leased_until_ns": leased_until_ns})


def move_on(connection: Connection, turn: Turn, to: Position, leased_until_ns: int) -> bool:
    """Everything up to `to` is delivered. False if the turn is no longer ours. `leased_until_ns` 0 gives it back."""
    values: dict[str, object] = {
        "seq": to.seq, "told": to.told, "failures": 0, "refusals": 0, "next_try_ns": 0,
        "leased_until_ns": leased_until_ns, "last_answer": None,
    }  # fmt: skip
    return _write_cursor(connection, turn, values)


def back_off(connection: Connection, turn: Turn, at: Position, failed: Failed) -> bool:
    """The endpoint failed after `at`: give the turn back, and let nobody try before the time that `failed` says."""
    values = {
        "seq": at.seq, "told": at.told, "failures": failed.failures, "refusals": failed.refusals,
        "next_try_ns": failed.next_try_ns, "leased_until_ns": 0, "last_answer": failed.answer,
    }  # fmt: skip
    return _write_cursor(connection, turn, values)


def _write_cursor(connection: Connection, turn: Turn, values: dict[str, object]) -> bool:
    known = {"of": turn.endpoint, "as_taken": turn.fence, **values}
    return connection.execute(_write(tuple(values)), known).rowcount == 1


@cache
def _write(names: tuple[str, ...]) -> Update:
    ours = (cursors.c.endpoint == bindparam("of"), cursors.c.fence == bindparam("as_taken"))
    return update(cursors).where(*ours).values({name: bindparam(name) for name in names})


def lagging(connection: Connection, endpoints: Collection[str], last_seq: int, now_ns: int) -> set[str]:
    """Those of `endpoints` that have something to be sent, and whose turn could be taken now."""
    rows = [row for row in connection.execute(_ALL) if row.endpoint in endpoints]
    again = set(connection.execute(_AGAIN).scalars())
    waiting = {
        row.endpoint
        for row in rows
        if (row.seq >= last_seq and row.endpoint not in again)
        or row.leased_until_ns > now_ns
        or row.next_try_ns > now_ns
    }
    return set(endpoints) - waiting if last_seq else set()

"""How far each endpoint has come in what it is sent in order, and who is sending to it now."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from app.store.dialect import leave, upsert
from app.store.schema import cursors


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to send to an endpoint until the lease ends."""

    endpoint: str
    seq: int
    failures: int
    fence: int


def begin(connection: Connection, endpoint: str, seq: int) -> None:
    """Let an endpoint that has no cursor yet get what comes behind `seq`."""
    fresh = {"endpoint": endpoint, "seq": seq, "failures": 0, "next_try_ns": 0, "leased_until_ns": 0, "fence": 0}
    upsert(connection, cursors, [fresh], leave)


@dataclass(frozen=True, slots=True)
class Standing:
    """An endpoint has everything up to `seq`; so many tries in a row have failed since, the last one with `answer`."""

    seq: int = 0
    failures: int = 0
    answer: str | None = None


def standing(connection: Connection, endpoint: str) -> Standing:
    query = select(cursors.c.seq, cursors.c.failures, cursors.c.last_answer).where(cursors.c.endpoint == endpoint)
    row = connection.execute(query).one_or_none()
    return Standing(*row) if row else Standing()


def take_turn(connection: Connection, endpoint: str, now_ns: int, lease_ns: int) -> Turn | None:
    """The turn to send to `endpoint`, or None if another has it or its time has not come."""
    begin(connection, endpoint, 0)
    row = connection.execute(
        update(cursors)
        .where(cursors.c.endpoint == endpoint, cursors.c.leased_until_ns <= now_ns, cursors.c.next_try_ns <= now_ns)
        .values(leased_until_ns=now_ns + lease_ns, fence=cursors.c.fence + 1)
        .returning(cursors.c.seq, cursors.c.failures, cursors.c.fence)
    ).one_or_none()
    return Turn(endpoint, row.seq, row.failures, row.fence) if row else None


def move_on(connection: Connection, turn: Turn, seq: int, leased_until_ns: int, answer: str | None = None) -> bool:
    """Everything up to `seq` is delivered. False if the turn is no longer ours. `leased_until_ns` 0 gives it back."""
    values: dict[str, object] = {"seq": seq, "failures": 0, "next_try_ns": 0, "leased_until_ns": leased_until_ns}
    if answer is not None:
        values["last_answer"] = answer
    return _write_cursor(connection, turn, values)


def back_off(connection: Connection, turn: Turn, seq: int, next_try_ns: int, answer: str) -> bool:
    """The endpoint failed after `seq`: give the turn back, and let nobody try before `next_try_ns`."""
    return _write_cursor(
        connection,
        turn,
        {
            "seq": seq,
            "failures": turn.failures + 1,
            "next_try_ns": next_try_ns,
            "leased_until_ns": 0,
            "last_answer": answer,
        },
    )


def _write_cursor(connection: Connection, turn: Turn, values: dict[str, object]) -> bool:
    done = connection.execute(
        update(cursors).where(cursors.c.endpoint == turn.endpoint, cursors.c.fence == turn.fence).values(values)
    )
    return done.rowcount == 1


def lagging(connection: Connection, endpoints: Collection[str], last_seq: int, now_ns: int) -> set[str]:
    """Those of `endpoints` that have not come to `last_seq`, and whose turn could be taken now."""
    rows = connection.execute(select(cursors).where(cursors.c.endpoint.in_(list(endpoints)))).all()
    waiting = {
        row.endpoint for row in rows if row.seq >= last_seq or row.leased_until_ns > now_ns or row.next_try_ns > now_ns
    }
    return set(endpoints) - waiting if last_seq else set()

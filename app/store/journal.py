"""Our registry's own events: intents, settled ones with their numbers, and how far each endpoint has come."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from app.store.dialect import leave, upsert
from app.store.schema import cursors, journal, journal_head


@dataclass(frozen=True, slots=True)
class Intent:
    """One event that is about to be true. Those of one `operation` are settled together; `fact` is how to find out."""

    operation: str
    repository: str
    action: str
    media_type: str | None
    fact: bytes
    event: bytes
    opened_ns: int


@dataclass(frozen=True, slots=True)
class Open:
    """An intent that is not settled, with its row."""

    id: int
    operation: str
    repository: str
    fact: bytes
    opened_ns: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A settled event. `seq` runs without gaps in this journal."""

    seq: int
    repository: str
    action: str
    media_type: str | None
    event: bytes


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to send to an endpoint until the lease ends."""

    endpoint: str
    seq: int
    failures: int
    fence: int


def open_intents(connection: Connection, intents: Sequence[Intent]) -> None:
    connection.execute(insert(journal), [asdict(intent) for intent in intents])


def unsettled(connection: Connection, operation: str | None = None) -> list[Open]:
    """The intents of one operation, or all, oldest first."""
    query = select(*(journal.c[name] for name in Open.__dataclass_fields__)).where(journal.c.seq.is_(None))
    if operation is not None:
        query = query.where(journal.c.operation == operation)
    return [Open(*row) for row in connection.execute(query.order_by(journal.c.id))]


def settle(connection: Connection, operations: Sequence[str]) -> None:
    """Every intent of `operations` came true: number them, in that order."""
    ranks = {operation: rank for rank, operation in enumerate(operations)}
    query = select(journal.c.id, journal.c.operation).where(
        journal.c.seq.is_(None), journal.c.operation.in_(list(operations))
    )
    rows = sorted(connection.execute(query), key=lambda row: (ranks[row.operation], row.id))
    settle_rows(connection, [row.id for row in rows])


def settle_rows(connection: Connection, ids: Sequence[int]) -> None:
    """Give each row its number under the journal's lock."""
    if not ids:
        return
    seq = _lock_head(connection)
    connection.execute(
        update(journal).where(journal.c.id == bindparam("row")).values(seq=bindparam("number")),
        [{"row": row, "number": seq + ordinal} for ordinal, row in enumerate(ids, 1)],
    )
    _advance_head(connection, seq + len(ids))


def append(connection: Connection, happened: Sequence[Intent]) -> None:
    """Write events that are true already (pulls)."""
    seq = _lock_head(connection)
    rows = [asdict(one) | {"seq": seq + ordinal} for ordinal, one in enumerate(happened, 1)]
    connection.execute(insert(journal), rows)
    _advance_head(connection, seq + len(rows))


def forget(connection: Connection, ids: Collection[int]) -> None:
    """Intents that never came true."""
    if not ids:
        return
    connection.execute(delete(journal).where(journal.c.id.in_(list(ids)), journal.c.seq.is_(None)))


def _lock_head(connection: Connection) -> int:
    return int(
        connection.execute(select(journal_head.c.seq).where(journal_head.c.id == 1).with_for_update()).scalar_one()
    )


def _advance_head(connection: Connection, seq: int) -> None:
    connection.execute(update(journal_head).where(journal_head.c.id == 1).values(seq=seq))


def head(connection: Connection) -> tuple[str, int]:
    """(this journal's name, the last number given out)."""
    row = connection.execute(select(journal_head.c.journal, journal_head.c.seq)).one()
    return row.journal, row.seq


def entries_after(connection: Connection, seq: int, most: int) -> list[Entry]:
    query = (
        select(journal.c.seq, journal.c.repository, journal.c.action, journal.c.media_type, journal.c.event)
        .where(journal.c.seq > seq)
        .order_by(journal.c.seq)
        .limit(most)
    )
    return [Entry(*row) for row in connection.execute(query)]


def last_but(connection: Connection, before: int, actions: Collection[str], media_types: Collection[str]) -> int:
    """The last number below `before` whose event has neither one of `actions` nor of `media_types`; 0 if none has."""
    wanted = (
        journal.c.seq < before,
        journal.c.action.not_in(list(actions)),
        or_(journal.c.media_type.is_(None), journal.c.media_type.not_in(list(media_types))),
    )
    query = select(journal.c.seq).where(*wanted).order_by(journal.c.seq.desc()).limit(1)
    return connection.execute(query).scalar_one_or_none() or 0


def take_turn(connection: Connection, endpoint: str, now_ns: int, lease_ns: int) -> Turn | None:
    """The turn to send to `endpoint`, or None if another has it or its time has not come."""
    upsert(
        connection,
        cursors,
        [{"endpoint": endpoint, "seq": 0, "failures": 0, "next_try_ns": 0, "leased_until_ns": 0, "fence": 0}],
        leave,
    )
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


def lagging(connection: Connection, endpoints: Collection[str], now_ns: int) -> set[str]:
    """Those of `endpoints` that have something to come, and whose turn could be taken now."""
    last = head(connection)[1]
    rows = connection.execute(select(cursors).where(cursors.c.endpoint.in_(list(endpoints)))).all()
    waiting = {
        row.endpoint for row in rows if row.seq >= last or row.leased_until_ns > now_ns or row.next_try_ns > now_ns
    }
    return set(endpoints) - waiting if last else set()

"""Our registry's own events: intents, and settled ones with their numbers."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from app.store.schema import journal, journal_head


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


def last_before(connection: Connection, seq: int, time_ns: int) -> int:
    """The last number up to `seq` whose event is older than a moment; 0 if none is."""
    query = (
        select(journal.c.seq)
        .where(journal.c.seq <= seq, journal.c.opened_ns < time_ns)
        .order_by(journal.c.seq.desc())
        .limit(1)
    )
    return connection.execute(query).scalar_one_or_none() or 0


def prune(connection: Connection, until: int, kept: Collection[int], most: int) -> int:
    """Take out the first `most` events up to the number `until`, but those of `kept`; how many."""
    wanted = (journal.c.seq <= until, journal.c.seq.not_in(list(kept)))
    first = list(connection.execute(select(journal.c.seq).where(*wanted).order_by(journal.c.seq).limit(most)).scalars())
    if first:
        connection.execute(delete(journal).where(*wanted, journal.c.seq <= first[-1]))
    return len(first)

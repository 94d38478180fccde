"""Our registry's own events: intents, and settled ones with their numbers."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import takewhile

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, insert, select, update

from app.store.dialect import listed, one_of
from app.store.schema import journal, journal_head, parked


@dataclass(frozen=True, slots=True)
class Intent:
    """One event that is about to be true. Those of one `operation` are settled together; `fact` is how to find out.

    `event` as it stands in an envelope, `extra` what stands beside it under our own key, if anything does.
    """

    operation: str
    repository: str
    action: str
    media_type: str | None
    fact: bytes
    event: bytes
    extra: bytes | None
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

    id: int
    seq: int
    repository: str
    action: str
    media_type: str | None
    event: bytes
    extra: bytes | None
    opened_ns: int


ENTRY = tuple(journal.c[name] for name in Entry.__dataclass_fields__)


_COLUMNS = tuple(Intent.__dataclass_fields__)
_INSERT = insert(journal)
_UNSETTLED = select(*(journal.c[name] for name in Open.__dataclass_fields__)).where(journal.c.seq.is_(None))
_UNSETTLED = _UNSETTLED.order_by(journal.c.id + 0)  # by a bare id SQLite reads the whole journal, in that order
_OF_OPERATION = _UNSETTLED.where(journal.c.operation == bindparam("of"))
_NUMBER = update(journal).where(journal.c.id == bindparam("row")).values(seq=bindparam("number"))
_SETTLE = update(journal).where(journal.c.operation == bindparam("of"), journal.c.seq.is_(None))
_SETTLE = _SETTLE.values(seq=bindparam("number"))
_ADVANCE = update(journal_head).where(journal_head.c.id == 1)
_ADVANCE = _ADVANCE.values(seq=journal_head.c.seq + bindparam("by")).returning(journal_head.c.seq)
_HEAD = select(journal_head.c.journal, journal_head.c.seq)
_AFTER = select(*ENTRY).where(journal.c.seq > bindparam("behind")).order_by(journal.c.seq).limit(bindparam("most"))
_OLDEST_OPEN = select(journal.c.repository, func.min(journal.c.id).label("first")).where(journal.c.seq.is_(None))
_OLDEST_OPEN = _OLDEST_OPEN.group_by(journal.c.repository)
"""Made once: to make them takes longer than to run them, and every push runs them, or who sends its event."""


def open_intents(connection: Connection, intents: Sequence[Intent]) -> None:
    connection.execute(_INSERT, [_row(intent) for intent in intents])


def _row(intent: Intent) -> dict[str, object]:
    return {name: getattr(intent, name) for name in _COLUMNS}


def unsettled(connection: Connection, operation: str | None = None) -> list[Open]:
    """The intents of one operation, or all, oldest first."""
    if operation is None:
        return [Open(*row) for row in connection.execute(_UNSETTLED)]
    return [Open(*row) for row in connection.execute(_OF_OPERATION, {"of": operation})]


def settle(connection: Connection, intents: Sequence[Intent]) -> None:
    """All intents of an operation came true: number them, in their order.

    One that is not open any more was taken for left behind, while its request stood still: what was not found true then
    is now.
    """
    operation = intents[0].operation
    if len(intents) == 1:
        known = {"of": operation, "number": _advance_head(connection, 1)}
        if connection.execute(_SETTLE, known).rowcount == 1:
            return
        _advance_head(connection, -1)
    _settle_found(connection, operation, intents)


def _settle_found(connection: Connection, operation: str, intents: Sequence[Intent]) -> None:
    opened = unsettled(connection, operation)
    settle_rows(connection, [intent.id for intent in opened])
    if len(opened) < len(intents):
        query = select(journal.c.event).where(journal.c.operation == operation, journal.c.seq.is_not(None))
        known = set(connection.execute(query).scalars())
        append(connection, [intent for intent in intents if intent.event not in known])


def settle_rows(connection: Connection, ids: Sequence[int]) -> None:
    """Give each row that has none its number, under the journal's lock."""
    if not ids:
        return
    _advance_head(connection, 0)  # whoever has numbered some meanwhile is done
    unnumbered = select(journal.c.id).where(*_open(connection)).order_by(journal.c.id)
    rows = connection.execute(unnumbered, _given(connection, ids)).scalars().all()
    if rows:
        first = _advance_head(connection, len(rows)) - len(rows) + 1
        connection.execute(_NUMBER, [{"row": row, "number": number} for number, row in enumerate(rows, first)])


def append(connection: Connection, happened: Sequence[Intent]) -> None:
    """Write events that are true already (pulls)."""
    if not happened:
        return
    first = _advance_head(connection, len(happened)) - len(happened) + 1
    connection.execute(_INSERT, [_row(one) | {"seq": number} for number, one in enumerate(happened, first)])


def events_after(connection: Connection, seq: int) -> set[bytes]:
    """All that have a number above `seq`."""
    return set(connection.execute(select(journal.c.event).where(journal.c.seq > seq)).scalars())


def forget(connection: Connection, ids: Collection[int]) -> None:
    """Intents that never came true."""
    if ids:
        connection.execute(delete(journal).where(*_open(connection)), _given(connection, ids))


def _open(connection: Connection) -> tuple[ColumnElement[bool], ...]:
    """Those that are `_given` and have no number: a delete may have taken more tags than a statement has parameters."""
    return (one_of(connection.dialect.name, journal.c.id, "ids"), journal.c.seq.is_(None))


def _given(connection: Connection, ids: Collection[int]) -> dict[str, object]:
    return {"ids": listed(connection.dialect.name, ids)}


def _advance_head(connection: Connection, by: int) -> int:
    """The last number given out, from here to the end of the transaction by nobody else."""
    return int(connection.execute(_ADVANCE, {"by": by}).scalar_one())


def head(connection: Connection) -> tuple[str, int]:
    """(this journal's name, the last number given out)."""
    row = connection.execute(_HEAD).one()
    return row.journal, row.seq


def entries_after(connection: Connection, seq: int, most: int) -> list[Entry]:
    """What follows `seq`, but nothing of a repository that was opened after an intent of it that is not settled yet."""
    entries = [Entry(*row) for row in connection.execute(_AFTER, {"behind": seq, "most": most})]
    oldest = _oldest_open(connection) if entries else {}
    return list(takewhile(lambda one: one.id < oldest.get(one.repository, one.id + 1), entries))


def _oldest_open(connection: Connection) -> dict[str, int]:
    return {row.repository: row.first for row in connection.execute(_OLDEST_OPEN)}


def last_before(connection: Connection, seq: int, time_ns: int) -> int:
    """The last number up to `seq` whose event is older than a moment; 0 if none is."""
    query = (
        select(journal.c.seq)
        .where(journal.c.seq <= seq, journal.c.opened_ns < time_ns)
        .order_by(journal.c.seq.desc())
        .limit(1)
    )
    return connection.execute(query).scalar_one_or_none() or 0


def prune(connection: Connection, until: int, most: int) -> int:
    """Take out the first `most` events up to the number `until`, but those that are parked; how many."""
    wanted = (journal.c.seq <= until, journal.c.seq.not_in(select(parked.c.seq)))
    first = list(connection.execute(select(journal.c.seq).where(*wanted).order_by(journal.c.seq).limit(most)).scalars())
    if first:
        connection.execute(delete(journal).where(*wanted, journal.c.seq <= first[-1]))
    return len(first)

"""Events that no history needs: which are old enough to go, and the way back for those that went."""

import base64
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    bindparam,
    cast,
    delete,
    func,
    insert,
    not_,
    select,
    tuple_,
    union_all,
)

from app.domain.chain import differing
from app.domain.cuts import CUT, RESTORED, Cut, Runs
from app.domain.times import parse_rfc3339
from app.store import actions, links
from app.store import events as stored
from app.store.actions import Recorded
from app.store.dialect import listed, one_of
from app.store.events import NEWS
from app.store.outbox import EVENT, RESOLVE
from app.store.schema import events, outbox, window_changes
from app.store.schema.base import Big

T = TypeVar("T")

_PARAMETERS = 500


@dataclass(frozen=True, slots=True)
class Due:
    """Events of one action that reach no tag, happened and were received before a moment, and are none of `but`."""

    action: str
    before_ns: int
    but: Runs

    def conditions(self, dialect: str) -> list[ColumnElement[bool]]:
        """The parameter `but` holds those that stay. The action is said to the letter for the index of pulls."""
        return [
            events.c.action == bindparam("action", self.action, literal_execute=True),
            events.c.time_ns < self.before_ns,
            events.c.received_ns < self.before_ns,
            *_free(self.action),
            not_(one_of(dialect, events.c.seq, "but")),
        ]


def _free(action: str) -> list[ColumnElement[bool]]:
    """No history needs it, and no promise: neither one about it, nor one to ask where a tag points that it moved on."""
    promised = union_all(_seqs(outbox), _seqs(window_changes))
    free: list[ColumnElement[bool]] = [events.c.scope.is_(None), events.c.seq.not_in(promised)]
    if action in NEWS:
        waiting, names = events.alias("waiting"), ("registry", "repository", "tag")
        lacking = _seqs(outbox).where(outbox.c.lane.startswith(RESOLVE))
        asked = select(*(waiting.c[name] for name in names)).where(waiting.c.seq.in_(lacking))
        free.append(tuple_(events.c.registry, events.c.repository, func.coalesce(events.c.tag, "")).not_in(asked))
    return free


def _seqs(table: Table) -> Select[Any]:
    """Of those events that are subjects in `table`."""
    seq = cast(func.substr(table.c.subject, len(EVENT) + 1), Big)
    return select(seq).where(table.c.subject.startswith(EVENT))


def count(connection: Connection, due: Due) -> int:
    dialect = connection.dialect.name
    query = select(func.count()).select_from(events).where(*due.conditions(dialect))
    return connection.execute(query, {"but": listed(dialect, due.but)}).scalar_one()


def oldest(connection: Connection, due: Due, most: int) -> dict[int, bytes]:
    """By seq, the lines of the oldest rows that are due."""
    dialect = connection.dialect.name
    query = select(events).where(*due.conditions(dialect)).order_by(events.c.time_ns, events.c.seq).limit(most)
    found = connection.execute(query, {"but": listed(dialect, due.but)})
    return {row.seq: line(dict(row._mapping)) for row in found}


def line(row: Mapping[str, Any]) -> bytes:
    """A row as archives have it: a JSON object of its columns, with the raw bytes in base64."""
    told = {**row, "raw": base64.b64encode(row["raw"]).decode()}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def read(text: bytes) -> dict[str, Any]:
    """What `line` gave. Raises ValueError."""
    try:
        row = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(row, dict) or row.keys() != set(events.c.keys()) or not isinstance(row["raw"], str):
        raise ValueError("a line is no event")
    return row | {"raw": base64.b64decode(row["raw"], validate=True)}


def take_out(connection: Connection, action: str, seqs: Collection[int]) -> int:
    """Delete events of an action that nothing needs; how many there were."""
    return sum(
        connection.execute(delete(events).where(events.c.seq.in_(part), *_free(action))).rowcount
        for part in _parts(seqs)
    )


def strangers(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """The seqs of `rows` that no link here was made of."""
    if not rows:
        return []
    seqs = [row["seq"] for row in rows]
    known = links.between(connection, min(seqs) - 1, max(seqs))
    return [row["seq"] for row in rows if row["seq"] not in known or differing(known[row["seq"]], row) is not None]


def missing(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those of `rows`, each once, that are not there, and were not told again since."""
    by_seq = {row["seq"]: row for row in rows}
    queries = (select(events.c.seq).where(events.c.seq.in_(part)) for part in _parts(by_seq))
    here = {seq for query in queries for seq in connection.execute(query).scalars()}
    ids: dict[str, list[str]] = {}
    for row in rows:
        ids.setdefault(row["origin"], []).append(row["event_id"])
    told = stored.known(connection, ids)
    return [row for seq, row in by_seq.items() if seq not in here and (row["origin"], row["event_id"]) not in told]


def put(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    connection.execute(insert(events), [dict(row) for row in rows])


def cuts(connection: Connection) -> list[Cut]:
    """Every cut that was written down and can be read, the oldest first."""
    return [one for _seq, one in _read(connection, CUT, _cut)]


def log(connection: Connection) -> list[Cut | Runs]:
    """Every cut, and the rows of every archive that was put back, the oldest first."""
    both: list[tuple[int, Cut | Runs]] = [*_read(connection, CUT, _cut), *_read(connection, RESTORED, _put_back)]
    return [one for _seq, one in sorted(both, key=lambda one: one[0])]


def put_back_since(connection: Connection, since_ns: int) -> Runs:
    """The rows that were put back since a moment."""
    found = _read(connection, RESTORED, lambda one: _put_back(one) if one.time_ns >= since_ns else Runs())
    return Runs.union(runs for _seq, runs in found)


def _read(connection: Connection, verb: str, make: Callable[[Recorded], T]) -> list[tuple[int, T]]:
    """(seq, what it says) of every action of a kind whose detail can be read."""
    found = []
    for one in actions.all_of(connection, verb):
        with suppress(ValueError):
            found.append((one.seq, make(one)))
    return found


def _cut(one: Recorded) -> Cut:
    return Cut.read(one.subject, one.detail)


def _put_back(one: Recorded) -> Runs:
    return Runs.parse(str(one.detail.get("seqs")))


def kept_since(connection: Connection, action: str) -> int | None:
    """Since when events of `action` are complete; None if none was ever taken out."""
    of_action = json.dumps({"action": action})[1:-1]
    last = actions.last_of(connection, CUT, of_action)
    return None if last is None else parse_rfc3339(str(last.detail["since"]))


def _parts(seqs: Collection[int]) -> list[list[int]]:
    ordered = list(seqs)
    return [ordered[at : at + _PARAMETERS] for at in range(0, len(ordered), _PARAMETERS)]

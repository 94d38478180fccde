"""Events that no history needs: which are old enough to go, and the way back for those that went."""

import base64
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, false, func, insert, not_, or_, select

from app.domain.chain import differing
from app.domain.cuts import CUT, Cut, Runs
from app.store import actions, links
from app.store.schema import events

_PARAMETERS = 500


def _due(before_ns: Mapping[str, int], but: Runs) -> list[ColumnElement[bool]]:
    """Received before the moment of its action, reaching no tag, and not one of `but`."""
    old = [and_(events.c.action == action, events.c.received_ns < moment) for action, moment in before_ns.items()]
    kept = [not_(events.c.seq.between(first, last)) for first, last in but.runs]
    return [events.c.scope.is_(None), or_(false(), *old), *kept]


def count(connection: Connection, before_ns: Mapping[str, int], but: Runs) -> int:
    return connection.execute(select(func.count()).select_from(events).where(*_due(before_ns, but))).scalar_one()


def oldest(connection: Connection, before_ns: Mapping[str, int], but: Runs, most: int) -> dict[int, bytes]:
    """By seq, the lines of the oldest rows that are due."""
    query = select(events).where(*_due(before_ns, but)).order_by(events.c.seq).limit(most)
    return {row.seq: line(dict(row._mapping)) for row in connection.execute(query)}


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


def take_out(connection: Connection, seqs: Sequence[int]) -> int:
    """Delete events; how many there were."""
    return sum(
        connection.execute(delete(events).where(events.c.seq.in_(part), events.c.scope.is_(None))).rowcount
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
    """Those of `rows` that are not there."""
    seqs = [row["seq"] for row in rows]
    queries = (select(events.c.seq).where(events.c.seq.in_(part)) for part in _parts(seqs))
    here = {seq for query in queries for seq in connection.execute(query).scalars()}
    return [row for row in rows if row["seq"] not in here]


def put(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    connection.execute(insert(events), [dict(row) for row in rows])


def cuts(connection: Connection) -> list[Cut]:
    """Every cut that was written down and can be read, the oldest first."""
    found = []
    for one in actions.all_of(connection, CUT):
        try:
            found.append(Cut.read(one.subject, one.detail))
        except ValueError:
            continue
    return found


def _parts(seqs: Collection[int]) -> list[list[int]]:
    ordered = list(seqs)
    return [ordered[at : at + _PARAMETERS] for at in range(0, len(ordered), _PARAMETERS)]

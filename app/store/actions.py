"""What operators do, written down in one order with the events."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, insert, select

from app.domain.chain import ACTION
from app.domain.text import storable
from app.store import head, links
from app.store.engine import now_ns
from app.store.schema import actions


@dataclass(frozen=True, slots=True)
class Action:
    """What somebody did to what: `actor` such as `os:alice`, `verb` such as `delivery.redeliver`.

    `detail` is kept as JSON, and shown to whoever reads the log: no secrets.
    """

    actor: str
    verb: str
    subject: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recorded(Action):
    """An action as it stands in the log."""

    seq: int = 0
    time_ns: int = 0


def add(connection: Connection, action: Action) -> None:
    """Write down an action, linked. From here to the end of the transaction nothing else is taken in."""
    at = head.lock(connection)
    row = {
        "seq": at.seq + 1,
        "time_ns": now_ns(connection),
        "actor": storable(action.actor),
        "verb": action.verb,
        "subject": storable(action.subject),
        "detail": json.dumps(action.detail, sort_keys=True),
    }
    connection.execute(insert(actions), row)
    head.advance(connection, links.add(connection, at, ACTION, [row]))


def all_of(connection: Connection, verb: str) -> list[Recorded]:
    """Every action of one kind, the oldest first."""
    return _recorded(connection, select(actions).where(actions.c.verb == verb).order_by(actions.c.seq))


def last_of(connection: Connection, verb: str, part: str = "") -> Recorded | None:
    """The last action of one kind; of those whose detail, as it is stored, has `part` in it."""
    query = select(actions).where(actions.c.verb == verb).order_by(actions.c.seq.desc()).limit(1)
    if part:
        query = query.where(actions.c.detail.contains(part, autoescape=True))
    return next(iter(_recorded(connection, query)), None)


def _recorded(connection: Connection, query: Any) -> list[Recorded]:
    return [
        Recorded(row.actor, row.verb, row.subject, read(row.detail), row.seq, row.time_ns)
        for row in connection.execute(query)
    ]


def read(detail: str) -> Mapping[str, Any]:
    """What was kept as JSON; nothing, where somebody wrote something else in its place: verifying names that row."""
    try:
        found = json.loads(detail)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}

"""What has come from each sender, in numbers."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, case, select

from app.store.dialect import upsert
from app.store.schema import origins


@dataclass(slots=True)
class Tally:
    events: int = 0
    repeats: int = 0
    quarantined: int = 0
    ignored: int = 0
    last_received_ns: int = 0


def count(connection: Connection, tallies: Mapping[str, Tally]) -> None:
    """Add to the numbers of each origin, in the order of their names."""
    upsert(connection, origins, [{"name": name, **asdict(tallies[name])} for name in sorted(tallies)], _added)


def _added(more: Any) -> Mapping[str, Any]:
    held = origins.c.last_received_ns
    return {
        "events": origins.c.events + more.events,
        "repeats": origins.c.repeats + more.repeats,
        "quarantined": origins.c.quarantined + more.quarantined,
        "ignored": origins.c.ignored + more.ignored,
        "last_received_ns": case((held > more.last_received_ns, held), else_=more.last_received_ns),
    }


def all_tallies(connection: Connection) -> dict[str, Tally]:
    return {
        row.name: Tally(row.events, row.repeats, row.quarantined, row.ignored, row.last_received_ns)
        for row in connection.execute(select(origins))
    }

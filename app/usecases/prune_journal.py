"""Takes out of our registry's journal what every endpoint has been told."""

from collections.abc import Sequence

from app.domain.times import SECOND_NS
from app.store import journal
from app.store.engine import Engine, now_ns, reading, writing
from app.store.standings import standing

KEPT_NS = 72 * 3600 * SECOND_NS
"""So long an event stays at least, to be sent again if an endpoint took it and lost it."""
MOST_AT_ONCE = 10_000
"""Rows in a transaction: writers wait for it."""


def prune_journal(engine: Engine, endpoints: Sequence[str]) -> int:
    """How many events are gone; what is parked stays.

    Nothing goes where there is no endpoint, as while `/v2/` is off: one that is back hears what waited.
    """
    if not endpoints:
        return 0
    with reading(engine) as connection:
        told = min(standing(connection, name).seq for name in endpoints)
        until = journal.last_before(connection, told, now_ns(connection) - KEPT_NS)
    gone = 0
    while True:
        with writing(engine) as connection:
            count = journal.prune(connection, until, MOST_AT_ONCE)
        gone += count
        if count < MOST_AT_ONCE:
            return gone

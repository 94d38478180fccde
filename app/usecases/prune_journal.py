"""Takes out of our registry's journal what every endpoint has been told."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from app.domain.times import SECOND_NS
from app.store import cursors, journal
from app.store.engine import Connection, Engine, now_ns, reading, writing

KEPT_NS = 3600 * SECOND_NS
"""So long an event stays at least, for who looks into why an endpoint heard what it heard."""
MOST_AT_ONCE = 10_000
"""Rows in a transaction: writers wait for it."""


@dataclass(frozen=True, slots=True)
class Hearer:
    """An endpoint, and what it is not told of."""

    endpoint: str
    ignored_actions: Collection[str]
    ignored_media_types: Collection[str]


def prune_journal(engine: Engine, hearers: Sequence[Hearer]) -> int:
    """How many events are gone. The last one that each endpoint was told stays: the next names it as the one before.

    Nothing goes where there is no endpoint, as while `/v2/` is off: one that is back hears what waited.
    """
    if not hearers:
        return 0
    with reading(engine) as connection:
        told, kept = _standing(connection, hearers)
        until = journal.last_before(connection, told, now_ns(connection) - KEPT_NS)
    gone = 0
    while True:
        with writing(engine) as connection:
            count = journal.prune(connection, until, kept, MOST_AT_ONCE)
        gone += count
        if count < MOST_AT_ONCE:
            return gone


def _standing(connection: Connection, hearers: Sequence[Hearer]) -> tuple[int, set[int]]:
    """Up to which number all have been told, and the last numbers that each was."""
    reached = {one: cursors.standing(connection, one.endpoint).seq for one in hearers}
    kept = {
        journal.last_but(connection, seq + 1, one.ignored_actions, one.ignored_media_types)
        for one, seq in reached.items()
    }
    return min(reached.values()), kept

"""Resolves what a crash left between intent and settling, by looking at the storage (DESIGN decision 13)."""

import logging
from collections.abc import Callable, Collection

from app.registry.locks import Locks
from app.registry.notify import Fact
from app.registry.storage.driver import StorageError
from app.store import journal
from app.store.engine import Engine, now_ns, reading, writing
from app.store.journal import Open
from app.usecases.record import is_under_lock, load_fact, resolve, true_of

log = logging.getLogger(__name__)

OLD_NS = 30 * 1_000_000_000
"""Blob pushes hold no repository lock: an intent this old has no living request behind it that is about to settle."""


def settle_leftovers(engine: Engine, locks: Locks, holds: Callable[[Fact], bool], *, at_start: bool = False) -> int:
    """Resolve the intents that nobody will settle; how many. Those of a repository that storage can't show now stay.

    `at_start`: none is too young, for no request of this machine is under way; a blob that another one is pushing,
    which shares the journal, is waited for. A repository's lock is held meanwhile: a writer that is alive settles
    before it lets go.
    """
    alone = engine.dialect.name == "sqlite"
    with reading(engine) as connection:
        oldest, found = now_ns(connection) - OLD_NS, journal.unsettled(connection)

    def is_left(intent: Open) -> bool:
        return intent.opened_ns < oldest or (at_start and (alone or is_under_lock(load_fact(intent.fact))))

    count, left = 0, [intent for intent in found if is_left(intent)]
    for repository in sorted({intent.repository for intent in left}):
        try:
            with locks.repository(repository):
                count += _settle(engine, holds, [one.id for one in left if one.repository == repository])
        except StorageError as error:
            log.warning("what crashed in %s is settled later: %s", repository, error)
    return count


def _settle(engine: Engine, holds: Callable[[Fact], bool], ids: Collection[int]) -> int:
    """Those that are open still; how many. Nobody waits for the journal while storage is asked."""
    with reading(engine) as connection:
        found = [one for one in journal.unsettled(connection) if one.id in ids]
    true = true_of(holds, found)
    with writing(engine) as connection:
        resolve(connection, found, true)
    return len(found)

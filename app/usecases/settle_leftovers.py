"""Resolves what a crash left between intent and settling, by looking at the storage (DESIGN decision 13)."""

import logging
from collections.abc import Callable

from app.registry.locks import Locks
from app.registry.notify import Fact
from app.registry.storage.driver import StorageError
from app.store import journal
from app.store.engine import Engine, now_ns, reading, writing
from app.usecases.record import resolve

log = logging.getLogger(__name__)

OLD_NS = 30 * 1_000_000_000
"""Blob pushes hold no repository lock: an intent this old has no living request behind it that is about to settle."""


def settle_leftovers(engine: Engine, locks: Locks, holds: Callable[[Fact], bool], *, at_start: bool = False) -> int:
    """Resolve the intents that nobody will settle; how many. Those of a repository that storage can't show now stay.

    `at_start`: no request is under way, so that none is too young. A repository's lock is held meanwhile: a writer that
    is alive settles before it lets go.
    """
    with reading(engine) as connection:
        oldest = now_ns(connection) - (0 if at_start else OLD_NS)
        left = [intent for intent in journal.unsettled(connection) if at_start or intent.opened_ns < oldest]
    count, wanted = 0, {intent.id for intent in left}
    for repository in sorted({intent.repository for intent in left}):
        try:
            with locks.repository(repository), writing(engine) as connection:
                found = [one for one in journal.unsettled(connection) if one.id in wanted]
                again = [one for one in found if one.repository == repository]
                resolve(connection, holds, again)
        except StorageError as error:
            log.warning("what crashed in %s is settled later: %s", repository, error)
        else:
            count += len(again)
    return count

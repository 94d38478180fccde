"""Sends once more all that was given up within a time, because somebody says so."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

from app.domain.access import AccessScope
from app.domain.deliveries import EXPIRES_NS, is_deploy
from app.store import actions, dead
from app.store.actions import Action
from app.store.engine import Engine, now_ns, writing
from app.store.queries import deliveries
from app.store.queries.deliveries import DeliveryFilter, Failed
from app.store.queries.paging import Paging, every
from app.usecases.redeliver import wake

MOST_AT_ONCE = 100
"""Deliveries in one transaction, which holds ingest up."""
_READ_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Given:
    """A delivery that was given up."""

    id: str
    destination: str


def find_failed(engine: Engine, scope: AccessScope, failed: Failed) -> list[Given]:
    """By destination, what was made first before the rest."""
    asked = DeliveryFilter(failed=failed)
    found = every(engine, lambda one, paging: deliveries.page(one, scope, asked, paging), Paging(_READ_AT_ONCE))
    given = [Given(line.id, line.destination) for line in found]
    given.reverse()  # the list has the newest first
    return sorted(given, key=lambda one: one.destination)


def redeliver_failed(
    engine: Engine, found: Sequence[Given], by: str, tell: Callable[[int], None] = lambda _done: None
) -> list[Given]:
    """Make what `find_failed` found due, as if rules had made it now; those of it that nobody was faster with.

    A deploy whose tag has moved on is superseded when its turn comes: what failed last week is no way back. `by` is as
    in `redeliver`; `tell` hears how many are done.
    """
    sent: list[Given] = []
    done = 0
    for destination, batch in _batches(found):
        sent += [Given(identity, destination) for identity in _send(engine, destination, batch, by)]
        done += len(batch)
        tell(done)
    return sent


def _batches(found: Sequence[Given]) -> Iterator[tuple[str, list[str]]]:
    for destination, some in groupby(found, lambda one: one.destination):
        ids = (one.id for one in some)
        while batch := list(islice(ids, MOST_AT_ONCE)):
            yield destination, batch


def _send(engine: Engine, destination: str, ids: Sequence[str], by: str) -> list[str]:
    purpose = "deploy" if is_deploy(destination) else "alert"
    with writing(engine) as connection:
        now = now_ns(connection)
        wake(connection, destination, now)
        sent = dead.again(connection, ids, now, now + EXPIRES_NS[purpose])
        if sent:
            actions.add(connection, Action(by, "delivery.redeliver-failed", destination, {"sent": sent}))
    return sent

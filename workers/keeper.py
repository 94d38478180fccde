"""`python -P -m workers.keeper`: what a registry that is served alone does beside serving.

Sends its events, settles what a crash left half-done, takes stale uploads away, and tells of health and metrics.
"""

import logging
import random
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app import bootstrap
from app.bootstrap.registry import make_registry, make_storage
from app.bootstrap.standalone import configure_logging, make_health
from app.domain.errors import TagtrailError
from app.outbound import Door
from app.queue.pipe import PipeEar
from app.settings import ConfigurationError, Settings
from app.settings.alone import debug_address, load_alone
from app.store import cursors, journal
from app.store.engine import Engine, UnavailableError, now_ns, reading
from app.store.standings import standing
from app.usecases.notify import Receiver, notify
from workers import debug
from workers.lanes import Lanes
from workers.leftovers import Leftovers
from workers.pruning import Pruning
from workers.purging import Purging

if TYPE_CHECKING:
    from prometheus_client import Metric

log = logging.getLogger(__name__)

EVERY_S = 0.2
"""How late an event may be told of whose ring was lost."""


@dataclass(slots=True)
class Keeper:
    """`leftovers`, `purging`: None for what only the process that serves it can see."""

    engine: Engine
    ear: PipeEar
    receivers: Mapping[str, Receiver]
    doors: Mapping[str, Door]
    leftovers: Leftovers | None
    purging: Purging | None
    pruning: Pruning
    lanes: Lanes = field(default_factory=Lanes)

    def round(self) -> None:
        """One look at everything that may be due."""
        with reading(self.engine) as connection:
            last = journal.head(connection)[1]
            lagging = cursors.lagging(connection, self.receivers.keys(), last, now_ns(connection))
        for name in lagging:
            self.lanes.drain(f"notify:{name}", self._notifying(name))
        if self.leftovers is not None and self.leftovers.is_due:
            self.lanes.drain("leftovers", self.leftovers.run)
        if self.purging is not None and self.purging.is_due:
            self.lanes.drain("purge", self.purging.run)
        if self.pruning.is_due:
            self.lanes.drain("prune", self.pruning.run)

    def _notifying(self, name: str) -> Callable[[], None]:
        def send() -> None:
            jitter = random.uniform(-1, 1)  # noqa: S311
            notify(self.engine, self.receivers[name], self.doors[name], jitter, self.lanes.is_over)

        return send

    def measured(self) -> "Iterable[Metric]":
        """How each endpoint does."""
        from app.usecases.measure_endpoints import measure_endpoints

        with reading(self.engine) as connection:
            return measure_endpoints([standing(connection, name) for name in self.receivers], now_ns(connection))


def start(settings: Settings) -> Keeper:
    receivers = bootstrap.make_receivers(settings)
    unseen = settings.registry.storage.inmemory is not None
    purged = settings.registry.storage.maintenance.uploadpurging
    keeper = Keeper(
        engine=bootstrap.journal_engine(settings),
        ear=PipeEar(settings.keeper_bell),
        receivers=receivers,
        doors=_doors(settings, receivers),
        leftovers=None if unseen else Leftovers(bootstrap.journal_engine(settings), *make_registry(settings)),
        purging=None if unseen else Purging(purged, *make_storage(settings)),
        pruning=Pruning(bootstrap.journal_engine(settings), tuple(receivers)),
    )
    _tell(settings, keeper)
    return keeper


def _doors(settings: Settings, receivers: Mapping[str, Receiver]) -> Mapping[str, Door]:
    if not settings.registry.http.debug.prometheus.enabled:
        return bootstrap.make_notify_doors(receivers, Door())
    from prometheus_client import CollectorRegistry

    from workers.notify_meters import NotifyMeters

    return NotifyMeters(CollectorRegistry()).doors(receivers)


def _tell(settings: Settings, keeper: Keeper) -> None:
    """Listen where `http.debug` says, if it does."""
    address = debug_address(settings.registry)
    if address is None:
        return
    health = make_health(settings)
    health.start()
    pages = {"/debug/health": debug.health(lambda: health.faults)}
    if settings.registry.http.debug.prometheus.enabled:
        pages[settings.registry.http.debug.prometheus.path] = debug.metrics(keeper.measured)
    try:
        debug.serve(address, pages)
    except OSError as error:
        raise ConfigurationError(f"{settings.config}: http.debug.addr: {error.strerror}") from None


def run(keeper: Keeper) -> None:
    """Go round until SIGTERM or SIGINT; then once more, for what the last requests did."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    while True:
        try:
            keeper.round()
        except UnavailableError as error:
            log.warning("%s", error)
        if stop.is_set():
            break
        keeper.ear.wait(EVERY_S)
    keeper.lanes.close()


if __name__ == "__main__":
    try:
        settings = load_alone().settings
        configure_logging("keeper", settings.registry.log)
        run(start(settings))
    except TagtrailError as error:
        bootstrap.log_failure(error)
        sys.exit(1)

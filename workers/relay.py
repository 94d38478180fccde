"""Looks into SQL at least once a second and rings for what is due: late retries, lost rings, a wiped Redis."""

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app import bootstrap
from app.bootstrap.reloading import Watched
from app.domain.errors import TagtrailError
from app.domain.times import SECOND_NS
from app.queue.jobs import JOBS, Bell, Lane
from app.settings import ConfigurationError, Settings, load
from app.store import cursors, due, head, journal, outbox, windows
from app.store.engine import Engine, UnavailableError, now_ns, reading
from app.usecases.notify import begin
from app.usecases.retain import cut
from workers.lanes import Lanes
from workers.leftovers import Leftovers
from workers.pruning import Pruning
from workers.purging import Purging
from workers.silence import Watch

if TYPE_CHECKING:
    from app.sinks.sink import Channel
    from app.usecases.checkpoint import Export
    from app.usecases.retain import Keeping

log = logging.getLogger(__name__)

EVERY_S = 0.5
CUT_EVERY_S = 3600.0
RETENTION = "retention"
"""Who cuts, as the log of actions calls it."""
CHECKPOINT_AGAIN_S = 60.0
"""After one that could not be left where it should go."""
WATCH_EVERY_S = 5.0


@dataclass(slots=True)
class Relay:
    """`forwards`: by cursor, the name of each address that changes are sent on to."""

    engine: Engine
    journal: Engine
    bell: Bell
    endpoints: tuple[str, ...]
    forwards: Mapping[str, str]
    leftovers: Leftovers | None
    export: "Export | None" = None
    keeping: "Keeping | None" = None
    checkpoint_at: float = 0.0
    cut_at: float = 0.0
    lanes: Lanes = field(default_factory=Lanes)
    watch: Watch | None = None
    purging: Purging | None = None
    pruning: Pruning | None = None
    watch_at: float = 0.0

    def round(self) -> None:
        """One look at everything that may be due."""
        with reading(self.engine) as connection:
            now = now_ns(connection)
            promised = (Lane.named(name) for name in outbox.due_lanes(connection, now))
            lanes = {lane for lane in promised if lane.job in JOBS}
            lanes |= {Lane("settle", name) for name in windows.due_destinations(connection, now)}
            lanes |= {Lane("deliver", name) for name in due.due_destinations(connection, now)}
            lagging = cursors.lagging(connection, self.forwards.keys(), head.last(connection), now)
            lanes |= {Lane("forward", self.forwards[cursor]) for cursor in lagging}
        if self.endpoints:
            with reading(self.journal) as connection:
                lagging = cursors.lagging(connection, self.endpoints, journal.head(connection)[1], now_ns(connection))
                lanes |= {Lane("notify", name) for name in lagging}
        for lane in lanes:
            self.bell.ring(lane)
        self._keep_house()

    def configure(self, settings: Settings) -> None:
        """Go round for what other settings name. Raises ConfigurationError."""
        forwards = {one.cursor: name for name, one in bootstrap.make_forwards(settings).items()}
        self.export, self.keeping = bootstrap.make_export(settings), bootstrap.make_keeping(settings)
        self.endpoints, self.forwards = tuple(endpoint.name for endpoint in settings.endpoints), forwards
        if self.pruning is not None:
            self.pruning.endpoints = self.endpoints
        begin(self.journal, self.endpoints)
        if self.watch is not None:
            self.watch.origins, self.watch.told = settings.origins, notified(settings)

    def _keep_house(self) -> None:
        """What is done now and then, beside ringing."""
        if self.leftovers is not None and self.leftovers.is_due:
            self.lanes.drain("leftovers", self.leftovers.run)
        if self.purging is not None and self.purging.is_due:
            self.lanes.drain("purge", self.purging.run)
        if self.pruning is not None and self.pruning.is_due:
            self.lanes.drain("prune", self.pruning.run)
        if self.export is not None and time.monotonic() >= self.checkpoint_at:
            self.checkpoint_at = time.monotonic() + self.export.every_ns / SECOND_NS
            self.lanes.drain("checkpoint", self._checkpoint)
        if self.watch is not None and time.monotonic() >= self.watch_at:
            self.watch_at = time.monotonic() + WATCH_EVERY_S
            self.watch.look(self.engine)
        if self.keeping is not None and time.monotonic() >= self.cut_at:
            self.cut_at = time.monotonic() + CUT_EVERY_S
            self.lanes.drain("cut", self._cut)

    def _cut(self) -> None:
        if self.keeping is None:
            return
        try:
            for one in cut(self.engine, self.keeping, RETENTION):
                log.info("took %d events out, into %s", len(one.seqs), one.archive)
        except (TagtrailError, OSError) as error:
            log.warning("nothing was taken out: %s", error)

    def _checkpoint(self) -> None:
        """Beside the rounds: a slow address holds up no bell."""
        if self.export is None:
            return
        try:
            self.export.once(self.engine)
        except TagtrailError as error:
            self.checkpoint_at = min(self.checkpoint_at, time.monotonic() + CHECKPOINT_AGAIN_S)
            log.warning("no checkpoint: %s", error)


def start(settings: Settings) -> Relay:
    if settings.redis_url is None:
        raise bootstrap.MissingRedisError
    seen = settings.serves_registry and settings.registry.storage.inmemory is None
    return Relay(
        engine=bootstrap.audit_engine(settings),
        journal=bootstrap.journal_engine(settings),
        bell=bootstrap.make_bell(settings),
        endpoints=tuple(endpoint.name for endpoint in settings.endpoints),
        forwards={one.cursor: name for name, one in bootstrap.make_forwards(settings).items()},
        leftovers=_leftovers(settings) if seen else None,
        export=bootstrap.make_export(settings),
        watch=Watch(settings.origins, notified(settings)),
        keeping=_keeping(settings),
        purging=_purging(settings) if seen else None,
        pruning=Pruning(bootstrap.journal_engine(settings), tuple(endpoint.name for endpoint in settings.endpoints)),
    )


def notified(settings: Settings) -> Callable[[], "Mapping[str, Channel]"]:
    """Makes the channels that hear of silence: what that takes is not in memory before there is one."""

    def make() -> "Mapping[str, Channel]":
        from app.outbound import Door

        with Door() as door:
            return bootstrap.make_notified(settings, door)

    return make


def _leftovers(settings: Settings) -> Leftovers:
    return Leftovers(bootstrap.journal_engine(settings), *bootstrap.make_registry(settings))


def _purging(settings: Settings) -> Purging:
    return Purging(settings.registry.storage.maintenance.uploadpurging, *bootstrap.make_storage(settings))


def _keeping(settings: Settings) -> "Keeping | None":
    """None, too, where no key can sign a cut: bells don't wait for that."""
    try:
        return bootstrap.make_keeping(settings)
    except ConfigurationError as error:
        log.warning("nothing is ever taken out: %s", error)
        return None


def run(relay: Relay, watched: Watched) -> None:
    """Go round until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    while not stop.is_set():
        try:
            watched.look()
            relay.round()
        except (UnavailableError, ConfigurationError) as error:
            log.warning("%s", error)
        stop.wait(EVERY_S)


if __name__ == "__main__":
    bootstrap.configure_logging("relay")
    try:
        settings = load()
        relay = start(settings)
        run(relay, Watched(settings, relay.configure))
    except TagtrailError as error:
        bootstrap.log_failure(error)
        sys.exit(1)

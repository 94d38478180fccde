"""What a worker process works with, put together once when it starts."""

import random
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from redis import Redis

from app import bootstrap
from app.bootstrap.metrics import are_counted
from app.outbound import Door
from app.pausepoints import pause
from app.queue.jobs import FAN_OUT, Bell, Lane
from app.queue.rq import connect, heard
from app.remote.client import RemoteRegistry
from app.settings import Settings
from app.store import held
from app.store.engine import Engine, UnavailableError, now_ns, writing
from app.usecases.deliver import Manners, deliver, no_sink
from app.usecases.fan import Fan
from app.usecases.fan_out import fan_out
from app.usecases.forward import Forward, forward
from app.usecases.ingest import Policy
from app.usecases.make_redeploys import make_redeploys
from app.usecases.notify import Receiver, notify
from app.usecases.resolve import resolve
from app.usecases.settle import settle
from workers.lanes import Lanes

if TYPE_CHECKING:
    from workers.meters import WorkMeters


@dataclass(frozen=True, slots=True)
class Work:
    """The kinds of lane, each drained until it is empty. `meters`: None where nobody counts."""

    engine: Engine
    journal: Engine
    redis: Redis
    bell: Bell
    door: Door
    fan: Fan
    receivers: Mapping[str, Receiver]
    doors: Mapping[str, Door]
    remotes: Mapping[str, RemoteRegistry]
    policy: Policy
    forwards: Mapping[str, Forward]
    meters: "WorkMeters | None" = None
    manners: Mapping[str, Manners] = field(default_factory=dict)
    lanes: Lanes = field(default_factory=Lanes)

    def ring_heard(self, lane: Lane) -> None:
        """Start to drain a lane; rings that come from now on make it drain again."""
        pause("worker.rung")
        heard(self.redis, lane)
        self.lanes.drain(lane.name, lambda: current().drain(lane))

    def drain(self, lane: Lane) -> None:
        """Do what there is to do in a lane."""
        match lane.job:
            case FAN_OUT.job:
                for destination in fan_out(self.engine, self.fan):
                    self.bell.ring(Lane("deliver", destination))
            case "redeploy":
                for destination in make_redeploys(self.engine, self.fan):
                    self.bell.ring(Lane("deliver", destination))
            case "settle":
                if settle(self.engine, self.fan, lane.about, self.remotes):
                    self.bell.ring(Lane("deliver", lane.about))
            case "deliver":
                self._deliver(lane.about)
            case "resolve":
                if resolve(self.engine, lane.about, self.remotes.get(lane.about), self.policy):
                    self.bell.ring(FAN_OUT)
            case "forward" if lane.about in self.forwards:
                forward(self.engine, self.forwards[lane.about], self.door, random.uniform(-1, 1))  # noqa: S311
            case "notify" if lane.about in self.receivers:
                self._notify(lane.about)

    def _notify(self, endpoint: str) -> None:
        door, jitter = self.doors[endpoint], random.uniform(-1, 1)  # noqa: S311
        notify(self.journal, self.receivers[endpoint], door, jitter, self.lanes.is_over)

    def _deliver(self, destination: str) -> None:
        if destination in self.fan.sinks:
            deliver(self.engine, self.fan, destination, self.remotes, self.manners.get(destination))
        else:
            no_sink(self.engine, destination)


_current: list[Work] = []


def start(settings: Settings) -> Work:
    """Build this process's work; jobs find it by `current`."""
    if settings.redis_url is None:
        raise bootstrap.MissingRedisError
    door, meters = Door(), _meters()
    work = Work(
        engine=bootstrap.audit_engine(settings),
        journal=bootstrap.journal_engine(settings),
        redis=connect(settings.redis_url),
        bell=bootstrap.make_bell(settings),
        door=door,
        meters=meters,
        **_configured(settings, door, meters),
    )
    _current[:] = [work]
    return work


def reconfigure(settings: Settings) -> None:
    """Work by other settings from now on; what is being drained ends as it began. Raises ConfigurationError.

    What is held is looked at again, for other hours or a rule that is paused no more; later if the database is away.
    """
    work = current()
    _current[:] = [replace(work, **_configured(settings, work.door, work.meters))]
    with suppress(UnavailableError), writing(work.engine) as connection:
        held.wake(connection, now_ns(connection))


def _meters() -> "WorkMeters | None":
    if not are_counted():
        return None
    from workers.meters import WorkMeters

    return WorkMeters()


def _configured(settings: Settings, door: Door, meters: "WorkMeters | None") -> dict[str, Any]:
    """What of a process's work may change while it runs."""
    receivers = bootstrap.make_receivers(settings)
    fan = bootstrap.make_fan(settings, bootstrap.make_sinks(settings, door))
    return {
        "fan": fan if meters is None else replace(fan, attempted=meters.attempts.attempted),
        "receivers": receivers,
        "doors": bootstrap.make_notify_doors(receivers, door) if meters is None else meters.notified.doors(receivers),
        "remotes": bootstrap.make_remotes(settings, door),
        "policy": bootstrap.policy(settings),
        "forwards": bootstrap.make_forwards(settings),
        "manners": bootstrap.make_manners(settings, door),
    }


def current() -> Work:
    return _current[0]

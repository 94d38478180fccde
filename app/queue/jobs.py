"""The lanes of work and the jobs that drain them. Names only: `workers` has the functions, and app never imports it."""

from dataclasses import dataclass
from typing import Protocol, Self

FAST = "fast"
DELIVER = "deliver"
QUEUES = (FAST, DELIVER)
"""One worker process listens to each: RQ hands a job over crash-safely only to a worker with one queue."""

JOBS = {
    "fan_out": ("workers.jobs.fan_out", FAST),
    "redeploy": ("workers.jobs.redeploy", FAST),
    "notify": ("workers.jobs.notify", FAST),
    "resolve": ("workers.jobs.resolve", DELIVER),
    "settle": ("workers.jobs.settle", DELIVER),
    "deliver": ("workers.jobs.deliver", DELIVER),
    "forward": ("workers.jobs.forward", DELIVER),
}
"""What a worker may run, and on which queue: whoever can write to Redis gets nothing else run."""
ALLOWED = frozenset(path for path, _queue in JOBS.values())


@dataclass(frozen=True, slots=True)
class Lane:
    """A stretch of work that is drained in order: a kind of job, and for some the destination, endpoint or registry."""

    job: str
    about: str = ""

    @property
    def name(self) -> str:
        return f"{self.job}:{self.about}"

    @classmethod
    def named(cls, name: str) -> Self:
        """The lane of that name; one without a colon is about nothing."""
        job, _, about = name.partition(":")
        return cls(job, about)


FAN_OUT = Lane("fan_out")


class Bell(Protocol):
    """`ring` returns at once and never raises: a ring that fails is made good by the relay within seconds."""

    def ring(self, lane: Lane) -> None: ...


class SilentBell:
    """No Redis: the relay's rounds are all there is. Also the bell of tests that drain lanes themselves."""

    def ring(self, lane: Lane) -> None:
        pass

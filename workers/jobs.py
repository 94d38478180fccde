"""What RQ runs. A job is a bell: it names a lane, and SQL says what there is to do."""

from app.queue.jobs import FAN_OUT, Lane
from workers.work import current


def fan_out() -> None:
    current().ring_heard(FAN_OUT)


def redeploy() -> None:
    current().ring_heard(Lane("redeploy"))


def settle(destination: str) -> None:
    current().ring_heard(Lane("settle", destination))


def deliver(destination: str) -> None:
    current().ring_heard(Lane("deliver", destination))


def resolve(registry: str) -> None:
    current().ring_heard(Lane("resolve", registry))


def forward(name: str) -> None:
    current().ring_heard(Lane("forward", name))


def notify(endpoint: str) -> None:
    current().ring_heard(Lane("notify", endpoint))

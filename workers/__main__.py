"""`python -P -m workers QUEUE`: one RQ worker on one queue, in this process."""

import logging
import sys
from collections.abc import Callable
from typing import Any

from redis import Redis
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.serializers import JSONSerializer

from app.bootstrap import configure_logging, log_failure
from app.domain.errors import TagtrailError
from app.queue.jobs import ALLOWED, QUEUES
from app.settings import load
from workers.work import Work, start

log = logging.getLogger("workers")


class OnlyOurs(Job):
    """A job that runs only what `app.queue.jobs` names, whatever somebody wrote to Redis."""

    @property
    def func(self) -> Callable[..., Any]:
        if self.func_name not in ALLOWED:
            raise PermissionError(f"not one of Tagtrail's jobs: {self.func_name}")
        return super().func  # type: ignore[no-any-return]

    success_callback = failure_callback = stopped_callback = None
    """Ours have none, and theirs would be imported and called by name."""


def make_worker(queue: str, redis: Redis) -> SimpleWorker:
    queues = [Queue(queue, connection=redis, serializer=JSONSerializer, job_class=OnlyOurs)]
    worker = SimpleWorker(queues, connection=redis, serializer=JSONSerializer, job_class=OnlyOurs)
    worker.log.setLevel(logging.WARNING)
    return worker


def run(queue: str, work: Work) -> None:
    """Listen until SIGTERM or SIGINT, then finish what is under way."""
    try:
        make_worker(queue, work.redis).work(logging_level="WARNING")
    finally:
        work.lanes.close()


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in QUEUES:
        log.error("usage: python -P -m workers %s", "|".join(QUEUES))
        return 2
    configure_logging(f"worker-{arguments[0]}")
    try:
        run(arguments[0], start(load()))
    except TagtrailError as error:
        log_failure(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`python -P -m workers QUEUE`: one RQ worker on one queue, in this process."""

import logging
import sys
from collections.abc import Callable
from typing import Any

from redis import Redis
from redis.client import Pipeline
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.utils import now

from app.bootstrap import configure_logging, log_failure
from app.domain.errors import TagtrailError
from app.queue.jobs import ALLOWED, QUEUES
from app.settings import load
from app.settings.fingerprint import fingerprint
from app.settings.operator import operator
from app.usecases.note_configuration import note_configuration
from workers.follow import following
from workers.work import Work, start

log = logging.getLogger("workers")

HEARTBEAT_S = 30


class OnlyOurs(Job):
    """A job that runs only what `app.queue.jobs` names, whatever somebody wrote to Redis."""

    @property
    def func(self) -> Callable[..., Any]:
        if self.func_name not in ALLOWED:
            raise PermissionError(f"not one of Tagtrail's jobs: {self.func_name}")
        return super().func  # type: ignore[no-any-return]

    success_callback = failure_callback = stopped_callback = None
    """Ours have none, and theirs would be imported and called by name."""


class BellWorker(SimpleWorker):
    """Runs a job and forgets it: what there is to do, and how it went, stands in SQL (DESIGN decision 10).

    RQ's bookkeeping for results, retries and dashboards costs some fifty commands a job, and a push rings three times.
    """

    def execute_job(self, job: Job, queue: Queue) -> None:
        """A job that isn't ours goes RQ's way, which fails it and keeps it for somebody to look at."""
        if job.func_name not in ALLOWED:
            super().execute_job(job, queue)
            return
        try:
            job.perform()
        except Exception:
            log.exception("%s failed; the relay will ring again", job.func_name)
        with self.connection.pipeline(transaction=False) as pipeline:
            pipeline.lrem(queue.intermediate_queue_key, 1, job.id)
            pipeline.delete(job.key)
            pipeline.execute()

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """The worker's key lives for minutes, so it is not set to live on three times a job."""
        if pipeline is None and self.last_heartbeat and (now() - self.last_heartbeat).total_seconds() < HEARTBEAT_S:
            return
        super().heartbeat(timeout, pipeline)


def make_worker(queue: str, redis: Redis) -> SimpleWorker:
    queues = [Queue(queue, connection=redis, serializer=JSONSerializer, job_class=OnlyOurs)]
    worker = BellWorker(queues, connection=redis, serializer=JSONSerializer, job_class=OnlyOurs)
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
        settings = load()
        note_configuration(settings.database_url, operator(), fingerprint(settings))
        work = start(settings)
        with following(settings):
            run(arguments[0], work)
    except TagtrailError as error:
        log_failure(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The bell over RQ.

A ring is an RQ job with an id of its own, so that none is dropped because another runs. Rings that nobody has heard yet
are one: a key per lane says that a job is waiting; the worker deletes it before it drains (`heard`).
"""

import hashlib
import logging
import threading
import uuid
from collections.abc import Mapping

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.serializers import JSONSerializer

from app.domain.errors import TagtrailError
from app.queue.jobs import JOBS, QUEUES, Lane

log = logging.getLogger(__name__)

JOB_TIMEOUT_S = 600
FAILURE_TTL_S = 3600
WAITING_TTL_S = 5
"""How long a ring that was lost with its worker can hush others."""


def connect(url: str) -> Redis:
    return Redis.from_url(url, socket_connect_timeout=2, health_check_interval=30)


class UnreachableRedisError(TagtrailError):
    """What REDIS_URL names does not answer."""


def check_reachable(url: str) -> None:
    """Raise UnreachableRedisError, which shows no password, unless Redis answers."""
    try:
        with connect(url) as redis:
            redis.ping()
    except (RedisError, OSError, ValueError) as error:
        raise UnreachableRedisError(f"can't reach the Redis of REDIS_URL: {error}") from None


def _waiting_key(lane: Lane) -> str:
    return f"tagtrail:rung:{_hashed(lane)}"


def _hashed(lane: Lane) -> str:
    """RQ takes letters, digits, `_` and `-` in ids; a destination's name may hold more."""
    return hashlib.sha256(lane.name.encode()).hexdigest()[:16]


def heard(redis: Redis, lane: Lane) -> None:
    """To be called before a lane is drained: from here on a new ring is a new job."""
    redis.delete(_waiting_key(lane))


def waiting(redis: Redis) -> Mapping[str, int] | None:
    """How many rings wait in each queue; None if Redis does not answer."""
    try:
        return {queue: Queue(queue, connection=redis, serializer=JSONSerializer).count for queue in QUEUES}
    except (RedisError, OSError):
        return None


class RqBell:
    """Rings from a thread of its own, so that no request waits for Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._queues = {
            queue: Queue(queue, connection=redis, serializer=JSONSerializer) for _path, queue in JOBS.values()
        }
        self._pending: dict[Lane, None] = {}
        self._changed = threading.Condition()
        threading.Thread(target=self._ring_for_ever, name="bell", daemon=True).start()

    def ring(self, lane: Lane) -> None:
        with self._changed:
            self._pending[lane] = None
            self._changed.notify()

    def _ring_for_ever(self) -> None:
        while True:
            with self._changed:
                while not self._pending:
                    self._changed.wait()
                lanes, self._pending = list(self._pending), {}
            for lane in lanes:
                try:
                    self._enqueue(lane)
                except (RedisError, OSError) as error:
                    log.warning("ring for %s failed, the relay will make it good: %s", lane.name, error)

    def _enqueue(self, lane: Lane) -> None:
        if not self._redis.set(_waiting_key(lane), 1, nx=True, ex=WAITING_TTL_S):
            return
        path, queue = JOBS[lane.job]
        self._queues[queue].enqueue_call(
            path,
            args=(lane.about,) if lane.about else (),
            job_id=f"{_hashed(lane)}-{uuid.uuid4().hex}",
            timeout=JOB_TIMEOUT_S,
            result_ttl=0,
            failure_ttl=FAILURE_TTL_S,
            description=lane.job,
        )

"""The doorbell over a real Valkey: rings collapse, none is dropped, and only our own jobs run (decision 10)."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from redis import Redis
from rq import Callback, Queue
from rq.serializers import JSONSerializer
from system import wait_until
from valkey import Valkey

from app.queue.jobs import FAN_OUT, Lane
from app.queue.rq import WAITING_TTL_S, RqBell, connect, heard
from workers import work
from workers.__main__ import make_worker

DELIVER = Lane("deliver", "trigger:web/ä.x:y")


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


@pytest.fixture
def redis(valkey: Valkey) -> Iterator[Redis]:
    client = connect(valkey.url)
    yield client
    client.close()


@pytest.fixture
def bell(valkey: Valkey) -> RqBell:
    """On a client that nobody closes: its thread may still read an answer when a test has seen all that it wants."""
    return RqBell(connect(valkey.url))


def queue(redis: Redis, name: str) -> Queue:
    return Queue(name, connection=redis, serializer=JSONSerializer)


def waiting(redis: Redis, name: str) -> list[tuple[str, tuple[object, ...]]]:
    return [(job.func_name, tuple(job.args)) for job in queue(redis, name).jobs]


def rung(redis: Redis, name: str, count: int) -> None:
    wait_until(f"{count} jobs on {name}", lambda: len(waiting(redis, name)) == count)


def test_a_ring_is_a_job_on_the_queue_of_its_lane(redis: Redis, bell: RqBell) -> None:
    bell.ring(FAN_OUT)
    bell.ring(DELIVER)
    bell.ring(Lane("notify", "audit"))
    rung(redis, "fast", 2)
    rung(redis, "deliver", 1)
    assert waiting(redis, "fast") == [("workers.jobs.fan_out", ()), ("workers.jobs.notify", ("audit",))]
    assert waiting(redis, "deliver") == [("workers.jobs.deliver", (DELIVER.about,))]
    (job,) = queue(redis, "deliver").jobs
    assert re.fullmatch(r"[A-Za-z0-9_-]+", job.id)
    assert job.result_ttl == 0


def test_rings_that_nobody_heard_are_one_and_a_heard_one_is_followed_by_another(redis: Redis, bell: RqBell) -> None:
    for _ in range(50):
        bell.ring(FAN_OUT)
    rung(redis, "fast", 1)
    heard(redis, FAN_OUT)
    bell.ring(FAN_OUT)
    rung(redis, "fast", 2)
    bell.ring(FAN_OUT)
    bell.ring(DELIVER)
    rung(redis, "deliver", 1)
    assert len(waiting(redis, "fast")) == 2


def test_a_ring_lost_with_its_worker_hushes_others_for_seconds_only(redis: Redis, bell: RqBell) -> None:
    bell.ring(FAN_OUT)
    rung(redis, "fast", 1)
    (key,) = redis.keys("tagtrail:rung:*")
    assert 0 < redis.ttl(key) <= WAITING_TTL_S


def test_after_a_wipe_the_next_ring_is_a_job(redis: Redis, bell: RqBell) -> None:
    bell.ring(FAN_OUT)
    rung(redis, "fast", 1)
    redis.flushall()
    assert waiting(redis, "fast") == []
    bell.ring(FAN_OUT)
    rung(redis, "fast", 1)


def test_without_redis_a_ring_raises_nothing_and_later_ones_are_heard(
    valkey: Valkey, redis: Redis, bell: RqBell, caplog: pytest.LogCaptureFixture
) -> None:
    valkey.stop()
    with caplog.at_level(logging.WARNING, "app.queue.rq"):
        bell.ring(FAN_OUT)
        wait_until("the failure's line", lambda: "ring for fan_out: failed" in caplog.text)
    valkey.start()
    bell.ring(FAN_OUT)
    rung(redis, "fast", 1)


# What a worker runs


@pytest.fixture
def drained(monkeypatch: pytest.MonkeyPatch) -> list[Lane]:
    """The lanes for which the worker of this process was rung."""
    lanes: list[Lane] = []
    monkeypatch.setattr(work, "_current", [SimpleNamespace(ring_heard=lanes.append)])
    return lanes


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The mark that a module leaves which should never have been imported."""
    mark = tmp_path / "mark"
    code = f"from pathlib import Path\nPath({str(mark)!r}).touch()\ndef run(*_): Path({str(mark)!r}).touch()\n"
    (tmp_path / "hostile_jobs.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    return mark


def burst(redis: Redis, name: str) -> None:
    logging.getLogger("rq.worker").disabled = True
    try:
        make_worker(name, redis).work(burst=True, logging_level="CRITICAL")
    finally:
        logging.getLogger("rq.worker").disabled = False


def test_a_worker_hears_the_rings_of_its_queue(redis: Redis, bell: RqBell, drained: list[Lane]) -> None:
    bell.ring(FAN_OUT)
    bell.ring(Lane("notify", "audit"))
    rung(redis, "fast", 2)
    bell.ring(DELIVER)
    rung(redis, "deliver", 1)
    burst(redis, "fast")
    assert drained == [FAN_OUT, Lane("notify", "audit")]
    burst(redis, "deliver")
    assert drained[2:] == [DELIVER]


OURS = "workers.jobs.fan_out"


@pytest.mark.parametrize("name", ["hostile_jobs.run", "os.getpid", "workers.work.start", "workers.jobs.current", ""])
def test_a_worker_runs_nothing_that_is_not_named(
    redis: Redis, drained: list[Lane], hostile: Path, name: str
) -> None:
    queue(redis, "fast").enqueue_call(name or "x", args=())
    queue(redis, "fast").enqueue_call(OURS)
    burst(redis, "fast")
    assert not hostile.exists()
    assert drained == [FAN_OUT], "and goes on to what is"
    assert queue(redis, "fast").failed_job_registry.count == 1


@pytest.mark.parametrize("when", ["on_success", "on_failure", "on_stopped"])
@pytest.mark.parametrize("name", [OURS, "hostile_jobs.run"])
def test_a_worker_calls_nothing_back(
    redis: Redis, drained: list[Lane], hostile: Path, name: str, when: str
) -> None:
    queue(redis, "fast").enqueue_call(name, **{when: Callback("hostile_jobs.run")})
    burst(redis, "fast")
    assert not hostile.exists()
    assert drained == [FAN_OUT] * (name == OURS)

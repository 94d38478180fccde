"""Lanes are drained side by side, each by one thread at a time, and no ring is lost."""

import importlib
import logging
import threading
from collections.abc import Callable, Iterator

import pytest

from app.queue.jobs import ALLOWED, JOBS, QUEUES, Lane
from workers.lanes import Lanes


@pytest.fixture
def lanes() -> Iterator[Lanes]:
    made = Lanes()
    yield made
    made.close()


class Drain:
    """What a lane is drained by: each round waits to be let through."""

    def __init__(self) -> None:
        self.rounds = 0
        self.at_once = 0
        self.most_at_once = 0
        self.begun = threading.Semaphore(0)
        self.gate = threading.Semaphore(0)
        self.ended = threading.Semaphore(0)

    def __call__(self) -> None:
        self.rounds += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.begun.release()
        assert self.gate.acquire(timeout=10)
        self.at_once -= 1
        self.ended.release()


def happened(semaphore: threading.Semaphore) -> bool:
    return semaphore.acquire(timeout=10)


def test_rings_during_a_drain_drain_once_more(lanes: Lanes) -> None:
    drain = Drain()
    lanes.drain("a", drain)
    assert happened(drain.begun)
    for _ in range(5):
        lanes.drain("a", drain)
    drain.gate.release(10)
    assert happened(drain.ended)
    assert happened(drain.ended)
    lanes.close()
    assert (drain.rounds, drain.most_at_once) == (2, 1)


def test_a_ring_after_a_drain_drains_again(lanes: Lanes) -> None:
    drain = Drain()
    drain.gate.release(10)
    for _ in range(3):
        lanes.drain("a", drain)
        assert happened(drain.ended)
        while "a" in lanes._again:  # nothing else tells that a lane is idle
            threading.Event().wait(0.001)
    assert drain.rounds == 3


def test_a_slow_lane_holds_up_no_other(lanes: Lanes) -> None:
    slow = [Drain() for _ in range(10)]
    for number, drain in enumerate(slow):
        lanes.drain(f"slow-{number}", drain)
    quick = Drain()
    quick.gate.release()
    lanes.drain("quick", quick)
    assert happened(quick.ended)
    assert [drain.at_once for drain in slow if happened(drain.begun)] == [1] * 10
    for drain in slow:
        drain.gate.release()


def test_a_lane_that_failed_is_drained_at_the_next_ring(lanes: Lanes, caplog: pytest.LogCaptureFixture) -> None:
    tried = threading.Semaphore(0)

    def fail() -> None:
        tried.release()
        raise OSError("away")

    with caplog.at_level(logging.CRITICAL, "workers.lanes"):
        lanes.drain("a", fail)
        assert happened(tried)
        lanes.drain("a", fail)
        assert happened(tried)


def test_closing_waits_for_what_is_under_way(lanes: Lanes) -> None:
    drain = Drain()
    lanes.drain("a", drain)
    assert happened(drain.begun)
    closing = threading.Thread(target=lanes.close)
    closing.start()
    assert closing.is_alive()
    drain.gate.release()
    closing.join(10)
    assert drain.at_once == 0
    assert not closing.is_alive()


@pytest.mark.parametrize("name", JOBS)
def test_every_job_is_a_function_of_the_workers(name: str) -> None:
    path, queue = JOBS[name]
    module, _, function = path.rpartition(".")
    found: Callable[..., None] = getattr(importlib.import_module(module), function)
    assert callable(found)
    assert module == "workers.jobs"
    assert queue in QUEUES
    assert path in ALLOWED


def test_lanes_of_one_kind_have_names_of_their_own() -> None:
    assert len({Lane("deliver", "trigger:a").name, Lane("deliver", "channel:a").name, Lane("notify", "a").name}) == 3


def test_a_hundred_lanes_that_hang_hold_up_no_other(lanes: Lanes) -> None:
    hanging = [Drain() for _ in range(100)]
    for number, drain in enumerate(hanging):
        lanes.drain(f"hanging {number}", drain)
    assert all(happened(drain.begun) for drain in hanging)
    other = Drain()
    lanes.drain("other", other)
    assert happened(other.begun)
    for drain in (*hanging, other):
        drain.gate.release()

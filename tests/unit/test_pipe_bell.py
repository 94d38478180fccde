"""The bell of a registry that is served alone."""

import threading
import time
from pathlib import Path

import pytest

from app.queue import pipe
from app.queue.jobs import Lane
from app.queue.pipe import PipeBell, PipeEar

LANE = Lane("notify", "audit")


def waited_s(ear: PipeEar, within_s: float) -> float:
    began = time.monotonic()
    ear.wait(within_s)
    return time.monotonic() - began


def test_who_waits_hears_it(tmp_path: Path) -> None:
    ear, bell = PipeEar(tmp_path / "bell"), PipeBell(tmp_path / "bell")
    threading.Timer(0.1, bell.ring, [LANE]).start()
    assert waited_s(ear, 10) < 5
    assert waited_s(ear, 0.05) >= 0.04, "each ring is heard once"


def test_a_ring_waits_for_who_comes_later(tmp_path: Path) -> None:
    bell = PipeBell(tmp_path / "bell")
    bell.ring(LANE)
    assert waited_s(PipeEar(tmp_path / "bell"), 10) < 5


def test_it_never_waits_itself(tmp_path: Path) -> None:
    bell = PipeBell(tmp_path / "bell")
    for _ in range(100_000):
        bell.ring(LANE)
    ear = PipeEar(tmp_path / "bell")
    assert waited_s(ear, 10) < 5
    assert waited_s(ear, 0.05) >= 0.04


def test_a_lone_ring_is_heard_at_once_and_many_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipe, "TOGETHER_S", 0.5)
    ear, bell = PipeEar(tmp_path / "bell"), PipeBell(tmp_path / "bell")
    bell.ring(LANE)
    assert waited_s(ear, 10) < 0.25
    for _ in range(3):
        bell.ring(LANE)
    assert 0.25 < waited_s(ear, 10) < 5
    assert waited_s(ear, 0.05) >= 0.04

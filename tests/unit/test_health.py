"""Checks of the storage and of files: when they count, and that they stop to."""

from pathlib import Path

import pytest

from app.bootstrap.standalone import _absent
from app.registry.health import Check, Health, Pulse, storage_check
from app.registry.storage.checked import Checked
from app.registry.storage.driver import FileInfo
from app.registry.storage.filesystem import Filesystem
from app.registry.storage.memory import Memory


class Storage(Memory):
    """Fails while it is told to."""

    fails = False

    def stat(self, path: str) -> FileInfo:
        if self.fails:
            raise OSError(5, "Input/output error")
        return super().stat(path)


def test_so_many_failures_in_a_row_count_and_one_success_ends_them() -> None:
    storage = Storage()
    pulse = Pulse(storage_check(Checked(storage), 10, threshold=2))
    pulse.beat()
    assert pulse.fault is None
    storage.fails = True
    pulse.beat()
    assert pulse.fault is None
    pulse.beat()
    assert pulse.fault is not None
    assert "Input/output error" in pulse.fault
    storage.fails = False
    pulse.beat()
    assert pulse.fault is None
    storage.fails = True
    pulse.beat()
    assert pulse.fault is None  # counted anew


def test_a_storage_without_anything_is_well(tmp_path: Path) -> None:
    pulse = Pulse(storage_check(Checked(Filesystem(tmp_path / "none")), 10, threshold=1))
    pulse.beat()
    assert pulse.fault is None


def test_a_check_that_does_not_come_back_is_a_failure() -> None:
    now = [0.0]
    faults = []

    def look() -> None:
        for now[0] in (0.0, 30.0, 30.5):
            faults.append(pulse.fault)

    pulse = Pulse(Check("slow", look, interval_s=10, threshold=3), clock=lambda: now[0])
    pulse.beat()
    assert faults == [None, None, "the check does not come back"]
    assert pulse.fault is None


def test_a_file_that_takes_the_registry_down(tmp_path: Path) -> None:
    health = Health([Check("file", _absent(tmp_path / "down"), 10)])
    (pulse,) = health.pulses
    pulse.beat()
    assert health.faults == {}
    (tmp_path / "down").touch()
    pulse.beat()
    assert health.faults == {"file": f"{tmp_path / 'down'} exists"}


def test_the_names_are_distributions() -> None:
    assert storage_check(Checked(Memory()), 1, 1).name == "storagedriver_inmemory"


@pytest.mark.parametrize("threshold", [1, 3])
def test_health_names_only_what_is_wrong(threshold: int) -> None:
    storage = Storage()
    storage.fails = True
    health = Health([storage_check(Checked(storage), 10, threshold), storage_check(Checked(Storage()), 10, 1)])
    for _ in range(threshold):
        assert health.faults == {}
        for pulse in health.pulses:
            pulse.beat()
    assert list(health.faults) == ["storagedriver_inmemory"]

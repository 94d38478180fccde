"""The demo tells the truth: it passes on a whole system, and fails when a part is off."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
from system import TAGTRAIL, Gate, _processes, descendants

pytestmark = pytest.mark.e2e


def test_the_demo_passes_and_leaves_nothing_behind() -> None:
    process = subprocess.Popen([*TAGTRAIL, "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    below: set[int] = set()
    assert process.stdout is not None
    while line := process.stdout.readline():
        below |= descendants(process.pid)
        if "All of it is as it should be." in line:
            break
    _out, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert [pid for pid in below if Path(f"/proc/{pid}").exists()] == []


@pytest.mark.parametrize("part", ["workers fast", "workers deliver"])
def test_the_demo_fails_when_a_worker_is_killed_first(tmp_path: Path, part: str) -> None:
    gate = Gate(tmp_path, "demo.started")
    gate.close()
    process = subprocess.Popen(
        [*TAGTRAIL, "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TAGTRAIL_PAUSE": str(tmp_path)},
    )
    gate.wait_reached(60)
    below = descendants(process.pid)
    supervisors = [pid for pid, _parent, command in _processes() if pid in below and "app up" in command]
    while any(Path(f"/proc/{pid}").exists() and not _is_dead(pid) for pid in supervisors):
        for pid, _parent, command in list(_processes()):
            if part in command and pid in descendants(process.pid):
                _kill(pid)
    gate.open()
    out, errors = process.communicate(timeout=120)
    assert process.returncode not in (0, None), out
    assert "All of it is as it should be." not in out
    assert errors


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _is_dead(pid: int) -> bool:
    """A zombie whose parent has not asked for its status yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True

"""The whole system as a user starts it, for end-to-end tests: driven by HTTP and the command line, killed by hand."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TAGTRAIL = (sys.executable, "-P", "-m", "app")
START_WITHIN_S = 60.0


def wait_until(what: str, check: Callable[[], Any], within_s: float = 30.0) -> Any:
    """What `check` gives once it is true; an AssertionError that says `what` was awaited."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        found = check()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {within_s:.0f} s: {what}")


class Gate:
    """A named pause point: closed, the process that comes by waits at it, and can be killed there."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self._gate = folder / name
        self._reached = folder / f"{name}.reached"

    def close(self) -> None:
        self._reached.unlink(missing_ok=True)
        self._gate.touch()

    def open(self) -> None:
        self._gate.unlink(missing_ok=True)

    @property
    def is_reached(self) -> bool:
        return self._reached.exists()

    def wait_reached(self, within_s: float = 20.0) -> int:
        """The id of the process that waits here. Fails if none came by."""
        wait_until(f"a process at {self.name}", self._reached.exists, within_s)
        return int(self._reached.read_text())


class System:
    """`tagtrail up` in a folder of its own on a free port."""

    def __init__(self, folder: Path, config: str = "", environment: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.gates = folder / "gates"
        self.gates.mkdir(exist_ok=True)
        self.config = folder / "tagtrail.yml"
        self.config.write_text(config)
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("TAGTRAIL_", "REDIS_", "DATABASE_"))
        }
        self.environment = clean | {"TAGTRAIL_PAUSE": str(self.gates)} | (environment or {})
        self.port = 0
        self.url = ""
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [*TAGTRAIL, "up", "--port", str(self.port), *self._common()]
        with (self.folder / "up.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True, env=self.environment, start_new_session=True
            )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.split()[:1] == ["pages"]:
                self.url = line.split()[1].rstrip("/")
                self.port = int(self.url.rpartition(":")[2])
                return
        raise AssertionError(f"tagtrail up did not start:\n{self.log()}")

    def log(self) -> str:
        return (self.folder / "up.log").read_text(errors="replace")

    def stop(self) -> int:
        """End it as Ctrl-C does; its status."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGINT)
        return self.ended()

    def ended(self) -> int:
        """Wait for its end; its status."""
        assert self.process is not None
        assert self.process.stdout is not None
        status = self.process.wait(60)
        self.process.stdout.close()
        self.process = None
        return status

    def _common(self) -> list[str]:
        return ["--data", str(self.data), "--config", str(self.config)]

    def run(self, *arguments: str) -> str:
        """What a command prints; fails with what it says."""
        done = subprocess.run(
            [*TAGTRAIL, *arguments, *self._common()], capture_output=True, text=True, timeout=60, env=self.environment
        )
        assert done.returncode == 0, f"tagtrail {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def ask(self, *arguments: str) -> Any:
        """What a command prints as JSON."""
        return json.loads(self.run(*arguments, "--json"))

    def answers(self) -> bool:
        """Whether the pages and the database behind them are there."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
                return int(answer.status) == 200
        except OSError:
            return False

    def gate(self, name: str) -> Gate:
        return Gate(self.gates, name)

    def pids(self, part: str) -> list[int]:
        """Ids of the child processes of `up` whose command line has `part`."""
        assert self.process is not None
        return [pid for pid, parent, command in _processes() if parent == self.process.pid and part in command]

    def kill_part(self, part: str) -> None:
        """SIGKILL a part with all that it has started: each is a process group of its own."""
        for pid in self.pids(part):
            os.killpg(pid, signal.SIGKILL)

    @property
    def secret(self) -> str:
        """The bearer of our own registry's envelopes."""
        return (self.data / "origins.d" / "local.secret").read_text().strip()

    def post(self, body: bytes, origin: str = "local", secret: str | None = None) -> int:
        """Send an envelope as a registry does; the status."""
        request = urllib.request.Request(
            f"{self.url}/hooks/{origin}",
            data=body,
            headers={
                "Content-Type": "application/vnd.docker.distribution.events.v2+json",
                "Authorization": f"Bearer {secret or self.secret}",
            },
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)


def _processes() -> Iterator[tuple[int, int, str]]:
    listing = subprocess.run(["ps", "-wweo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    for line in listing.splitlines():
        pid, parent, command = line.split(None, 2)
        yield int(pid), int(parent), command


def descendants(pid: int) -> set[int]:
    """Every process below `pid`."""
    found: set[int] = set()
    table = [(one, parent) for one, parent, _command in _processes()]
    grown = {pid}
    while grown:
        grown = {one for one, parent in table if parent in grown} - found
        found |= grown
    return found


@contextmanager
def running(folder: Path, config: str = "", environment: dict[str, str] | None = None) -> Iterator[System]:
    """A system that is up; ended, with every process, whatever happens."""
    system = System(folder, config, environment)
    below: set[int] = set()
    try:
        system.start()
        yield system
    except BaseException:
        print(system.log()[-6000:])
        raise
    finally:
        for gate in system.gates.iterdir():
            gate.unlink(missing_ok=True)
        if system.process is not None:
            below = descendants(system.process.pid)
            system.stop()
        for pid in below:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

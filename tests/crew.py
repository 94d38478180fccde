"""Workers and relays beside those of a system that is up, some with a clock that is wrong."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from system import System, wait_until

_SKEWED = """\
import runpy, sys, time
off_s, (name, *arguments) = float(sys.argv[1]), sys.argv[2:]
true_s, true_ns = time.time, time.time_ns
time.time, time.time_ns = lambda: true_s() + off_s, lambda: true_ns() + int(off_s * 1e9)
sys.argv = [name, *arguments]
runpy.run_module(name, run_name="__main__", alter_sys=True)
"""
"""Runs a module by a clock that is so many seconds off."""


@dataclass(frozen=True)
class Part:
    module: str
    arguments: tuple[str, ...] = ()
    off_s: float = 0.0

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-P", "-c", _SKEWED, str(self.off_s), self.module, *self.arguments]


@dataclass
class Crew:
    """`raise_the_dead` starts whoever of `parts` was killed."""

    parts: list[Part]
    environment: Mapping[str, str]
    log: Path
    processes: dict[Part, subprocess.Popen[bytes]] = field(default_factory=dict)

    def raise_the_dead(self) -> None:
        for part in self.parts:
            if part not in self.processes or self.processes[part].poll() is not None:
                with self.log.open("ab") as log:
                    self.processes[part] = subprocess.Popen(part.command, stderr=log, env=dict(self.environment))

    def end(self) -> None:
        for process in self.processes.values():
            with suppress(ProcessLookupError):
                process.kill()
            process.wait(20)


@contextmanager
def joined_by(system: System, parts: list[Part]) -> Iterator[Crew]:
    """`parts` work as the system's own do, until this is left."""
    (relay,) = wait_until("the relay", lambda: system.pids("workers.relay"))
    pairs = (pair.partition("=") for pair in Path(f"/proc/{relay}/environ").read_text().split("\0") if pair)
    crew = Crew(parts, {name: value for name, _, value in pairs}, system.folder / "crew.log")
    crew.raise_the_dead()
    try:
        yield crew
    finally:
        crew.end()


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)

"""A group of processes that live and die together."""

import contextlib
import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

log = logging.getLogger("app.up")

TOO_MANY_DEATHS = 5
WITHIN_S = 30.0
STOP_WITHIN_S = 25.0
"""Longer than an attempt of a delivery takes."""
LAST_WITHIN_S = 10.0
"""Longer than the keeper of a registry goes on telling (`workers.lanes`), and its last request after that."""
LOOK_EVERY_S = 0.1
_PR_SET_PDEATHSIG = 1


@dataclass(slots=True)
class Child:
    """One program of the group, and its life so far."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    deaths: list[float] = field(default_factory=list)
    start_at: float = 0.0

    def start(self, environment: Mapping[str, str]) -> None:
        """Run it in a group of its own: Ctrl-C reaches the supervisor alone, which then ends the rest in order."""
        self.process = subprocess.Popen(
            list(self.command),
            env=dict(environment),
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - no threads here
        )

    def died(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def bury(self, now: float) -> bool:
        """Note a death and end what is left of its group. False if it has died too often to be started again."""
        assert self.process is not None  # noqa: S101 - only the dead are buried
        log.error("%s (pid %d) %s", self.name, self.process.pid, _reason(self.process.returncode))
        self.kill_group()
        self.process = None
        self.deaths = [at for at in self.deaths if now - at < WITHIN_S] + [now]
        self.start_at = now + 0.2 * 2 ** (len(self.deaths) - 1)
        return len(self.deaths) < TOO_MANY_DEATHS

    def ask_to_end(self) -> None:
        if self.process is not None:
            self.process.terminate()

    def kill_group(self) -> None:
        """End it and whatever it has started, at once."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def wait(self, seconds: float) -> None:
        """Wait for its end; kill it after `seconds`."""
        if self.process is None:
            return
        try:
            self.process.wait(max(seconds, 0.01))
        except subprocess.TimeoutExpired:
            log.warning("%s did not end within %.0f s more and is killed", self.name, seconds)
        self.kill_group()
        self.process.wait()


def _die_with_parent() -> None:
    """On Linux a child ends with its supervisor, even if that is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _reason(status: int) -> str:
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended by itself with status {status}"


def supervise(
    children: Sequence[Child],
    environment: Mapping[str, str],
    started: Callable[[], None],
    stop_within_s: float = STOP_WITHIN_S,
) -> int:
    """Run `children` until SIGINT or SIGTERM (status 0) or until one keeps dying (status 1); the last ends first.

    `started` is called once, when all run. What dies is started again, its reason logged.
    """
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda signum, _frame: asked.append(signum))
    try:
        for child in children:
            child.start(environment)
        if not asked:
            started()
        while not asked:
            time.sleep(LOOK_EVERY_S)
            if not _look_after(children, environment):
                return 1
        return 0
    finally:
        _stop(children, stop_within_s)


def _look_after(children: Sequence[Child], environment: Mapping[str, str]) -> bool:
    now = time.monotonic()
    for child in children:
        if child.died() and not child.bury(now):
            log.error("%s died %d times within %.0f s: giving up", child.name, TOO_MANY_DEATHS, WITHIN_S)
            return False
        if child.process is None and now >= child.start_at:
            log.warning("starting %s again", child.name)
            child.start(environment)
    return True


def _stop(children: Sequence[Child], within_s: float) -> None:
    """The first of the group (what the others lean on) ends last."""
    deadline = time.monotonic() + within_s
    for child in reversed(children[1:]):
        child.ask_to_end()
    for child in reversed(children[1:]):
        child.wait(deadline - time.monotonic())
    children[0].ask_to_end()
    children[0].wait(LAST_WITHIN_S)

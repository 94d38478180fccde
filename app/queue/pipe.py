"""A bell without Redis: a byte in a named pipe, between the processes of a registry that is served alone."""

import os
import select
import time
from contextlib import suppress
from pathlib import Path

from app.queue.jobs import Lane

TOGETHER_S = 0.04
"""Rings are at least so far apart: what comes between is heard as one."""
_PIPE_BYTES = 65536


def _open(path: Path) -> int:
    """Both ways, so that neither side waits for the other, or minds if it dies."""
    with suppress(FileExistsError):
        os.mkfifo(path, 0o600)
    return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)


class PipeBell:
    """Whoever hears it looks into all lanes."""

    def __init__(self, path: Path) -> None:
        self._pipe = _open(path)

    def ring(self, lane: Lane) -> None:  # noqa: ARG002 - a protocol's signature
        with suppress(BlockingIOError):  # it is full of rings
            os.write(self._pipe, b"\0")


class PipeEar:
    def __init__(self, path: Path) -> None:
        self._pipe = _open(path)
        self._heard_at = 0.0

    def wait(self, within_s: float) -> None:
        """Until it rings, or the time is over."""
        ready, _, _ = select.select([self._pipe], [], [], within_s)
        if ready:
            time.sleep(max(self._heard_at + TOGETHER_S - time.monotonic(), 0))
            self._heard_at = time.monotonic()
            with suppress(BlockingIOError):
                os.read(self._pipe, _PIPE_BYTES)

"""Lanes that are drained side by side, each by one thread at a time, so that a slow one holds up none."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

log = logging.getLogger(__name__)

MOST_SIDE_BY_SIDE = 256
"""More than there are destinations: one that never answers holds a thread until its attempt is over. Made as needed."""

FLUSH_S = 5.0


class Lanes:
    """`drain` returns at once. A lane that is being drained is drained once more after that: no ring is lost."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(MOST_SIDE_BY_SIDE, thread_name_prefix="lane")
        self._again: dict[str, bool] = {}
        self._lock = threading.Lock()
        self._over_at: float | None = None

    def drain(self, lane: str, work: Callable[[], None]) -> None:
        with self._lock:
            if lane in self._again:
                self._again[lane] = True
                return
            self._again[lane] = False
        self._threads.submit(self._run, lane, work)

    def _run(self, lane: str, work: Callable[[], None]) -> None:
        while True:
            try:
                work()
            except BaseException:
                log.exception("lane %s stopped; the relay will ring again", lane)
            with self._lock:
                if not self._again[lane]:
                    del self._again[lane]
                    return
                self._again[lane] = False

    def is_over(self) -> bool:
        """Whether a long lane should leave the rest to the next process: this one has been ending for FLUSH_S."""
        return self._over_at is not None and time.monotonic() > self._over_at

    def close(self) -> None:
        """Wait for what is under way."""
        self._over_at = time.monotonic() + FLUSH_S
        self._threads.shutdown(wait=True, cancel_futures=True)

"""Bodies of those who have proven nothing yet: a few at once, each for a while (issue 3).

Whoever signs a body is known when all of it has come, and until then it is awaited. A request holds one of the 64
threads that a process has for everybody. What a sender means to send is there at once, so these limits are met by those
who keep others waiting.
"""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from flask import Response

from app.web.failures import network
from app.web.problems import problem

T = TypeVar("T")


class Unproven:
    """Counts what is awaited in this process: bodies by address, and the requests that hold a thread for one.

    As many again of an address wait a moment for a place: behind one proxy many authentic senders may come at once.

    Granian's read of a body has no time limit and can't be given up. So each is read in a thread beside the request's,
    which ends with the connection, and counts for its address until then; the request is answered in time.
    """

    OF_ONE = 8
    IN_ALL = 32
    WITHIN_S = 30.0
    PLACE_WITHIN_S = 2.0
    RETRY_AFTER = "5"

    def __init__(self) -> None:
        self._bodies: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()
        self._requests = 0
        self._changed = threading.Condition()

    def read(self, address: str, take: Callable[[], T]) -> T | Response:
        """What `take` reads of a body, or what to tell its sender. `take` knows nothing of the request under way."""
        whose, taken = network(address), Future[T]()
        refusal = self._enter(whose)
        if refusal is not None:
            return refusal

        def run() -> None:
            try:
                taken.set_result(take())
            except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
                taken.set_exception(error)
            finally:
                self._forget(whose)

        try:
            threading.Thread(target=run, name="unproven-body", daemon=True).start()
            return taken.result(self.WITHIN_S)
        except TimeoutError:
            if taken.done():
                raise
            return problem(408, f"the body took longer than {self.WITHIN_S:.0f} s", headers={"Connection": "close"})
        finally:
            self._leave()

    def _enter(self, whose: str) -> Response | None:
        headers = {"Retry-After": self.RETRY_AFTER, "Connection": "close"}
        with self._changed:
            if self._waiting[whose] < self.OF_ONE and self._requests >= self.IN_ALL:
                return problem(503, "too many bodies are awaited", headers=headers)
            if self._waiting[whose] >= self.OF_ONE or not self._has_place(whose):
                return problem(429, "too many bodies from this address are awaited", headers=headers)
            self._bodies[whose] += 1
            self._requests += 1
        return None

    def _has_place(self, whose: str) -> bool:
        """Whether there is one, or comes to be in time. Who waits for it holds a thread, too."""
        self._waiting[whose] += 1
        self._requests += 1
        found = self._changed.wait_for(lambda: self._bodies[whose] < self.OF_ONE, self.PLACE_WITHIN_S)
        self._requests -= 1
        _less(self._waiting, whose)
        return found

    def _leave(self) -> None:
        with self._changed:
            self._requests -= 1

    def _forget(self, whose: str) -> None:
        with self._changed:
            _less(self._bodies, whose)
            self._changed.notify_all()


def _less(counts: Counter[str], whose: str) -> None:
    counts[whose] -= 1
    if not counts[whose]:
        del counts[whose]

"""One transaction for all who wait: whoever gets the turn commits for everybody in line (DESIGN decision 2)."""

import threading
from bisect import bisect_right
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Generic, TypeVar

from app.store.engine import UnavailableError

Item = TypeVar("Item")

MOST_IN_A_GROUP = 1000
"""What the items of a group may weigh, unless one alone weighs more."""
AWAY_FOR_ALL = 2
"""So many in a row for which the database is away say that it is for everybody."""


@dataclass(slots=True, eq=False)
class _Waiting(Generic[Item]):
    """`called` is set when the item is done, or when it is its submitter's turn to lead."""

    item: Item
    called: threading.Event = field(default_factory=threading.Event)
    done: bool = False
    error: BaseException | None = None


class GroupCommit(Generic[Item]):
    """`submit` returns when `commit` has written the item, or raises what `commit` raised for it.

    Groups are committed one after the other and keep the order of submission. If a group fails, its members are tried
    one by one, so that one bad item costs nobody else. `turn` is what `commit` would have to wait for: whoever comes
    while it is awaited is still in the group. `weight` says what an item adds to a group.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Item]], None],
        turn: Callable[[], AbstractContextManager[None]] = nullcontext,
        weight: Callable[[Item], int] = lambda _: 1,
    ) -> None:
        self._commit = commit
        self._turn = turn
        self._weight = weight
        self._line: list[_Waiting[Item]] = []
        self._line_lock = threading.Lock()
        self._led = False

    def submit(self, item: Item) -> None:
        waiting = _Waiting(item)
        with self._line_lock:
            self._line.append(waiting)
            leads, self._led = not self._led, True
        if not leads:
            waiting.called.wait()
        if not waiting.done:
            self._lead()
        if waiting.error is not None:
            raise waiting.error

    def _lead(self) -> None:
        """Called by the first in line, for all who stand in it; then the next one is called to lead."""
        group: list[_Waiting[Item]] = []
        try:
            with ExitStack() as stack:
                with suppress(UnavailableError):  # `commit` meets it too, and each member is told
                    stack.enter_context(self._turn())
                group = self._cut()
                self._write(group)
        finally:
            self._hand_over()
            for waiting in group:
                waiting.done = True
                waiting.called.set()

    def _cut(self) -> list[_Waiting[Item]]:
        with self._line_lock:
            weights = list(accumulate(self._weight(waiting.item) for waiting in self._line))
            most = max(1, bisect_right(weights, MOST_IN_A_GROUP))
            group, self._line = self._line[:most], self._line[most:]
        return group

    def _write(self, group: Sequence[_Waiting[Item]]) -> None:
        try:
            self._commit([waiting.item for waiting in group])
        except Exception as error:  # noqa: BLE001 - handed to the thread that submitted it
            if len(group) == 1:
                group[0].error = error
            else:
                self._one_by_one(group)
        except BaseException as error:
            for waiting in group:
                waiting.error = error
            raise

    def _hand_over(self) -> None:
        """Nobody who is done waits for the next group: a lock that all wait for would let that one overtake them."""
        with self._line_lock:
            self._led = bool(self._line)
            if self._line:
                self._line[0].called.set()

    def _one_by_one(self, group: Sequence[_Waiting[Item]]) -> None:
        """Without waiting for each if the database is away: a try may take as long as a lock is awaited."""
        away = 0
        for position, waiting in enumerate(group):
            waiting.error = self._failure(waiting.item)
            away = away + 1 if isinstance(waiting.error, UnavailableError) else 0
            if away == AWAY_FOR_ALL:
                for rest in group[position + 1 :]:
                    rest.error = UnavailableError(str(waiting.error))
                return

    def _failure(self, item: Item) -> Exception | None:
        try:
            self._commit([item])
        except Exception as error:  # noqa: BLE001 - handed to the thread that submitted it
            return error
        return None

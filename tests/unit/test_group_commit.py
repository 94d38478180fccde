"""One transaction for all who wait: nobody is told that something is written which is not."""

import threading
from collections.abc import Sequence

import pytest

from app.store.engine import UnavailableError
from app.usecases import group_commit
from app.usecases.group_commit import GroupCommit


class Ledger:
    """Writes what it is given; `refuse` says what for. While `gate` is closed, the first group waits."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.tried: list[list[int]] = []
        self.refused: dict[int, BaseException] = {}
        self.gate = threading.Event()
        self.entered = threading.Event()
        self.commits = GroupCommit(self.write)

    def write(self, items: Sequence[int]) -> None:
        self.entered.set()
        assert self.gate.wait(10)
        self.tried.append(list(items))
        for item in items:
            if item in self.refused:
                raise self.refused[item]
        self.groups.append(list(items))

    def submit_at_once(self, items: range) -> dict[int, BaseException | None]:
        """The first of `items` holds the turn until all the others stand in line; how each ended."""
        ended: dict[int, BaseException | None] = {}

        def submit(item: int) -> None:
            try:
                self.commits.submit(item)
                ended[item] = None
            except BaseException as error:  # noqa: BLE001 - told to the test
                ended[item] = error

        threads = []
        for position, item in enumerate(items):
            threads.append(threading.Thread(target=submit, args=(item,)))
            threads[-1].start()
            if position == 0:
                assert self.entered.wait(10)
            else:
                self._until_in_line(position)
        self.gate.set()
        for thread in threads:
            thread.join(10)
        return ended

    def _until_in_line(self, count: int) -> None:
        line = threading.Event()
        while len(self.commits._line) < count:  # nothing tells of it but the line itself
            line.wait(0.001)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def test_those_who_wait_are_written_together_and_in_order(ledger: Ledger) -> None:
    assert set(ledger.submit_at_once(range(10)).values()) == {None}
    assert ledger.groups == [[0], [1, 2, 3, 4, 5, 6, 7, 8, 9]]


def test_a_line_longer_than_a_group_is_written_to_its_end(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "MOST_IN_A_GROUP", 2)
    ended = ledger.submit_at_once(range(8))
    assert set(ended.values()) == {None}
    assert ledger.groups == [[0], [1, 2], [3, 4], [5, 6], [7]]


def test_a_bad_item_costs_nobody_else(ledger: Ledger) -> None:
    ledger.refused = {3: ValueError("three"), 5: UnavailableError("five")}
    ended = ledger.submit_at_once(range(7))
    assert {item: str(error) for item, error in ended.items() if error} == {3: "three", 5: "five"}
    assert ledger.groups == [[0], [1], [2], [4], [6]]


def test_if_the_database_is_away_nobody_waits_for_each_others_try(ledger: Ledger) -> None:
    ledger.refused = {item: UnavailableError("away") for item in range(1, 60)}
    ended = ledger.submit_at_once(range(60))
    assert all(isinstance(ended[item], UnavailableError) for item in range(1, 60))
    assert [len(tried) for tried in ledger.tried] == [1, 59, 1, 1]


def test_whatever_ends_the_one_who_writes_nobody_takes_it_for_written(ledger: Ledger) -> None:
    ledger.refused = {2: SystemExit()}
    ended = ledger.submit_at_once(range(4))
    assert ended[0] is None
    assert all(isinstance(ended[item], SystemExit) for item in (1, 2, 3))
    ledger.refused = {}
    ledger.commits.submit(9)
    assert ledger.groups == [[0], [9]]

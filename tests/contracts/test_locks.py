"""What every kind of lock must do, and what those of files do besides."""

import multiprocessing
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from app.domain.digests import Digest
from app.registry.locks import BusyError, CollectingError, FileLocks, Locks, ThreadLocks


@pytest.fixture(params=["threads", "files"])
def locks(request: pytest.FixtureRequest, tmp_path: Path) -> Locks:
    return ThreadLocks() if request.param == "threads" else FileLocks(tmp_path / "locks")


def in_a_thread(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_writers_of_a_repository_take_turns(locks: Locks) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        for _ in range(50):
            with locks.repository("shop/web"):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [in_a_thread(work) for _ in range(8)]
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert len(most) == 400


def test_a_repository_waits_for_its_writer_and_not_for_others(locks: Locks) -> None:
    entered = threading.Event()

    def work() -> None:
        with locks.repository("a"):
            entered.set()

    with locks.repository("a"):
        thread = in_a_thread(work)
        with locks.repository("b"):
            assert not entered.wait(0.1)
    thread.join()
    assert entered.is_set()


def test_a_session_that_is_written_is_busy(locks: Locks) -> None:
    with locks.upload("one"):
        with pytest.raises(BusyError), locks.upload("one"):
            pass
        with locks.upload("two"), locks.repository("one"):
            pass
        with pytest.raises(BusyError), locks.upload("one"):
            pass
    with locks.upload("one"):
        pass


def test_locks_are_let_go_of_after_a_failure(locks: Locks) -> None:
    for lock in (locks.upload, locks.repository):
        with pytest.raises(ZeroDivisionError), lock("one"):
            raise ZeroDivisionError
        with lock("one"):
            pass


def test_no_name_leads_out_of_the_folder(tmp_path: Path) -> None:
    locks = FileLocks(tmp_path / "locks")
    with locks.repository("../../out"), locks.upload("../out/\0" + "x" * 300):
        assert {path.parent for path in tmp_path.rglob("*")} == {tmp_path, tmp_path / "locks"}
        assert len(list((tmp_path / "locks").iterdir())) == 2


def test_sessions_leave_no_files(tmp_path: Path) -> None:
    locks = FileLocks(tmp_path)
    for number in range(20):
        with locks.upload(str(number)):
            assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []


def _hold(folder: Path, told: Connection) -> None:
    locks = FileLocks(folder)
    with locks.repository("a"), locks.upload("one"):
        told.send("held")
        threading.Event().wait(60)


def test_another_process_is_kept_out_until_it_dies(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_hold, args=(tmp_path, there))
    process.start()
    try:
        assert here.poll(30)
        assert here.recv() == "held"
        locks, entered = FileLocks(tmp_path), threading.Event()

        def work() -> None:
            with locks.repository("a"):
                entered.set()

        with pytest.raises(BusyError), locks.upload("one"):
            pass
        thread = in_a_thread(work)
        assert not entered.wait(0.1)
    finally:
        process.kill()
        process.join()
        here.close()
        there.close()
    thread.join()
    with locks.upload("one"):
        pass


def test_a_collector_hears_of_what_was_linked_since_it_began(locks: Locks) -> None:
    before, since = Digest.of(b"before"), Digest.of(b"since")
    with locks.linking(before):
        pass
    with locks.collecting() as sweeping:
        with sweeping() as linked:
            assert set(linked) == set()
        with locks.linking(since), locks.linking(since):
            pass
        with sweeping() as linked:
            assert set(linked) == {str(since)}
    with locks.collecting() as sweeping, sweeping() as linked:
        assert set(linked) == set()


def test_nobody_links_while_a_collector_sweeps(locks: Locks) -> None:
    linked = threading.Event()

    def work() -> None:
        with locks.linking(Digest.of(b"x")):
            linked.set()

    with locks.collecting() as sweeping:
        with sweeping():
            thread = in_a_thread(work)
            assert not linked.wait(0.1)
        thread.join()
        with locks.linking(Digest.of(b"y")):
            entered = threading.Event()

            def sweep() -> None:
                with sweeping():
                    entered.set()

            thread = in_a_thread(sweep)
            assert not entered.wait(0.1)
        thread.join()
    assert entered.is_set()


def test_one_collects_at_a_time(locks: Locks) -> None:
    with locks.collecting(), pytest.raises(CollectingError), locks.collecting():
        pass
    with locks.collecting():
        pass

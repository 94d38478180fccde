"""What every kind of lock must do, and what those of files do besides."""

import itertools
import multiprocessing
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from postgres import Postgres
from sqlalchemy import text

from app.domain.digests import Digest
from app.registry.locks import BusyError, CollectingError, FileLocks, Locks, ThreadLocks
from app.store.engine import UnavailableError, make_engine
from app.usecases.shared_locks import SharedLocks


class Turns:
    """The locks of several machines, of which each call asks the next."""

    def __init__(self, *machines: Locks) -> None:
        self._machines = itertools.cycle(machines)

    def __getattr__(self, name: str) -> Any:
        return getattr(next(self._machines), name)


@pytest.fixture
def journal(postgres: Postgres) -> Iterator[str]:
    with postgres.database() as url:
        yield url


@contextmanager
def machine(folder: Path, journal: str) -> Iterator[SharedLocks]:
    engine = make_engine(journal)
    yield SharedLocks(FileLocks(folder), engine)
    engine.dispose()


@pytest.fixture
def machines(journal: str, tmp_path: Path) -> Iterator[tuple[SharedLocks, SharedLocks]]:
    """Two that have nothing in common but a journal."""
    with machine(tmp_path / "one", journal) as one, machine(tmp_path / "other", journal) as other:
        yield one, other


@pytest.fixture(params=["threads", "files", "machines"])
def locks(request: pytest.FixtureRequest, tmp_path: Path) -> Locks:
    match request.param:
        case "threads":
            return ThreadLocks()
        case "files":
            return FileLocks(tmp_path / "locks")
        case _:
            return Turns(*request.getfixturevalue("machines"))


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


def _hold(folder: Path, journal: str | None, told: Connection) -> None:
    here = machine(folder / "another", journal) if journal else nullcontext(FileLocks(folder))
    with here as locks, locks.collecting(), locks.repository("a"), locks.upload("one"):
        told.send("held")
        threading.Event().wait(60)


@contextmanager
def held_elsewhere(folder: Path, journal: str | None) -> Iterator[None]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_hold, args=(folder, journal, there))
    process.start()
    try:
        assert here.poll(30)
        assert here.recv() == "held"
        yield
    finally:
        process.kill()
        process.join()
        here.close()
        there.close()


@pytest.mark.parametrize("far", [False, True])
def test_another_process_is_kept_out_until_it_dies(request: pytest.FixtureRequest, tmp_path: Path, far: bool) -> None:
    journal = request.getfixturevalue("journal") if far else None
    entered = threading.Event()
    with machine(tmp_path / "here", journal) if journal else nullcontext(FileLocks(tmp_path)) as locks:

        def work() -> None:
            with locks.repository("a"):
                entered.set()

        with held_elsewhere(tmp_path, journal):
            with pytest.raises(BusyError), locks.upload("one"):
                pass
            with pytest.raises(CollectingError), locks.collecting():
                pass
            thread = in_a_thread(work)
            with locks.linking(Digest.of(b"while it collects")):
                assert not entered.wait(0.1)
        thread.join()
        with locks.upload("one"), locks.linking(Digest.of(b"after it died")):
            pass
        with locks.collecting() as sweeping, sweeping() as linked:
            assert set(linked) == set()


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


def end_sessions(journal: str) -> None:
    """All that hold a lock, as a server does that is started again."""
    engine = make_engine(journal)
    with engine.connect() as connection:
        holders = "SELECT DISTINCT pid FROM pg_locks JOIN pg_database base ON base.oid = database"
        holders += " WHERE locktype = 'advisory' AND datname = current_database()"
        ended = connection.execute(text(f"SELECT pg_terminate_backend(pid, 10000) FROM ({holders}) AS holders"))
        found = ended.scalars().all()
    engine.dispose()
    assert found == [True]


def test_who_loses_the_database_is_told_when_done(machines: tuple[SharedLocks, SharedLocks], journal: str) -> None:
    one, other = machines
    for lock in (one.repository, one.upload):
        with pytest.raises(UnavailableError), lock("one"):
            end_sessions(journal)
            with getattr(other, lock.__name__)("one"):
                pass
        with lock("one"):
            pass


def test_who_held_a_lock_in_a_session_that_others_found_lost_is_told_too(
    machines: tuple[SharedLocks, SharedLocks], journal: str
) -> None:
    locks = machines[0]
    with pytest.raises(UnavailableError, match="meanwhile"), locks.repository("a"):
        end_sessions(journal)
        with pytest.raises(UnavailableError), locks.upload("finds out"):
            pass
        with locks.upload("in the next session"):
            pass


def test_a_session_that_ended_while_nobody_held_anything_is_made_again(
    machines: tuple[SharedLocks, SharedLocks], journal: str
) -> None:
    locks, other = machines
    with locks.repository("a"):
        pass
    with other.repository("a"):
        pass
    idle = make_engine(journal)
    with idle.connect() as connection:
        ours = "datname = current_database() AND pid <> pg_backend_pid()"
        query = f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE {ours}"
        assert connection.execute(text(query)).scalars().all() == [True, True]
    idle.dispose()
    with locks.repository("a"), pytest.raises(BusyError), locks.upload("b"), other.upload("b"):
        pass


def test_both_ends_find_out_within_half_a_minute_that_the_other_is_gone(postgres: Postgres) -> None:
    with postgres.database() as url:
        engine = make_engine(url)
        with engine.connect() as connection:
            names = ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count")
            idle, interval, count = (int(connection.execute(text(f"SHOW {name}")).scalar_one()) for name in names)
            assert 0 < idle + interval * count <= 30
            with socket.socket(fileno=os.dup(connection.connection.driver_connection.fileno())) as ours:
                options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
                assert [ours.getsockopt(socket.IPPROTO_TCP, option) for option in options] == [idle, interval, count]
        engine.dispose()

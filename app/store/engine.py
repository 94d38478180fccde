"""Connections: SQLite (WAL, synchronous=FULL) or PostgreSQL (psycopg 3), and the two kinds of transaction."""

import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError

from app.domain.errors import TagtrailError

__all__ = [
    "Connection",
    "Engine",
    "UnavailableError",
    "alone",
    "clock",
    "describe",
    "make_engine",
    "may_retry",
    "now_ns",
    "reading",
    "snapshot",
    "translated",
    "writing",
]

BUSY_TIMEOUT_S = 10
POOL_SIZE = 16
POOL_OVERFLOW = 64
"""A web process has 64 threads, and each may read at once."""

_RETRYABLE_SQLSTATES = ("40001", "40P01")
"""serialization_failure and deadlock_detected: PostgreSQL's invitation to try again."""


class UnavailableError(TagtrailError):
    """The database is away, full or locked for too long. Nothing of the transaction was kept."""


def make_engine(url: str) -> Engine:
    """An engine for `sqlite:///PATH` or `postgresql://…`; `postgres://` and `postgresql+psycopg://` are understood."""
    address = make_url(url.replace("postgres://", "postgresql://", 1))
    if address.get_backend_name() not in ("sqlite", "postgresql"):
        raise TagtrailError("DATABASE_URL: write postgresql://USER:PASSWORD@HOST/NAME, or sqlite:///PATH")
    if address.get_backend_name() == "sqlite":
        if address.database:
            Path(address.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(
            address,
            pool_size=POOL_SIZE,
            max_overflow=POOL_OVERFLOW,
            pool_use_lifo=True,  # so that few of their caches fill
            connect_args={"timeout": BUSY_TIMEOUT_S},
        )
        event.listen(engine, "connect", _prepare_sqlite)
        return engine
    engine = create_engine(
        address.set(drivername="postgresql+psycopg"),
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        pool_pre_ping=True,
        connect_args={name: value for name, value in ALIVE.items() if name not in address.query},
    )
    event.listen(engine, "connect", _prepare_postgresql)
    return engine


ALIVE = {"connect_timeout": 10, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
"""Seconds after which a machine that is silent counts as gone, and nobody waits for it; libpq's names."""


def _prepare_postgresql(connection: psycopg.Connection[Any], _record: Any) -> None:
    """The server, too, is to find out that a machine is gone, and give free what it has locked."""
    with connection.cursor() as cursor:
        named = [(f"tcp_{name}", str(value)) for name, value in ALIVE.items() if name.startswith("keepalives")]
        cursor.executemany("SELECT set_config(%s, %s, false)", named)
    connection.commit()


PRAGMAS = {
    "journal_mode": "WAL",
    "synchronous": "FULL",
    "foreign_keys": "ON",
    "cache_size": "-32000",
    "wal_autocheckpoint": "8000",
}
"""Acknowledged means on disk: WAL with FULL syncs the log at every commit (decision 2).

The log grows to 32 MB before its pages go where they belong: a group of events alters hundreds of them all over a large
file, many again in the next.
"""


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, see _transaction
    for name, value in PRAGMAS.items():
        connection.execute(f"PRAGMA {name}={value}")


@contextmanager
def _transaction(engine: Engine, mode: str) -> Iterator[Connection]:
    """`mode` is SQLite's. No listener says it: where there is one, SQLAlchemy looks for more at every statement."""
    with engine.connect() as connection, connection.begin():
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql(f"BEGIN {mode}")
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads. Raises UnavailableError."""
    with translated(), _transaction(engine, "DEFERRED") as connection:
        yield connection


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees one moment, whatever is written meanwhile. Raises UnavailableError."""
    with reading(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes: all of it is on disk when this is left, or nothing. Raises UnavailableError.

    SQLite's write lock is taken at once: upgrading a read transaction fails when somebody wrote in between.
    """
    with translated(), _in_line(engine), _transaction(engine, "IMMEDIATE") as connection:
        yield connection


@contextmanager
def _in_line(engine: Engine) -> Iterator[None]:
    """SQLite's writers wait here, where the kernel wakes the next one, and not in its busy back-off of up to 100 ms."""
    path = engine.url.database if engine.dialect.name == "sqlite" else None
    with alone(f"{path}-writer") if path and path != ":memory:" else nullcontext():
        yield


@contextmanager
def alone(path: str | Path) -> Iterator[None]:
    """Held by one thread of one process of this machine. Raises UnavailableError."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UnavailableError(f"the database's folder can't be written to: {error.strerror}") from error
    try:
        _wait_for(descriptor)
        yield
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:  # a network's file system may have no locks
        raise UnavailableError(f"the database's folder can't be locked: {error.strerror}") from error


@contextmanager
def translated() -> Iterator[None]:
    """What the driver says of a database that is away, as UnavailableError."""
    try:
        yield
    except OperationalError as error:
        raise UnavailableError(f"the database can't do it now: {_first_line(error)}") from error
    except DBAPIError as error:
        if type(error) is DatabaseError:  # SQLite's "file is not a database"
            raise UnavailableError(f"the database can't be used: {_first_line(error)}") from error
        if error.connection_invalidated:
            raise UnavailableError(f"the database went away: {_first_line(error)}") from error
        raise


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().partition("\n")[0]


def may_retry(error: BaseException) -> bool:
    """Whether the same transaction, tried again, is likely to pass."""
    cause = error.__cause__ if isinstance(error, UnavailableError) else error
    return isinstance(cause, DBAPIError) and getattr(cause.orig, "sqlstate", None) in _RETRYABLE_SQLSTATES


def now_ns(connection: Connection) -> int:
    """The database's clock, by which leases run (decision 11). SQLite's is this machine's own."""
    if connection.dialect.name == "sqlite":
        return time.time_ns()
    seconds = connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one()
    return int(seconds * 1_000_000_000)


def clock(engine: Engine) -> Callable[[], int]:
    """The database's clock as it goes on from now, read without asking again: this machine's may be hours off."""
    if engine.dialect.name == "sqlite":
        return time.time_ns
    with reading(engine) as connection:
        began, now = time.monotonic_ns(), now_ns(connection)
    return lambda: now + time.monotonic_ns() - began


def describe(engine: Engine) -> dict[str, str]:
    """What a bench prints beside its figures: version, and PRAGMAs or settings that decide what a commit means."""
    with reading(engine) as connection:
        if connection.dialect.name == "sqlite":
            found = {name: str(connection.exec_driver_sql(f"PRAGMA {name}").scalar()) for name in PRAGMAS}
            return {"sqlite": sqlite3.sqlite_version, **found}
        names = ("server_version", "fsync", "synchronous_commit", "shared_buffers")
        return {name: str(connection.exec_driver_sql(f"SHOW {name}").scalar()) for name in names}

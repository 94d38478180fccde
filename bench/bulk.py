"""Writes a made history into an empty database, as ingest would have, but some twenty times as fast.

Bodies and links' digests are made by processes of their own; the chain is closed here, in order. Indexes and what else
can be made afterwards is made afterwards, from the same metadata.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import islice
from multiprocessing import get_context
from multiprocessing.pool import AsyncResult, Pool
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, Table, UniqueConstraint, text
from sqlalchemy.schema import AddConstraint, CreateIndex, DropConstraint, DropIndex

from app.domain.chain import EVENT, FORM, GENESIS, chained, seal
from app.store import events as stored
from app.store.engine import PRAGMAS
from app.store.head import Head, advance
from app.store.migrate import upgrade
from app.store.packing import packed
from app.store.schema import changes, events, heard, links, origins, repositories, tags
from bench.told import Deed, told
from bench.world import World

AT_ONCE = 2000
AHEAD = 4
LOADED = (events, links, changes, tags, repositories, heard, origins)
Progress = Callable[[str, int, int], None]
"""Told now and then: what is made, how much of it is done, and of how much."""
Values = tuple[Any, ...]
Made = tuple[Values, bytes, bytes]


class Put(Protocol):
    """Write rows of a table, in the order of its columns."""

    def __call__(self, table: Table, rows: Sequence[Values]) -> None: ...


def fill(engine: Engine, count: int, progress: Progress) -> None:
    """Migrate it, and write `count` events with all that follows from them."""
    upgrade(engine)
    world = World(count)
    with engine.connect() as connection:
        with _loader(connection) as put:
            at = _write(world, put, progress)
            for table, rows in _annals(world):
                for batch in _batches(rows, AT_ONCE):
                    put(table, [tuple(row[column.name] for column in table.c) for row in batch])
            advance(connection, at)
        _index(connection, progress)


def _write(world: World, put: Put, progress: Progress) -> Head:
    at = Head(0, GENESIS)
    with get_context("spawn").Pool() as pool:
        for rows in _made(pool, _batches(world.deeds(), AT_ONCE)):
            bound, at = _chain(at, rows)
            put(events, [row for row, _, _ in rows])
            put(links, bound)
            progress("events", at.seq, world.events)
    return at


def _made(pool: Pool, batches: Iterable[Sequence[Deed]]) -> Iterator[list[Made]]:
    """What `_make` makes of each batch, in order; a few are under way."""
    waiting: deque[AsyncResult[list[Made]]] = deque()
    for batch in batches:
        waiting.append(pool.apply_async(_make, (batch,)))
        if len(waiting) > AHEAD:
            yield waiting.popleft().get()
    for one in waiting:
        yield one.get()


def _make(deeds: Sequence[Deed]) -> list[Made]:
    """(row of events, digest and marks of its link) of each."""
    made = []
    for deed in deeds:
        row = stored.row(told(deed))
        link = seal(EVENT, FORM, row)
        row["raw"] = packed(row["raw"])
        made.append((tuple(row.values()), *link))
    return made


def _chain(at: Head, rows: Sequence[Made]) -> tuple[list[Values], Head]:
    bound, chain, seq = [], at.chain, at.seq
    for _row, digest, marks in rows:
        seq += 1
        chain = chained(chain, (seq, EVENT, FORM), digest, marks)
        bound.append((seq, EVENT, FORM, digest, marks, chain))
    return bound, Head(seq, chain)


def _annals(world: World) -> Iterator[tuple[Table, Iterable[Mapping[str, Any]]]]:
    annals = world.annals
    yield changes, annals.changes()
    yield tags, annals.tags()
    yield repositories, annals.repositories()
    yield heard, annals.heard()
    yield origins, annals.origins()


def _batches(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    rows = iter(rows)
    while batch := list(islice(rows, size)):
        yield batch


def _loader(connection: Connection) -> AbstractContextManager[Put]:
    return _sqlite(connection) if connection.dialect.name == "sqlite" else _postgresql(connection)


@contextmanager
def _sqlite(connection: Connection) -> Iterator[Put]:
    """One transaction without a journal: what breaks here is begun again. Only the constraints' indexes stay."""
    driver = connection.connection.driver_connection
    assert driver is not None
    _pragmas(driver, {"journal_mode": "OFF", "synchronous": "OFF", "cache_size": "-2000000"})
    for table in LOADED:
        for index in table.indexes:
            connection.execute(DropIndex(index))
    driver.execute("BEGIN")

    def put(table: Table, rows: Sequence[Values]) -> None:
        marks = ", ".join("?" * len(table.c))
        driver.executemany(f"INSERT INTO {table.name} ({', '.join(_quoted(table))}) VALUES ({marks})", rows)

    yield put
    connection.commit()


def _pragmas(driver: Any, wanted: Mapping[str, str]) -> None:
    for name, value in wanted.items():
        driver.execute(f"PRAGMA {name}={value}")


def _quoted(table: Table) -> list[str]:
    return [f'"{column.name}"' for column in table.c]


@contextmanager
def _postgresql(connection: Connection) -> Iterator[Put]:
    """A COPY of each table that lasts as long as rows come: what one has reserved beyond its rows stays empty."""
    with ExitStack() as stack:
        copies = {table: stack.enter_context(_copy(connection.engine, table)) for table in LOADED}

        def put(table: Table, rows: Sequence[Values]) -> None:
            for row in rows:
                copies[table].write_row(row)

        yield put


@contextmanager
def _copy(engine: Engine, table: Table) -> Iterator[Any]:
    """Into a table that was emptied in the same transaction: its rows need no second visit by VACUUM."""
    with engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {table.name}"))
        for index in table.indexes:
            connection.execute(DropIndex(index))
        for constraint in _constraints(table):
            connection.execute(DropConstraint(constraint))
        kinds = [str(column.type.compile(connection.dialect)).lower().split(" collate ")[0] for column in table.c]
        driver = connection.connection.driver_connection
        assert driver is not None
        statement = f"COPY {table.name} ({', '.join(_quoted(table))}) FROM STDIN (FORMAT BINARY, FREEZE)"
        with driver.cursor().copy(statement) as copy:
            copy.set_types(["int8" if kind == "bigint" else kind for kind in kinds])
            yield copy


def _constraints(table: Table) -> list[Any]:
    return [table.primary_key, *(one for one in table.constraints if isinstance(one, UniqueConstraint))]


def _index(connection: Connection, progress: Progress) -> None:
    """Make what was dropped, and leave the database as a server in use has it.

    By name, as a dump of PostgreSQL would: which of two indexes is the younger may decide which one is used.
    """
    named = [index for table in LOADED for index in sorted(table.indexes, key=lambda index: str(index.name))]
    wanted: list[Any] = [CreateIndex(index) for index in named]
    if connection.dialect.name == "postgresql":
        wanted = [*(AddConstraint(one) for table in LOADED for one in _constraints(table)), *wanted]
        connection.execute(text("SET maintenance_work_mem = '1GB'"))
    for done, statement in enumerate(wanted, 1):
        connection.execute(statement)
        progress("indexes", done, len(wanted))
    connection.commit()
    if connection.dialect.name == "postgresql":
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM (ANALYZE)"))
    else:
        driver = connection.connection.driver_connection
        _pragmas(driver, PRAGMAS)


def teller(title: str) -> Progress:
    """Prints rate and what is left, twice a second at most."""
    began, last = time.monotonic(), [0.0]

    def progress(what: str, done: int, of: int) -> None:
        now = time.monotonic()
        if done < of and now - last[0] < 0.5:
            return
        last[0], took = now, now - began
        rate = done / took if took else 0
        left = f", {rate:,.0f}/s, {(of - done) / rate:,.0f} s left" if what == "events" and rate else ""
        print(f"\r{title}: {what} {done:,} of {of:,} after {took:,.0f} s{left}    ", end="", flush=True)

    return progress

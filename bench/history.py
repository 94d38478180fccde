"""Ten million events: what a question takes, what ingest loses, an event's size on disk, how fast all comes out."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from app.domain.fan_out import MAX_AGE_NS
from app.envelopes import Received, parse
from app.store.engine import Engine, describe, make_engine, reading
from app.store.migrate import upgrade
from app.usecases.ingest import Parcel, Policy, ingest
from bench.bulk import fill, teller
from bench.figures import Report, line, spread
from bench.postgres import postgres
from bench.processes import clean_environment
from bench.questions import QUESTIONS, timed
from bench.told import ORIGINS, body, told
from bench.world import World

DATABASES = ("SQLite", "PostgreSQL")
EVENTS = 10_000_000
ASKED = 200
AIM_MS = 50
GROUP = 80
EXPORTED = 1_000_000


def run(
    folder: Path, rounds: int, seconds: float, events: int = EVENTS, databases: Sequence[str] = DATABASES
) -> Iterator[Report]:
    """Each is filled and measured alone, and goes before the next is begun."""
    for title in databases:
        with _urls(title, folder) as urls:
            full, empty = map(make_engine, urls)
            yield _made(title, full, events)
            upgrade(empty)
            yield _questions(title, full)
            yield _sizes(title, full)
            yield _export(folder, title, urls[0])
            yield _ingest(title, (full, empty), (rounds, seconds))
            full.dispose()
            empty.dispose()


@contextmanager
def _urls(title: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Of one that will be full and one that begins empty."""
    if title == "PostgreSQL":
        with postgres(("history", "empty")) as urls:
            yield urls["history"], urls["empty"]
    else:
        with TemporaryDirectory(dir=folder) as place:
            yield f"sqlite:///{place}/history.db", f"sqlite:///{place}/empty.db"


def _made(title: str, engine: Engine, events: int) -> Report:
    began = time.monotonic()
    fill(engine, events, teller(title))
    took = time.monotonic() - began
    report = Report(f"Making a long history, {title}", ("events", "minutes", "events/s"))
    report.rows.append((f"{events:,}", f"{took / 60:.1f}", f"{events / took:,.0f}"))
    report.notes.append("With its indexes, which are made at the end.")
    report.data |= {"events": events, "seconds": took}
    return report


def _questions(title: str, engine: Engine) -> Report:
    report = Report(
        f"Questions of a long history, {title}",
        ("question", "much: p50 / p99 ms", "rows", "little: p50 / p99 ms", "rows"),
    )
    missed = []
    for name, hot, cold in timed(engine, ASKED):
        cells = [(f"{one.p50:.1f} / {one.p99:.1f}", str(one.rows)) for one in (hot, cold)]
        report.rows.append((name, *cells[0], *cells[1]))
        report.data[name] = {"much": [hot.p50, hot.p99], "little": [cold.p50, cold.p99]}
        missed += [f"{name} ({one.p99:.0f})" for one in (hot, cold) if one.p99 >= AIM_MS]
        print(f"\r{title}: {len(report.rows)} of {len(QUESTIONS)} questions asked", end="", flush=True)
    report.notes += [
        line(describe(engine)),
        f"First pages of 100 rows, warm, asked {ASKED} times of tags, digests and people of the repositories of which "
        "most (much) and least (little) is told, at moments anywhere in the history.",
        f"p99 of {AIM_MS} ms and more: {', '.join(missed) or 'none'}, of {2 * len(report.rows)}.",
    ]
    return report


def _sizes(title: str, engine: Engine) -> Report:
    """Bytes of each table and index, in all and by event."""
    report = Report(f"Size of a long history, {title}", ("table or index", "MB", "bytes an event"))
    with reading(engine) as connection:
        events = connection.exec_driver_sql("SELECT count(*) FROM events").scalar_one()
        sizes = {row[0]: row[1] for row in connection.exec_driver_sql(_SIZES[connection.dialect.name])}
    rows = sorted(sizes.items(), key=lambda one: -one[1])
    report.rows += [(name, f"{size / 1e6:,.1f}", f"{size / events:,.1f}") for name, size in rows if size * 500 > events]
    report.rows.append(("all", f"{sum(sizes.values()) / 1e6:,.1f}", f"{sum(sizes.values()) / events:,.1f}"))
    report.notes.append(f"{events:,} events.")
    report.data |= sizes
    return report


_SIZES = {
    "sqlite": "SELECT name, sum(pgsize) FROM dbstat GROUP BY name",
    "postgresql": "SELECT relname, pg_table_size(oid) FROM pg_class WHERE relkind IN ('r', 'i') AND relnamespace = "
    "'public'::regnamespace",
}


def _export(folder: Path, title: str, url: str) -> Report:
    """`tagtrail events --jsonl`, read as fast as it comes."""
    report = Report(f"Export of {EXPORTED:,} rows, {title}", ("rows", "MB", "s", "MB/s", "memory at start", "at most"))
    command = [sys.executable, "-P", "-m", "app", "events", "--jsonl", "--limit", str(EXPORTED)]
    environment = clean_environment() | {"DATABASE_URL": url, "TAGTRAIL_DATA": str(folder)}
    began, size, count, held = time.monotonic(), 0, 0, []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as process:
        assert process.stdout is not None
        while piece := process.stdout.read(1 << 20):
            size, count = size + len(piece), count + piece.count(b"\n")
            held.append(_resident_mib(process.pid))
    took = time.monotonic() - began
    memory = (f"{one:.0f} MiB" for one in (held[0], max(held)))
    report.rows.append((f"{count:,}", f"{size / 1e6:,.0f}", f"{took:.0f}", f"{size / 1e6 / took:.1f}", *memory))
    report.data |= {"rows": count, "bytes": size, "seconds": took, "memory": held}
    return report


def _resident_mib(pid: int) -> float:
    for told_ in Path(f"/proc/{pid}/status").read_text().splitlines():
        if told_.startswith("VmRSS:"):
            return int(told_.split()[1]) / 1024
    return 0.0


def _ingest(title: str, engines: tuple[Engine, Engine], how: tuple[int, float]) -> Report:
    """The same groups go into both in turn: what would follow in the full one."""
    rounds, seconds = how
    with reading(engines[0]) as connection:
        events = connection.exec_driver_sql("SELECT seq FROM head").scalar_one()
    groups = _groups(events)
    found: list[tuple[float, float]] = []
    for number in range(-1, rounds):
        full, empty = 0.0, 0.0
        taken = 0
        while full < seconds:
            group = next(groups)
            taken += len(group)
            for engine in engines if taken // GROUP % 2 else engines[::-1]:
                began = time.perf_counter()
                ingest(engine, group, Policy(MAX_AGE_NS))
                took = time.perf_counter() - began
                full, empty = (full + took, empty) if engine is engines[0] else (full, empty + took)
        if number >= 0:  # the one before warms up
            found.append((taken / full, taken / empty))
    report = Report(
        f"Ingest into a long history, {title}",
        ("events in a group", "long: events/s", "empty: events/s", "rate ÷ empty"),
    )
    rates = [spread([one[at] for one in found]) for at in (0, 1)]
    report.rows.append((str(GROUP), *rates, spread([full / empty for full, empty in found], 2)))
    report.notes.append(f"{rounds} rounds of {seconds:g} s, in turn; the long one had {events:,} events.")
    report.data |= {"rates": found}
    return report


def _groups(behind: int) -> Iterator[Sequence[Parcel]]:
    deeds = World(10_000_000, behind).deeds()
    parcels = (
        Parcel(ORIGINS[deed.origin], parse(ORIGINS[deed.origin].kind, Received(body(told(deed)))), deed.received_ns)
        for deed in deeds
    )
    while group := list(islice(parcels, GROUP)):
        yield group



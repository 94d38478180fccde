"""What the chain costs: groups taken in by `usecases.ingest` with it and without it, in one process, in turn."""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from unittest.mock import patch

from app.domain.origins import Origin
from app.envelopes import Received, parse
from app.store import links
from app.store.engine import Connection, Engine, make_engine
from app.store.head import Head
from app.store.migrate import upgrade
from app.usecases.ingest import Parcel, Policy, ingest
from bench.envelopes import requests
from bench.figures import Report, spread
from bench.postgres import postgres

GROUPS = (1, 8, 80)
"""Events in a transaction: alone, as a few clients make it, and as busy ones do."""
ORIGIN = Origin("bench", "distribution", ("registry.shop.example:5000",))
POLICY = Policy(3600 * 10**9)


@dataclass(frozen=True, slots=True)
class Round:
    """Taken in by one side; CPU is this process's own, so without PostgreSQL's."""

    events_a_second: float
    cpu_us: float


def run(folder: Path, rounds: int, seconds: float) -> Iterator[Report]:
    yield _compare("SQLite", {side: f"sqlite:///{folder}/{side}.db" for side in ("with", "without")}, rounds, seconds)
    with postgres(("with", "without")) as urls:
        yield _compare("PostgreSQL", urls, rounds, seconds)


def _compare(title: str, urls: dict[str, str], rounds: int, seconds: float) -> Report:
    report = Report(
        f"The chain, {title}",
        ("events in a group", "with: events/s", "without: events/s", "rate ÷ without", "CPU of an event ÷ without"),
    )
    engines = {side: make_engine(url) for side, url in urls.items()}
    for engine in engines.values():
        upgrade(engine)
    for size in GROUPS:
        found = _rounds(engines, size, rounds, seconds)
        report.rows.append(_row(size, found))
        report.data[str(size)] = {side: [one.events_a_second for one in taken] for side, taken in found.items()}
    for engine in engines.values():
        engine.dispose()
    report.notes.append(f"{rounds} rounds of {seconds:g} s on each side in turn, one thread; median (least–most).")
    return report


def _row(size: int, found: dict[str, list[Round]]) -> Sequence[str]:
    pairs = list(zip(found["with"], found["without"], strict=True))
    return (
        str(size),
        *(spread([one.events_a_second for one in found[side]]) for side in ("with", "without")),
        spread([ours.events_a_second / bare.events_a_second for ours, bare in pairs], 2),
        spread([ours.cpu_us / bare.cpu_us for ours, bare in pairs], 2),
    )


def _rounds(engines: dict[str, Engine], size: int, rounds: int, seconds: float) -> dict[str, list[Round]]:
    found: dict[str, list[Round]] = {side: [] for side in engines}
    for number in range(-1, rounds):
        for side in engines if number % 2 else reversed(engines):
            with _side(side):
                taken = _take_in(engines[side], f"{size}-{number}", size, seconds)
            if number >= 0:  # the one before warms up
                found[side].append(taken)
    return found


def _side(side: str) -> AbstractContextManager[object]:
    def no_links(_connection: Connection, at: Head, _kind: str, rows: Sequence[dict[str, int]]) -> Head:
        return Head(rows[-1]["seq"], at.chain)

    return patch.object(links, "add", no_links) if side == "without" else nullcontext()


def _take_in(engine: Engine, name: str, size: int, seconds: float) -> Round:
    """One group after the other until the time is up; reading the envelopes is not counted."""
    count, wall_s, cpu_s = 0, 0.0, 0.0
    made = [requests(name, client, 1, "/", "") for client in range(size)]
    while wall_s < seconds:
        group = [_parcel(body) for requests_ in made for body in islice(requests_, 1)]
        wall, cpu = time.perf_counter(), time.process_time()
        ingest(engine, group, POLICY)
        wall_s, cpu_s = wall_s + time.perf_counter() - wall, cpu_s + time.process_time() - cpu
        count += size
    return Round(count / wall_s, cpu_s / count * 1e6)


def _parcel(request: bytes) -> Parcel:
    _head, _, body = request.partition(b"\r\n\r\n")
    return Parcel(ORIGIN, parse(ORIGIN.kind, Received(body)), time.time_ns())

"""A registry's sender: one event, its answer, the next. Tagtrail beside servers that do less, in turn."""

import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.envelopes import event_id, requests
from bench.figures import Report, line, percentile, spread
from bench.ingest import HOOK, Server, check_kept, described, tagtrail
from bench.load import Client, connect
from bench.postgres import postgres
from bench.processes import answers, clean_environment, free_port, program, wait_until

WAYS = {"new": False, "kept": True}
"""distribution closes its connection after every event; others keep theirs."""
WARM_UP_S = 1.0
_MS = 1000


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where a row's events go."""

    name: str
    server: Server
    path: str


@dataclass(slots=True)
class Rounds:
    """Of one receiver and way: p50 and p95 in ms of each round, and all events sent."""

    p50: list[float] = field(default_factory=list)
    p95: list[float] = field(default_factory=list)
    sent: int = 0

    def add(self, took: Sequence[float]) -> None:
        self.p50.append(percentile(took, 50))
        self.p95.append(percentile(took, 95))
        self.sent += len(took)


def run(folder: Path, rounds: int, seconds: float) -> Iterator[Report]:
    yield _measure(folder, "SQLite", f"sqlite:///{folder}/serial.db", rounds, seconds)
    with postgres(("serial",)) as urls:
        yield _measure(folder, "PostgreSQL", urls["serial"], rounds, seconds)


def _measure(folder: Path, title: str, database: str, rounds: int, seconds: float) -> Report:
    report = Report(
        f"A serial sender, {title}",
        ("answered by", "connection", "p50 ms", "p95 ms", "p95 of tagtrail ÷ its own"),
    )
    with tagtrail(folder, database) as ours, bare(folder) as least:
        report.notes.append(line(described(database)))
        receivers = (
            Receiver("a bare server", least, "/"),
            Receiver("a bare server, synced", least, "/disk"),
            Receiver("tagtrail", ours, HOOK),
        )
        found = _rounds(receivers, rounds, seconds)
    report.rows += _rows(found)
    report.data |= {f"{name}, {way}": {"p50": one.p50, "p95": one.p95} for (name, way), one in found.items()}
    sent = sum(one.sent for (name, _), one in found.items() if name == "tagtrail")
    report.notes.append(
        f"One event under way; {rounds} rounds of {seconds:g} s on each in turn, {sent:,} events to tagtrail; median "
        "(least–most). Times run from before the connection is made, where it is new, to the last byte of the answer."
    )
    return report


def _rounds(receivers: Sequence[Receiver], rounds: int, seconds: float) -> dict[tuple[str, str], Rounds]:
    found = {(one.name, way): Rounds() for one in receivers for way in WAYS}
    for number in range(-1, rounds):
        for one in receivers if number % 2 else reversed(receivers):
            for way, kept in WAYS.items():
                took = _tell(one, kept, seconds if number >= 0 else WARM_UP_S)
                if number >= 0:
                    found[one.name, way].add(took)
    return found


def _rows(found: dict[tuple[str, str], Rounds]) -> Iterator[Sequence[str]]:
    for (name, way), one in found.items():
        ratios = [ours / theirs for ours, theirs in zip(found["tagtrail", way].p95, one.p95, strict=True)]
        yield name, way, spread(one.p50, 2), spread(one.p95, 2), "1" if name == "tagtrail" else spread(ratios, 1)


def _tell(to: Receiver, kept: bool, seconds: float) -> list[float]:
    """The ms that each event's answer took, which is 202 and, where it is Tagtrail's, kept."""
    run, took = secrets.token_hex(6), []
    client = Client(0, connect(to.server.port), requests(run, 0, 1, to.path, to.server.bearer))
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        took.append(_one(client, to.server.port, kept) * _MS)
    client.connection.close()
    if to.server.database:
        check_kept(to.server, run, {event_id(run, 0, number) for number in range(len(took))})
    return took


def _one(client: Client, port: int, kept: bool) -> float:
    """Seconds from connecting, or sending on the connection that is there, to the whole answer."""
    if not kept:
        client.connection.close()
    started = time.perf_counter()
    if not kept:
        client.connection = connect(port)
    client.send()
    while (status := client.status()) is None:
        pass
    took = time.perf_counter() - started
    if status != 202:
        raise RuntimeError(f"answered {status}")
    return took


@contextmanager
def bare(folder: Path) -> Iterator[Server]:
    port = free_port()
    environment = clean_environment() | {"BARE_PORT": str(port), "BARE_FILE": str(folder / "bare")}
    with program([sys.executable, "-m", "bench.bare"], folder / "bare.log", environment):
        wait_until("the bare server answers", lambda: answers(port, "/"))
        yield Server("bare", port, "", "")

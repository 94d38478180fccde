"""Events of our registry beside those of Debian's docker-registry.

How long they take, how fast a backlog is drained, and what they cost a push.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.figures import Report, spread
from bench.latency import ARRIVE_WITHIN_S, LOADS, Load, Measured, push, put_blobs, tag_told
from bench.listener import Listener, listening
from bench.processes import wait_until
from bench.registry import PUSHERS, REPOSITORY, SILENT, Server, ours, prepare, small_images, theirs
from bench.registry_client import LAYER, Pusher, digest_of

BACKLOG = 2000
WITHIN_S = 120.0
Start = Callable[[Path, int], AbstractContextManager[Server]]


@dataclass(slots=True)
class Counter:
    """Events that have arrived."""

    count: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, body: bytes) -> None:
        with self.lock:
            self.count += body.count(b'"timestamp": ')


def run(folder: Path, rounds: int, seconds: float) -> Iterator[Report]:
    """Raises FileNotFoundError where docker-registry is not installed."""
    yield _told(folder / "told", rounds)
    yield _drained(folder / "drain", rounds)
    yield _pushed(folder / "push", rounds, seconds)


def _told(folder: Path, rounds: int) -> Report:
    report = Report("From the PUT of a manifest to its event", ("pushers", "way", "p50 ms", "p95 ms"))
    with ExitStack() as stack:
        sides: list[tuple[Server, Listener]] = []
        for start in (ours, theirs):
            listener = stack.enter_context(listening(tag_told))
            sides.append((stack.enter_context(start(folder, listener.port)), listener))
            put_blobs(sides[-1][0].port)
        for load in LOADS:
            found = _timed(sides, load, rounds)
            report.rows += [(str(load), way, spread(one.p50, 1), spread(one.p95, 1)) for way, one in found.items()]
            report.data[str(load)] = {way: {"p50": one.p50, "p95": one.p95} for way, one in found.items()}
    counts = ", ".join(f"{load.pushes} by {load}" for load in LOADS)
    report.notes.append(f"{rounds} rounds on each in turn; pushes in a round: {counts}; an event an envelope.")
    return report


def _timed(sides: Sequence[tuple[Server, Listener]], load: Load, rounds: int) -> dict[str, Measured]:
    found = {f"{server.name}: {way}": Measured() for server, _ in sides for way in ("answered", "its event")}
    for number in range(-1, rounds):
        for server, listener in sides[:: 1 if number % 2 else -1]:
            label = f"{load.pushers}-{load.every_s}-{number + 1}"
            sent, answered = push(server.port, load, label)
            listener.wait_for(set(sent), ARRIVE_WITHIN_S)
            server.rest()
            if number >= 0:  # the one before warms up
                found[f"{server.name}: answered"].add(sent, answered)
                found[f"{server.name}: its event"].add(sent, listener.at)
    return found


def _drained(folder: Path, rounds: int) -> Report:
    ways: dict[str, tuple[Start, float]] = {
        "docker-registry": (theirs, 1.0),
        "ours, an event an envelope": (ours, 1.0),
        "ours, batch: 100": (lambda place, port: ours(place, port, ", batch: 100"), 4.0),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for name, (start, _aim) in ways.items():
            rates[name].append(_drain(folder / f"{number}-{name[-3:]}", start))
    report = Report(f"A backlog of {BACKLOG} events, drained", ("way", "events/s", "ratio", "aim"))
    base = rates["docker-registry"]
    for name, (_start, aim) in ways.items():
        ratios = [one / other for one, other in zip(rates[name], base, strict=True)]
        report.rows.append((name, spread(rates[name]), spread(ratios, 2), f"{aim:.1f}"))
        report.data[name] = {"rates": rates[name], "ratio": median(ratios)}
    report.notes.append(
        "The listener holds back its first answer until the backlog is there (HEADs of a blob, a pull each)."
    )
    return report


def _drain(folder: Path, start: Start) -> float:
    counter = Counter()
    with listening(counter.take) as listener, start(folder, listener.port) as server:
        prepare(server)
        _wait_for(counter, 3)
        listener.answers.clear()
        with Pusher(server.port) as pusher:
            for _ in range(BACKLOG):
                pusher.call("HEAD", f"/v2/{REPOSITORY}/blobs/{digest_of(LAYER)}", b"", {}, 200)
        time.sleep(1)  # pulls are written in groups
        return _release(counter, listener)


def _release(counter: Counter, listener: Listener) -> float:
    before, began = counter.count, time.perf_counter()
    listener.answers.set()
    _wait_for(counter, 3 + BACKLOG)
    return (counter.count - before) / (time.perf_counter() - began)


def _wait_for(counter: Counter, count: int) -> None:
    wait_until(f"{count} events", lambda: counter.count >= count, WITHIN_S)


def _pushed(folder: Path, rounds: int, seconds: float) -> Report:
    rates: dict[str, list[float]] = {"nobody is told": [], "one endpoint": []}
    with listening(lambda _: None) as listener, ExitStack() as stack:
        servers = [
            stack.enter_context(ours(folder / str(number), port)) for number, port in enumerate((SILENT, listener.port))
        ]
        for server in servers:
            prepare(server)
        for number in range(-1, rounds):
            for name, server in list(zip(rates, servers, strict=True))[:: 1 if number % 2 else -1]:
                rate = small_images(server, number, seconds)
                if number >= 0:  # the one before warms up
                    rates[name].append(rate)
    ratios = [told / silent for silent, told in zip(*rates.values(), strict=True)]
    report = Report("Small images pushed, with and without an endpoint", ("told", "images/s"))
    report.rows += [(name, spread(found)) for name, found in rates.items()]
    report.rows.append(("ratio (aim 0.9)", spread(ratios, 2)))
    report.data["small images"] = {"rates": rates, "ratio": median(ratios)}
    report.notes.append(f"{PUSHERS} clients, {rounds} rounds of {seconds:g} s in turn.")
    return report

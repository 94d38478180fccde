"""From a push to the row and to the trigger, beside the way of the same push to a bare endpoint of docker-registry."""

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.figures import Report, line, percentile, spread
from bench.listener import Listener, listening
from bench.registry_client import CONFIG, LAYER, Pusher, manifest
from bench.systems import docker_registry, tagtrail_up

REPOSITORIES = ("shop/web", "shop/api", "infra/base", "team/tools")
PUSHERS = (1, 8)
PUSHES = {1: 60, 8: 240}
"""Pushes of a round, by how many push at once; a pusher sends its next as soon as the last one is answered."""
LOOK_EVERY_S = 0.002
"""How often the audit database is asked for new rows: the error of push → row."""
ARRIVE_WITHIN_S = 60.0
_MS = 1000


@dataclass(slots=True)
class Rows:
    """When each push was first seen in the audit database, by a reader of its own."""

    database: Path
    at: dict[str, float] = field(default_factory=dict)
    stopped: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            seq = 0
            while not self.stopped.is_set():
                found = connection.execute(
                    "SELECT seq, repository, tag FROM events WHERE seq > ? ORDER BY seq", (seq,)
                ).fetchall()
                now = time.monotonic()
                for seq, repository, tag in found:  # noqa: B007 - the last one is where to go on
                    self.at.setdefault(f"{repository}:{tag}", now)
                self.stopped.wait(LOOK_EVERY_S)


@contextmanager
def watching(database: Path) -> Iterator[Rows]:
    rows = Rows(database)
    thread = threading.Thread(target=rows.watch)
    thread.start()
    try:
        yield rows
    finally:
        rows.stopped.set()
        thread.join()


@dataclass(slots=True)
class Measured:
    """p50 and p95 in ms of each round of one way, and pushes a second."""

    p50: list[float] = field(default_factory=list)
    p95: list[float] = field(default_factory=list)

    def add(self, sent: dict[str, float], arrived: dict[str, float]) -> None:
        took = [(arrived[name] - at) * _MS for name, at in sent.items()]
        self.p50.append(percentile(took, 50))
        self.p95.append(percentile(took, 95))


def run(folder: Path, rounds: int, _seconds: float) -> Iterator[Report]:
    report = Report("Latency", ("pushers", "way", "p50 ms", "p95 ms"))
    with (
        listening(_of_trigger) as trigger,
        listening(_of_envelope) as endpoint,
        tagtrail_up(folder, trigger.port) as up,
        docker_registry(folder, endpoint.port) as peer,
        watching(up.data / "tagtrail.db") as rows,
    ):
        for port in (up.port, peer):
            _prepare(port)
        report.notes.append(line(_described(up.data)))
        for pushers in PUSHERS:
            found = _rounds((up.port, rows, trigger), (peer, endpoint), pushers, rounds)
            report.rows += [
                (str(pushers), way, spread(one.p50, 1), spread(one.p95, 1)) for way, one in found.items()
            ]
            report.data[str(pushers)] = {way: {"p50": one.p50, "p95": one.p95} for way, one in found.items()}
    report.notes.append(
        f"{rounds} rounds on each system in turn, {PUSHES[1]} pushes by one pusher and {PUSHES[8]} by eight, each "
        f"of a new tag in {len(REPOSITORIES)} repositories, the next as soon as the last is answered; median "
        "(least–most). Times run from the first byte of the manifest's PUT."
    )
    yield report


def _of_trigger(body: bytes) -> str | None:
    told = json.loads(body)["data"]
    return f"{told['repository']}:{told['tag']}"


def _of_envelope(body: bytes) -> str | None:
    target = json.loads(body)["events"][0]["target"]
    return f"{target['repository']}:{target['tag']}" if "tag" in target else None


def _prepare(port: int) -> None:
    """Push the blobs that all images share, to each repository."""
    with Pusher(port) as pusher:
        for repository in REPOSITORIES:
            for content in (CONFIG, LAYER):
                pusher.put_blob(repository, content)


def _rounds(
    ours: tuple[int, Rows, Listener], theirs: tuple[int, Listener], pushers: int, rounds: int
) -> dict[str, Measured]:
    port, rows, trigger = ours
    peer, endpoint = theirs
    ways = ("tagtrail: answered", "tagtrail: row", "tagtrail: trigger", "docker-registry: answered",
            "docker-registry: its event")
    found = {way: Measured() for way in ways}
    for number in range(rounds):
        sent, answered = _push(port, pushers, f"{pushers}-{number}")
        trigger.wait_for(set(sent), ARRIVE_WITHIN_S)
        for way, arrived in zip(ways, (answered, rows.at, trigger.at), strict=False):
            found[way].add(sent, arrived)
        sent, answered = _push(peer, pushers, f"{pushers}-{number}")
        endpoint.wait_for(set(sent), ARRIVE_WITHIN_S)
        for way, arrived in zip(ways[3:], (answered, endpoint.at), strict=True):
            found[way].add(sent, arrived)
    return found


def _push(port: int, pushers: int, label: str) -> tuple[dict[str, float], dict[str, float]]:
    """Push all images of a round; when each was sent and when it was answered, by `repository:tag`."""
    count = PUSHES[pushers] // pushers
    with ThreadPoolExecutor(pushers) as threads:
        jobs = [threads.submit(_push_some, port, f"{label}-{one}", count) for one in range(pushers)]
        done = [job.result() for job in jobs]
    sent = {name: times[0] for some in done for name, times in some.items()}
    return sent, {name: times[1] for some in done for name, times in some.items()}


def _push_some(port: int, label: str, count: int) -> dict[str, tuple[float, float]]:
    images: Sequence[tuple[str, str]] = [
        (REPOSITORIES[number % len(REPOSITORIES)], f"v{label}-{number}") for number in range(count)
    ]
    ready = [(repository, tag, manifest(f"{repository}:{tag}")) for repository, tag in images]
    with Pusher(port) as pusher:
        return {f"{repository}:{tag}": pusher.put_manifest(repository, tag, body) for repository, tag, body in ready}


def _described(data: Path) -> dict[str, str]:
    from app.store.engine import describe, make_engine

    engine = make_engine(f"sqlite:///{data}/tagtrail.db")
    found = describe(engine)
    engine.dispose()
    return found

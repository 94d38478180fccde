"""From a push to the row and to the trigger, beside the way of the same push to a bare endpoint of docker-registry."""

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.figures import Report, line, percentile, spread
from bench.listener import Listener, listening
from bench.registry_client import CONFIG, LAYER, Pusher, manifest
from bench.systems import docker_registry, tagtrail_up

_MS = 1000
REPOSITORIES = ("shop/web", "shop/api", "infra/base", "team/tools")
@dataclass(frozen=True, slots=True)
class Load:
    """How many push at once, how many pushes make a round, and how often each pushes; 0: as soon as it is answered."""

    pushers: int
    pushes: int
    every_s: float

    def __str__(self) -> str:
        pace = f"every {self.every_s * _MS:.0f} ms" if self.every_s else "back to back"
        return f"{self.pushers}, {pace}"


LOADS = (Load(1, 60, 0), Load(8, 240, 0.25), Load(8, 240, 0))
LOOK_EVERY_S = 0.002
"""How often the audit database is asked for new rows: the error of push → row."""
ARRIVE_WITHIN_S = 60.0


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
        listening(tag_told) as endpoint,
        tagtrail_up(folder, trigger.port) as up,
        docker_registry(folder, endpoint.port) as peer,
        watching(up.data / "tagtrail.db") as rows,
    ):
        for port in (up.port, peer):
            put_blobs(port)
        report.notes.append(line(_described(up.data)))
        for load in LOADS:
            found = _rounds((up.port, rows, trigger), (peer, endpoint), load, rounds)
            report.rows += [(str(load), way, spread(one.p50, 1), spread(one.p95, 1)) for way, one in found.items()]
            report.data[str(load)] = {way: {"p50": one.p50, "p95": one.p95} for way, one in found.items()}
    counts = ", ".join(f"{load.pushes} by {load}" for load in LOADS)
    report.notes.append(
        f"{rounds} rounds on each system in turn; pushes in a round: {counts}; each of a new tag in "
        f"{len(REPOSITORIES)} repositories; median (least–most). Times run from the first byte of the manifest's PUT."
    )
    yield report


class _Bare(Pusher):
    """Tells the trigger's listener itself what it would hear of a push: the floor."""

    def put_manifest(self, repository: str, tag: str, manifest: bytes) -> tuple[float, float]:  # noqa: ARG002  no push
        told, started = json.dumps({"data": {"repository": repository, "tag": tag}}).encode(), time.monotonic()
        self.call("POST", "/", told, {}, 200)
        return started, time.monotonic()


def _of_trigger(body: bytes) -> str | None:
    told = json.loads(body)["data"]
    return f"{told['repository']}:{told['tag']}"


def tag_told(body: bytes) -> str | None:
    """`repository:tag` of the event in an envelope, if it has a tag."""
    target = json.loads(body)["events"][0]["target"]
    return f"{target['repository']}:{target['tag']}" if "tag" in target else None


def put_blobs(port: int) -> None:
    """Push the blobs that all images share, to each repository."""
    with Pusher(port) as pusher:
        for repository in REPOSITORIES:
            for content in (CONFIG, LAYER):
                pusher.put_blob(repository, content)


def _rounds(
    ours: tuple[int, Rows, Listener], theirs: tuple[int, Listener], load: Load, rounds: int
) -> dict[str, Measured]:
    port, rows, trigger = ours
    peer, endpoint = theirs
    ways = ("tagtrail: answered", "tagtrail: row", "tagtrail: trigger", "docker-registry: answered",
            "docker-registry: its event", "a bare POST to the trigger")
    found = {way: Measured() for way in ways}
    for number in range(rounds):
        sent, answered = push(port, load, f"{load.pushers}-{load.every_s}-{number}")
        trigger.wait_for(set(sent), ARRIVE_WITHIN_S)
        for way, arrived in zip(ways, (answered, rows.at, trigger.at), strict=False):
            found[way].add(sent, arrived)
        sent, answered = push(peer, load, f"{load.pushers}-{load.every_s}-{number}")
        endpoint.wait_for(set(sent), ARRIVE_WITHIN_S)
        for way, arrived in zip(ways[3:], (answered, endpoint.at), strict=False):
            found[way].add(sent, arrived)
        sent, _ = push(trigger.port, load, f"bare-{load.pushers}-{load.every_s}-{number}", _Bare)
        trigger.wait_for(set(sent), ARRIVE_WITHIN_S)
        found[ways[-1]].add(sent, trigger.at)
    return found


def push(port: int, load: Load, label: str, client: type[Pusher] = Pusher) -> tuple[dict[str, float], dict[str, float]]:
    """Push all images of a round; when each was sent and when it was answered, by `repository:tag`."""
    with ThreadPoolExecutor(load.pushers) as threads:
        clients = [client(port) for _ in range(load.pushers)]
        jobs = [threads.submit(_push_some, one, load, f"{label}-{who}", who) for who, one in enumerate(clients)]
        done = [job.result() for job in jobs]
    sent = {name: times[0] for some in done for name, times in some.items()}
    return sent, {name: times[1] for some in done for name, times in some.items()}


def _push_some(client: Pusher, load: Load, label: str, pusher: int) -> dict[str, tuple[float, float]]:
    """One pusher's share. Those with a pace begin one after the other: they don't march in step."""
    share = range(load.pushes // load.pushers)
    images = [(REPOSITORIES[number % len(REPOSITORIES)], f"v{label}-{number}") for number in share]
    ready = [(repository, tag, manifest(f"{repository}:{tag}")) for repository, tag in images]
    times = {}
    due = time.monotonic() + load.every_s * pusher / load.pushers
    with client:
        for repository, tag, body in ready:
            time.sleep(max(0.0, due - time.monotonic()))
            times[f"{repository}:{tag}"] = client.put_manifest(repository, tag, body)
            due += load.every_s
    return times


def _described(data: Path) -> dict[str, str]:
    from app.store.engine import describe, make_engine

    engine = make_engine(f"sqlite:///{data}/tagtrail.db")
    found = describe(engine)
    engine.dispose()
    return found

"""Memory of the whole group before, during and after a push of 1 GiB."""

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.figures import Report, spread
from bench.listener import listening
from bench.processes import group
from bench.registry_client import Pusher
from bench.systems import tagtrail_up

BLOB_BYTES = 2**30
PIECE_BYTES = 2**20
SAMPLE_EVERY_S = 0.1
SETTLE_S = 2.0
TOTAL = "total"
_MIB = 2**20


def run(folder: Path, rounds: int, _seconds: float) -> Iterator[Report]:
    report = Report("Memory during a push of 1 GiB, PSS in MiB", ("part", "before", "during, most", "after"))
    with listening(lambda _: None) as trigger, tagtrail_up(folder, trigger.port) as up:
        time.sleep(SETTLE_S)
        before, samples, seconds = parts(up.pid), Samples(up.pid), []
        for number in range(rounds):
            with samples.taken():
                seconds.append(push(up.port, number))
        time.sleep(SETTLE_S)
        after = parts(up.pid)
    most = samples.most()
    report.rows += [
        (part, f"{before.get(part, 0):.0f}", f"{most.get(part, 0):.0f}", f"{after.get(part, 0):.0f}")
        for part in sorted(most, key=lambda part: (part == TOTAL, part))
    ]
    report.data |= {"before": before, "most": most, "after": after, "seconds": seconds}
    report.notes += [
        f"{rounds} pushes of a blob of 1 GiB by chunked PATCH and PUT; PSS from smaps_rollup, sampled "
        f"{len(samples.taken_at)} times, every {SAMPLE_EVERY_S:g} s, without the page cache; the most of each part and "
        "of the sum, which need not be at one moment.",
        f"A push took {spread(seconds, 1)} s, {BLOB_BYTES / _MIB / median(seconds):,.0f} MiB/s.",
    ]
    yield report


@dataclass(slots=True)
class Samples:
    """What each part of the group below `pid` held, from time to time."""

    pid: int
    every_s: float = SAMPLE_EVERY_S
    taken_at: list[dict[str, float]] = field(default_factory=list)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Sample as long as this is not left."""
        stop = threading.Event()

        def sample() -> None:
            while not stop.wait(self.every_s):
                self.taken_at.append(parts(self.pid))

        thread = threading.Thread(target=sample)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def most(self) -> dict[str, float]:
        names = {name for sample in self.taken_at for name in sample}
        return {name: max(sample.get(name, 0.0) for sample in self.taken_at) for name in names}


def parts(pid: int) -> dict[str, float]:
    """PSS in MiB of each part of the group that `pid` supervises, by what its command line says, and of all."""
    found: dict[str, float] = {}
    for one in group(pid):
        try:
            held, name = _pss(one), "supervisor" if one == pid else _part(one)
        except (FileNotFoundError, ProcessLookupError):
            continue
        found[name] = found.get(name, 0.0) + held
    return found | {TOTAL: sum(found.values())}


def _pss(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(pid)


def _part(pid: int) -> str:
    command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    marks = {"app.wsgi": "web", "workers fast": "worker fast", "workers deliver": "worker deliver",
             "workers.relay": "relay", "valkey": "valkey"}
    return next((part for mark, part in marks.items() if mark in command), "web")


def push(port: int, number: int, size: int = BLOB_BYTES) -> float:
    """Seconds that the push of one blob of `size` bytes took, without its being made."""
    piece = hashlib.shake_256(f"{number}-{time.time_ns()}".encode()).digest(PIECE_BYTES)
    digest = hashlib.sha256()
    for _ in range(size // PIECE_BYTES):
        digest.update(piece)
    with Pusher(port) as pusher:
        started = time.monotonic()
        target = pusher.start_upload("bench/large")
        pieces = (piece for _ in range(size // PIECE_BYTES))
        location = pusher.call("PATCH", target.rstrip("?&"), pieces, {"Transfer-Encoding": "chunked"}, 202)
        pusher.call("PUT", f"{location}?digest=sha256:{digest.hexdigest()}", b"", {}, 201)
        return time.monotonic() - started

"""Our registry beside Debian's docker-registry: both get the same configuration, and tell a listener of events."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from bench.figures import Report, spread
from bench.listener import listening
from bench.processes import answers, clean_environment, free_port, group, program, wait_until
from bench.reads import Spec
from bench.registry_client import CONFIG, LAYER, MANIFEST, Pusher, digest_of, manifest

BLOB_MIB = 512
CLIENTS, PUSHERS = 16, 8
REST_WITHIN_S = 60.0
REPOSITORY = "bench/registry"
_CONFIG = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: "{root}"}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}", secret: bench}}
notifications:
  endpoints:
    - {{name: bench, url: "http://127.0.0.1:{listener}/events", timeout: 60s, threshold: 5, backoff: 1s{more}}}
"""
SILENT = -1
"""In place of a listener's port: nobody is told."""


@dataclass(frozen=True, slots=True)
class Server:
    name: str
    port: int
    pid: int

    def spent_s(self) -> float:
        """CPU seconds of all its processes so far."""
        ticks = os.sysconf("SC_CLK_TCK")
        return sum(sum(map(int, _stat(one)[11:13])) for one in group(self.pid)) / ticks

    def rest(self) -> None:
        """Wait until it has told all that happened: the other's turn is not to pay for it."""
        until = time.monotonic() + REST_WITHIN_S
        before = self.spent_s() - 1
        while self.spent_s() - before > 0.02 and time.monotonic() < until:
            before = self.spent_s()
            time.sleep(0.3)

    def peak_mib(self) -> float:
        """The most memory that each of its processes ever held, summed: some of it is shared."""
        return sum(_status(one, "VmHWM:") for one in group(self.pid)) / 1024


@dataclass(frozen=True, slots=True)
class Work:
    """`do` gives the rate in `unit`; `aim`: what of docker-registry's it is to be at least."""

    title: str
    unit: str
    aim: float
    do: Callable[[Server, int, float], float]


def run(folder: Path, rounds: int, seconds: float) -> Iterator[Report]:
    """Raises FileNotFoundError where docker-registry is not installed."""
    _make_blob(folder / "blob")
    with listening(lambda _: None) as listener, ExitStack() as stack:
        servers = [stack.enter_context(start(folder, listener.port)) for start in (ours, theirs)]
        for server in servers:
            prepare(server)
        yield _compared(servers, _works(folder / "blob"), (rounds, seconds))


def _compared(servers: Sequence[Server], works: Sequence[Work], how: tuple[int, float]) -> Report:
    rounds, seconds = how
    report = Report(
        "The registry beside docker-registry",
        ("work", *(f"{one.name}" for one in servers), "ratio", "aim", "CPU s (each, all rounds)", "peak MiB"),
    )
    for work in works:
        rates: dict[str, list[float]] = {server.name: [] for server in servers}
        spent = {server.name: -server.spent_s() for server in servers}
        for number in range(-1, rounds):
            for server in servers if number % 2 else servers[::-1]:
                rate = work.do(server, number, seconds)
                server.rest()
                if number >= 0:  # the one before warms up
                    rates[server.name].append(rate)
        for server in servers:
            spent[server.name] += server.spent_s()
        ratios = [ours / theirs for ours, theirs in zip(*rates.values(), strict=True)]
        cost = " / ".join(f"{one:.1f}" for one in spent.values())
        held = " / ".join(f"{one.peak_mib():.0f}" for one in servers)
        found = [spread(one) for one in rates.values()]
        report.rows.append((f"{work.title}, {work.unit}", *found, spread(ratios, 2), f"{work.aim:.1f}", cost, held))
        report.data[work.title] = {"rates": rates, "cpu_s": spent, "ratio": median(ratios)}
    report.notes += [
        f"{rounds} rounds of each in turn; reads for {seconds:g} s by {CLIENTS} keep-alive connections of one process, "
        f"pushes by {PUSHERS} clients.",
        "Both tell one listener of all events; docker-registry from memory, ours from a journal on disk.",
    ]
    return report


def _works(blob: Path) -> Sequence[Work]:
    digest = _digest_of_file(blob)

    def push(server: Server, number: int, _seconds: float) -> float:
        return _push_blob(server, blob, f"bench/large-{number}", digest)

    def pull(server: Server, _number: int, _seconds: float) -> float:
        return _pull_blob(server, f"/v2/bench/large--1/blobs/{digest}")

    def manifests(server: Server, _number: int, seconds: float) -> float:
        return _reads(server, "GET", f"/v2/{REPOSITORY}/manifests/latest", seconds)

    def heads(server: Server, _number: int, seconds: float) -> float:
        return _reads(server, "HEAD", f"/v2/{REPOSITORY}/blobs/{digest_of(LAYER)}", seconds)

    return (
        Work(f"push of a blob of {BLOB_MIB} MiB", "MiB/s", 1.8, push),
        Work("pull of it", "MiB/s", 1.2, pull),
        Work("manifest GET by tag", "requests/s", 5.0, manifests),
        Work("blob HEAD", "requests/s", 4.0, heads),
        Work("small images pushed", "images/s", 2.0, small_images),
    )


def _reads(server: Server, method: str, path: str, seconds: float) -> float:
    spec = Spec(server.port, method, path, MANIFEST, CLIENTS, seconds)
    done = subprocess.run(
        [sys.executable, "-m", "bench.reads", json.dumps(asdict(spec))], capture_output=True, text=True, check=True
    )
    outcome = json.loads(done.stdout)
    return float(outcome["answers"] / outcome["seconds"])


def _push_blob(server: Server, blob: Path, repository: str, digest: str) -> float:
    with Pusher(server.port) as pusher, blob.open("rb") as file:
        target = pusher.start_upload(repository)
        began = time.perf_counter()
        pieces = iter(lambda: file.read(1 << 20), b"")
        location = pusher.call("PATCH", target.rstrip("?&"), pieces, {"Transfer-Encoding": "chunked"}, 202)
        mark = "&" if "?" in location else "?"
        pusher.call("PUT", f"{_path(location)}{mark}digest={digest}", b"", {}, 201)
        return BLOB_MIB / (time.perf_counter() - began)


def _path(location: str) -> str:
    return "/" + location.split("/", 3)[3] if "://" in location else location


def _pull_blob(server: Server, path: str) -> float:
    space = bytearray(1 << 20)
    began, left = time.perf_counter(), BLOB_MIB << 20
    with socket.create_connection(("127.0.0.1", server.port), 60) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        while left > 0 and (count := connection.recv_into(space)):
            left -= count
    if left > 0:
        raise RuntimeError(f"{left} bytes are missing")
    return BLOB_MIB / (time.perf_counter() - began)


def small_images(server: Server, number: int, seconds: float) -> float:
    counts = [0] * PUSHERS
    until = time.perf_counter() + seconds

    def work(who: int) -> None:
        repository = f"bench/small-{who}"
        with Pusher(server.port) as pusher:
            while time.perf_counter() < until:
                layer = f"{number}-{who}-{counts[who]}".encode()
                for content in (CONFIG, layer):
                    pusher.put_blob(repository, content)
                name = f"{number}-{counts[who]}"
                pusher.put_manifest(repository, f"v{name}".replace("--", "-"), manifest(name, layer))
                counts[who] += 1

    threads = [threading.Thread(target=work, args=(who,)) for who in range(PUSHERS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - began)


def prepare(server: Server) -> None:
    with Pusher(server.port) as pusher:
        for content in (CONFIG, LAYER):
            pusher.put_blob(REPOSITORY, content)
        pusher.put_manifest(REPOSITORY, "latest", manifest("latest"))


def _make_blob(path: Path) -> None:
    piece = os.urandom(1 << 20)
    with path.open("wb") as file:
        for number in range(BLOB_MIB):
            file.write(number.to_bytes(8) + piece[8:])


def _digest_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


@contextmanager
def ours(folder: Path, listener: int, more: str = "") -> Iterator[Server]:
    """`more`: what else its endpoint has, behind a comma."""
    command = [sys.executable, "-P", "-m", "app", "registry", "serve"]
    with _served("tagtrail", command, folder / "ours", _config(listener, more)) as server:
        yield server


@contextmanager
def theirs(folder: Path, listener: int) -> Iterator[Server]:
    binary = shutil.which("docker-registry")
    if binary is None:
        raise FileNotFoundError("docker-registry is not installed (Debian: apt install docker-registry)")
    with _served("docker-registry", [binary, "serve"], folder / "theirs", _config(listener, "")) as server:
        yield server


def _config(listener: int, more: str) -> str:
    """With places for the folder and the port."""
    config = _CONFIG if listener != SILENT else _CONFIG.partition("notifications:")[0]
    return config.replace("{listener}", str(listener)).replace("{more}", more)


@contextmanager
def _served(name: str, command: Sequence[str], folder: Path, written: str) -> Iterator[Server]:
    folder.mkdir(parents=True)
    config, port = folder / "config.yml", free_port()
    config.write_text(written.format(root=folder / "storage", port=port))
    environment: Mapping[str, str] = clean_environment() | {"TAGTRAIL_DATA": str(folder / "data")}
    with program([*command, str(config)], folder / "log", environment) as process:
        wait_until(f"{name} answers", lambda: answers(port, "/v2/"))
        yield Server(name, port, process.pid)


def _stat(pid: int) -> list[str]:
    """Of /proc/PID/stat, what stands behind the name: field 3 comes first."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _status(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith(name)), 0)

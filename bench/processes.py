"""Programs that a bench starts, and ends with all that they started."""

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

READY_WITHIN_S = 60.0
END_WITHIN_S = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment() -> dict[str, str]:
    """This process's, without what would configure Tagtrail or docker-registry."""
    ours = ("TAGTRAIL_", "REDIS_", "DATABASE_", "REGISTRY_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


@contextmanager
def program(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` as a process group of its own; it has ended, with its children, when this is left."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env=dict(environment or clean_environment()), start_new_session=True
        )
    try:
        yield process
    except BaseException:
        print(log.read_text(errors="replace")[-4000:])
        raise
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(END_WITHIN_S)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def children(pid: int, mark: str) -> list[int]:
    """The children of `pid` whose command line has `mark`."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(one) for one in (task / "children").read_text().split()]
    commands = {one: Path(f"/proc/{one}/cmdline").read_bytes().replace(b"\0", b" ").decode() for one in found}
    return [one for one, command in commands.items() if mark in command]


def wait_until(what: str, check: Callable[[], bool], within_s: float = READY_WITHIN_S) -> None:
    deadline = time.monotonic() + within_s
    while not check():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within_s:.0f} s: {what}")
        time.sleep(0.02)


def answers(port: int, path: str) -> bool:
    """Whether a GET of `path` gives 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def group(pid: int) -> list[int]:
    """`pid` and all below it."""
    found = [pid]
    for one in found:
        try:
            for task in Path(f"/proc/{one}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
        except FileNotFoundError:
            continue
    return found

"""`tagtrail registry serve` as a process, in a folder of its own on a free port."""

import http.client
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from postgres import free_port
from system import TAGTRAIL, wait_until


@dataclass(slots=True)
class Alone:
    """`host` is `127.0.0.1:PORT`. What is written to stdout and stderr stands in the files of these names."""

    folder: Path
    host: str
    process: subprocess.Popen[bytes]

    @property
    def accesses(self) -> str:
        return (self.folder / "stdout").read_text()

    @property
    def log(self) -> str:
        return (self.folder / "stderr").read_text()

    def stop(self) -> int:
        """End it as a supervisor does; its status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def clean(environment: Mapping[str, str]) -> dict[str, str]:
    """Ours without what configures registries, and `environment`."""
    others = ("TAGTRAIL_", "REDIS_", "DATABASE_", "REGISTRY_", "PROMETHEUS_")
    return {name: value for name, value in os.environ.items() if not name.startswith(others)} | dict(environment)


@contextmanager
def registry_alone(folder: Path, config: str, environment: Mapping[str, str] = {}) -> Iterator[Alone]:
    """`config`: YAML with `PORT` where its port goes. It serves from when this is entered."""
    port = free_port()
    (folder / "alone.yml").write_text(config.replace("PORT", str(port)))
    command = [*TAGTRAIL, "registry", "serve", str(folder / "alone.yml"), "--data", str(folder / "data")]
    with (folder / "stdout").open("ab") as out, (folder / "stderr").open("ab") as err:
        process = subprocess.Popen(
            command, cwd=folder, stdout=out, stderr=err, env=clean(environment), start_new_session=True
        )
    alone = Alone(folder, f"127.0.0.1:{port}", process)
    try:
        wait_until("the registry listens", lambda: process.poll() is not None or listens(port))
        assert process.poll() is None, alone.log
        yield alone
    except BaseException:
        print(alone.log[-4000:])
        raise
    finally:
        if process.poll() is None:
            alone.stop()


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def call(host: str, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Mapping[str, str], bytes]:
    """One request: status, headers and body of the answer."""
    connection = http.client.HTTPConnection(host, timeout=60)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()

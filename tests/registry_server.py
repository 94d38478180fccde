"""The registry's routes alone: in a Flask app for tests, and served by granian as a program.

python registry_server.py PORT LOCKS DRIVER PARAMETERS, which are JSON
"""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask, Request
from granian.constants import Interfaces
from granian.server import Server
from joserfc.jwk import ECKey

from app.bootstrap.access import Access
from app.registry.access.gates import Open
from app.registry.locks import FileLocks
from app.registry.notify import Listener, Silent
from app.registry.policy import Policy
from app.registry.registry import Registry
from app.registry.schema1 import Schema1
from app.registry.storage.factory import make_driver
from app.web.registry.entrance import Entrance
from app.web.registry.manner import Manner
from app.web.registry.routes import blueprint

_OPEN_HANDED = Manner()
EVERYBODY = Entrance(Access(Open()), lambda request: request.host_url.rstrip("/"))


def an_app(
    registry: Registry, listener_for: Callable[[Request], Listener] = lambda _: Silent(), manner: Manner = _OPEN_HANDED
) -> Flask:
    app = Flask("registry")
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.register_blueprint(blueprint(registry, listener_for, EVERYBODY, manner))
    return app


@contextmanager
def served(storage: Path, locks: Path) -> Iterator[str]:
    """Two processes of the registry on a free port of loopback: `host:port`."""
    with served_from("filesystem", {"rootdirectory": str(storage)}, locks) as (address, _):
        yield address


@contextmanager
def served_from(
    driver: str, parameters: Mapping[str, Any], locks: Path
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The same over any driver, and the process that serves."""
    port = str(free_port())
    command = [sys.executable, __file__, port, str(locks), driver, json.dumps(parameters)]
    with running(command, int(port), locks.parent) as process:
        yield f"127.0.0.1:{port}", process


@contextmanager
def running(
    command: Sequence[str], port: int, folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A program that listens on `port`, from when it does until the end. What it prints is shown if it fails."""
    with (folder / f"{port}.log").open("w+b") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            _wait_for(port, process)
            yield process
        except BaseException:
            log.seek(0)
            print(log.read().decode(errors="replace"))
            raise
        finally:
            process.terminate()
            process.wait(20)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"nothing listens on {port}, exit status {process.returncode}")


def main(port: str, locks: str, driver: str, parameters: str) -> None:
    def load(_: str) -> Flask:
        policy = Policy(schema1=Schema1(ECKey.generate_key("P-256")))
        return an_app(Registry(make_driver(driver, json.loads(parameters)), FileLocks(Path(locks)), policy))

    server = Server(
        "registry",
        port=int(port),
        interface=Interfaces.WSGI,
        workers=2,
        blocking_threads=64,
        workers_kill_timeout=5,  # a worker that is told to end before it has begun does not hear it
    )
    server.serve(target_loader=load)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""What stands for the deploy hook and the chat in the demo."""

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import click

WITHIN_S = 15.0
"""How long each step may take to arrive at its destinations."""


class DemoError(click.ClickException):
    """Something that should have happened did not."""


@dataclass(frozen=True, slots=True)
class Received:
    at: float
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Listener:
    """Stands for the deploy hook and the chat: takes every POST, and remembers it with its time."""

    received: list[Received] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, path: str, count: int) -> Sequence[Received]:
        """The requests to `path` once there are `count`, or DemoError."""
        with self.arrived:
            self.arrived.wait_for(lambda: len(self.at(path)) >= count, WITHIN_S)
            found = self.at(path)
        if len(found) < count:
            raise DemoError(f"only {len(found)} of {count} requests reached {path} within {WITHIN_S:.0f} s")
        return found

    def at(self, path: str) -> list[Received]:
        return [one for one in self.received if one.path == path]

    def take(self, one: Received) -> None:
        with self.arrived:
            self.received.append(one)
            self.arrived.notify_all()


@contextlib.contextmanager
def listening() -> Iterator[tuple[Listener, str]]:
    """A listener and its address."""
    listener = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            at = time.monotonic()
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            listener.take(Received(at, self.path, headers, body))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield listener, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

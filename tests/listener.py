"""A real HTTP server on loopback that records what it is sent and answers as it was told."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import pytest


@dataclass(frozen=True)
class Heard:
    """One request. `time` is `time.time()` at its arrival; the names in `headers` are in lower case."""

    time: float
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """An answer, given after `delay` seconds. A 204 or 304 must have no body."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0


class Listener:
    """Listens on a free port of 127.0.0.1, or on `port`, between `with` and its end.

    `replies` are given in turn, the last one for ever; without any, everything is answered 200. `answer`, where it is
    given, answers instead.
    """

    def __init__(
        self, replies: Sequence[Reply] = (), answer: Callable[[Heard], Reply] | None = None, port: int = 0
    ) -> None:
        self.heard: list[Heard] = []
        self._replies = list(replies) or [Reply()]
        self.answer = answer
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._server = _Server(self, port)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        """Without a trailing slash."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def reply(self, *replies: Reply) -> None:
        """From now on, answer with these."""
        with self._changed:
            self._replies = list(replies)

    def wait_for(self, count: int, timeout: float = 5.0) -> list[Heard]:
        """The first `count` requests; raise AssertionError if they have not come within `timeout` seconds."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: len(self.heard) >= count, timeout)
            assert arrived, f"{len(self.heard)} of {count} requests within {timeout} s: {self.heard}"
            return self.heard[:count]

    def close(self) -> None:
        """Stop listening and cut every answer that is still delayed."""
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def record(self, heard: Heard) -> Reply:
        with self._changed:
            self.heard.append(heard)
            self._changed.notify_all()
            if self.answer is None:
                return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        return self.answer(heard)

    def sleep(self, seconds: float) -> None:
        self._closing.wait(seconds)


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as made:
        yield made


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that server_close waits for every handler
    request_queue_size = 128

    def __init__(self, owner: "Listener", port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.owner = owner
        self._connections: set[Any] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of many tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _answer(self) -> None:
        body = self._read_body()
        if body is None:
            self.close_connection = True
            return
        heard = Heard(
            time=time.time(),
            method=self.command,
            path=self.requestline.split()[1],  # self.path has leading slashes folded
            headers={key.lower(): value for key, value in self.headers.items()},
            body=body,
        )
        reply = self.server.owner.record(heard)
        self.server.owner.sleep(reply.delay)
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status not in (204, 304) and "Content-Length" not in reply.headers:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 (names http.server looks for)

    def _read_body(self) -> bytes | None:
        """None if its sender was gone before the end: a request that nobody has sent."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            return body if len(body) == length else None
        read = bytearray()
        while size := int(self.rfile.readline() or b"-1", 16):
            chunk = self.rfile.read(max(size, 0))
            if len(chunk) != size:
                return None
            read += chunk
            self.rfile.readline()
        self.rfile.readline()
        return bytes(read)

    def log_message(self, *args: Any) -> None:
        """Quiet."""

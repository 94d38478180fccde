"""Stands for a deploy hook, and for the receiver of another registry: remembers when each request came."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass(slots=True)
class Listener:
    """`name` tells from a body what arrived, or None. `at` has the moment (time.monotonic) of each first arrival.

    Nobody is answered while `answers` is not set.
    """

    port: int
    name: Callable[[bytes], str | None]
    at: dict[str, float] = field(default_factory=dict)
    answers: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def take(self, body: bytes, at: float) -> None:
        name = self.name(body)
        if name is not None:
            with self.arrived:
                self.at.setdefault(name, at)
                self.arrived.notify_all()

    def wait_for(self, names: set[str], within_s: float) -> None:
        """Until all of `names` have arrived. Raises TimeoutError."""
        with self.arrived:
            if not self.arrived.wait_for(lambda: names <= self.at.keys(), within_s):
                raise TimeoutError(f"{len(names - self.at.keys())} of {len(names)} did not arrive in {within_s:.0f} s")


@contextmanager
def listening(name: Callable[[bytes], str | None]) -> Iterator[Listener]:
    """A listener on a free port of loopback that answers every POST with 200 at once."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        listener = Listener(server.getsockname()[1], name)
        listener.answers.set()
        threading.Thread(target=_accept, args=(server, listener), daemon=True).start()
        yield listener
        server.shutdown(socket.SHUT_RDWR)


def _accept(server: socket.socket, listener: Listener) -> None:
    with suppress(OSError):
        while True:
            connection, _ = server.accept()
            threading.Thread(target=_serve, args=(connection, listener), daemon=True).start()


def _serve(connection: socket.socket, listener: Listener) -> None:
    with connection, connection.makefile("rb") as stream, suppress(OSError):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while stream.readline():
            length = 0
            while (header := stream.readline().strip().lower()) != b"":
                if header.startswith(b"content-length:"):
                    length = int(header.partition(b":")[2])
            body, at = stream.read(length), time.monotonic()
            listener.answers.wait()
            connection.sendall(_ANSWER)
            listener.take(body, at)

"""Servers below HTTP, for peers that misbehave: one function talks to each connection."""

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Wire:
    """A listening port of 127.0.0.1. `closing` is set when the test is over: talkers stop then."""

    port: int
    closing: threading.Event = field(default_factory=threading.Event)
    connections: int = 0


Talk = Callable[[socket.socket, Wire], None]


@contextmanager
def wire(talk: Talk, tls: ssl.SSLContext | None = None) -> Iterator[Wire]:
    """Accept connections one after another and let `talk` have each in a thread of its own."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.02)
        state = Wire(server.getsockname()[1])
        threads: list[threading.Thread] = []
        accepting = threading.Thread(target=_accept, args=(server, state, threads, talk, tls))
        accepting.start()
        try:
            yield state
        finally:
            state.closing.set()
            for thread in (accepting, *threads):
                thread.join()


def _accept(
    server: socket.socket,
    state: Wire,
    threads: list[threading.Thread],
    talk: Talk,
    tls: ssl.SSLContext | None,
) -> None:
    while not state.closing.is_set():
        try:
            connection, _ = server.accept()
        except TimeoutError:
            continue
        state.connections += 1
        thread = threading.Thread(target=_talk, args=(connection, state, talk, tls))
        threads.append(thread)
        thread.start()


def _talk(connection: socket.socket, state: Wire, talk: Talk, tls: ssl.SSLContext | None) -> None:
    connection.settimeout(5)
    with connection, suppress(OSError):
        if tls is None:
            talk(connection, state)
            return
        with tls.wrap_socket(connection, server_side=True) as secured:
            talk(secured, state)


def read_request(connection: socket.socket) -> bytes:
    """The bytes up to the end of the headers, and whatever came with them."""
    return _read_until(connection, lambda received: b"\r\n\r\n" in received)


def read_whole(connection: socket.socket) -> bytes:
    """A request with its body: hanging up on unread bytes would reset the connection."""
    return _read_until(connection, _is_whole)


def _read_until(connection: socket.socket, enough: Callable[[bytes], bool]) -> bytes:
    received = b""
    while not enough(received):
        chunk = connection.recv(65536)
        if not chunk:
            break
        received += chunk
    return received


def _is_whole(received: bytes) -> bool:
    head, end, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"(?im)^content-length: *(\d+)", head)
    return bool(end) and len(body) >= (int(length[1]) if length else 0)


def answering(answer: bytes) -> Talk:
    """Read one request, write `answer`, hang up."""

    def talk(connection: socket.socket, state: Wire) -> None:
        read_whole(connection)
        connection.sendall(answer)

    return talk


def dribbling(start: bytes, pause: float = 0.05) -> Talk:
    """Read one request, write `start`, then a byte every `pause` seconds without an end."""

    def talk(connection: socket.socket, state: Wire) -> None:
        read_request(connection)
        connection.sendall(start)
        while not state.closing.wait(pause):
            connection.sendall(b"x")

    return talk


def flooding(start: bytes, chunk: bytes) -> Talk:
    """Read one request, write `start`, then `chunk` as fast as it goes, without an end."""

    def talk(connection: socket.socket, state: Wire) -> None:
        read_request(connection)
        connection.sendall(start)
        while not state.closing.is_set():
            connection.sendall(chunk)

    return talk


def hanging(connection: socket.socket, state: Wire) -> None:
    """Read and never say a word."""
    read_request(connection)
    state.closing.wait()


def resetting(connection: socket.socket, state: Wire) -> None:
    """Read one request and reset the connection."""
    read_request(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")

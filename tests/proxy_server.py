"""An HTTP proxy on loopback: it records what it is asked, and leads everybody to 127.0.0.1, whatever the host."""

import re
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from wire import Wire, read_request, wire

_PLACE = re.compile(rb"(?:CONNECT |\w+ http://)([^/: ]+):(\d+)")


@dataclass
class ProxyServer:
    """`asked`: the head of each first request of a connection. `refusal`: what everybody is answered instead."""

    refusal: bytes = b""
    asked: list[bytes] = field(default_factory=list)
    url: str = ""

    def talk(self, connection: socket.socket, state: Wire) -> None:
        request = read_request(connection)
        self.asked.append(request.partition(b"\r\n\r\n")[0])
        if self.refusal:
            connection.sendall(self.refusal)
            return
        place = _PLACE.match(request)
        assert place is not None
        with socket.create_connection(("127.0.0.1", int(place[2]))) as further:
            if request.startswith(b"CONNECT"):
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                further.sendall(request)
            _pump(connection, further, state)


def _pump(one: socket.socket, other: socket.socket, state: Wire) -> None:
    ways = {one: other, other: one}
    while not state.closing.is_set():
        for ready in select.select(list(ways), [], [], 0.02)[0]:
            piece = ready.recv(65536)
            if not piece:
                return
            ways[ready].sendall(piece)


@contextmanager
def proxy_server(refusal: bytes = b"") -> Iterator[ProxyServer]:
    server = ProxyServer(refusal)
    with wire(server.talk) as state:
        server.url = f"http://127.0.0.1:{state.port}"
        yield server

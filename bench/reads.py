"""The load of the registry bench's reads, a process of its own: `python -m bench.reads SPEC`, both ways JSON.

So many keep-alive connections send one and the same request again and again, one at a time each. The first answer says
how long all are.
"""

import json
import selectors
import socket
import sys
import time
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class Spec:
    port: int
    method: str
    path: str
    accept: str
    clients: int
    seconds: float

    @property
    def request(self) -> bytes:
        lines = (
            f"{self.method} {self.path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", f"Accept: {self.accept}",
            "User-Agent: bench", "", "",
        )  # fmt: skip
        return "\r\n".join(lines).encode()


@dataclass(slots=True)
class Outcome:
    """How many answers came in how long."""

    seconds: float = 0.0
    answers: int = 0
    latencies_ms: list[float] = field(default_factory=list)


def run(spec: Spec) -> Outcome:
    request, outcome = spec.request, Outcome()
    size = _size_of_answer(spec)
    with selectors.DefaultSelector() as selector:
        began = time.perf_counter()
        for _ in range(spec.clients):
            connection = _connected(spec)
            selector.register(connection, selectors.EVENT_READ, [0, time.perf_counter()])
            connection.sendall(request)
        while (now := time.perf_counter()) - began < spec.seconds:
            for key, _ in selector.select(1.0):
                _take(key, request, size, outcome)
        outcome.seconds = now - began
        for key in list(selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
    return outcome


def _take(key: selectors.SelectorKey, request: bytes, size: int, outcome: Outcome) -> None:
    """What has come on one connection; after a whole answer the next request goes out."""
    connection, state = key.fileobj, key.data
    assert isinstance(connection, socket.socket)
    piece = connection.recv(1 << 17)
    if not piece:
        raise ConnectionError("the server closed a keep-alive connection")
    state[0] += len(piece)
    if state[0] < size:
        return
    now = time.perf_counter()
    outcome.answers += 1
    outcome.latencies_ms.append((now - state[1]) * 1000)
    state[0], state[1] = 0, now
    connection.sendall(request)


def _connected(spec: Spec) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", spec.port), 30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _size_of_answer(spec: Spec) -> int:
    with _connected(spec) as connection:
        connection.sendall(spec.request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += connection.recv(1 << 17)
        head = answer.partition(b"\r\n\r\n")[0]
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{spec.method} {spec.path}: {head[:200]!r}")
        return len(head) + 4 + (0 if spec.method == "HEAD" else _length(head))


def _length(head: bytes) -> int:
    lines = (line.partition(b":") for line in head.lower().split(b"\r\n"))
    return next(int(value) for name, _, value in lines if name == b"content-length")


if __name__ == "__main__":
    print(json.dumps(asdict(run(Spec(**json.loads(sys.argv[1]))))))

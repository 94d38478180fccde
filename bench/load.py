"""The load of the ingest bench, a process of its own: `python -m bench.load SPEC`, both ways JSON.

So many keep-alive connections, each with one request under way; selectors, so that no thread waits for another.
"""

import json
import selectors
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice

from bench.envelopes import requests

ANSWER_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Spec:
    """`run` makes the ids of this load unlike any other's. `most`: requests made beforehand for each client."""

    port: int
    path: str
    bearer: str
    run: str
    clients: int
    each: int
    seconds: float
    most: int


@dataclass(slots=True)
class Outcome:
    """`acknowledged`: by client, which of its requests got 202, in or after the time; `in_time` counts the former."""

    seconds: float = 0.0
    in_time: int = 0
    refused: int = 0
    exhausted: bool = False
    acknowledged: list[list[int]] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Client:
    """One connection with at most one request under way."""

    number: int
    connection: socket.socket
    requests: Iterator[bytes]
    ordinal: int = -1
    sent_at: float = 0.0
    answer: bytes = b""

    def send(self) -> bool:
        """Send the next request; False if there is none."""
        request = next(self.requests, None)
        if request is None:
            return False
        self.ordinal += 1
        self.sent_at = time.perf_counter()
        self.connection.sendall(request)
        return True

    def status(self) -> int | None:
        """Take what has come; the status once the answer is whole."""
        piece = self.connection.recv(65536)
        if not piece:
            raise ConnectionError("the server closed a keep-alive connection")
        self.answer += piece
        head, mark, body = self.answer.partition(b"\r\n\r\n")
        if not mark or len(body) < _length(head):
            return None
        self.answer = b""
        return int(head.split(b" ", 2)[1])


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    raise ValueError("an answer without a length")


def _clients(spec: Spec) -> list[Client]:
    made = []
    for number in range(spec.clients):
        ready = list(islice(requests(spec.run, number, spec.each, spec.path, spec.bearer), spec.most))
        made.append(Client(number, connect(spec.port), iter(ready)))
    return made


def connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), ANSWER_WITHIN_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def run(spec: Spec) -> Outcome:
    """Keep every client busy for the time, then wait for what is under way."""
    clients, outcome = _clients(spec), Outcome(acknowledged=[[] for _ in range(spec.clients)])
    started = time.perf_counter()
    until = started + spec.seconds
    with selectors.DefaultSelector() as selector:
        for client in clients:
            client.send()
            selector.register(client.connection, selectors.EVENT_READ, client)
        while selector.get_map():
            ready = selector.select(ANSWER_WITHIN_S)
            if not ready:
                raise TimeoutError(f"no answer within {ANSWER_WITHIN_S:.0f} s")
            for key, _ in ready:
                if not _go_on(key.data, outcome, until):
                    selector.unregister(key.fileobj)
    outcome.seconds = spec.seconds
    return outcome


def _go_on(client: Client, outcome: Outcome, until: float) -> bool:
    """Read; where an answer is whole, note it and send the next. False: this client is done."""
    status = client.status()
    if status is None:
        return True
    now = time.perf_counter()
    outcome.latencies_ms.append((now - client.sent_at) * 1000)
    if status == 202:
        outcome.acknowledged[client.number].append(client.ordinal)
        outcome.in_time += now < until
    else:
        outcome.refused += 1
    if now >= until:
        return False
    if client.send():
        return True
    outcome.exhausted = True
    return False


if __name__ == "__main__":
    print(json.dumps(asdict(run(Spec(**json.loads(sys.argv[1]))))))

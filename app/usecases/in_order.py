"""Sends what comes behind a cursor to one endpoint, in order, by one sender at a time over all processes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from app.domain.deliveries import JITTER
from app.outbound import Call, Door, Limits, OutboundError
from app.pausepoints import pause
from app.store import cursors
from app.store.cursors import Turn
from app.store.engine import Connection, Engine, now_ns, writing

LEASE_MARGIN_NS = 5 * 1_000_000_000
LONGEST_BACKOFF_NS = 60 * 1_000_000_000
ANSWER_BYTES = 2048

Content = TypeVar("Content")


@dataclass(frozen=True, slots=True)
class Piece(Generic[Content]):
    """What goes out in one request: `count` things, of which the first has the number `first`."""

    first: int
    count: int
    content: Content


@dataclass(frozen=True, slots=True)
class Batch(Generic[Content]):
    """What comes next, up to the number `until`. There may be nothing to send in it."""

    pieces: Sequence[Piece[Content]]
    until: int


class Stream(Protocol[Content]):
    """What an endpoint is to be sent."""

    def after(self, connection: Connection, seq: int) -> Batch[Content] | None:
        """What comes behind `seq`; None: nothing yet."""

    def post(self, piece: Piece[Content]) -> str | None:
        """Send once; None if delivered, else why not, fit to be shown."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Spans in nanoseconds."""

    name: str
    timeout_ns: int
    backoff_ns: int

    @property
    def lease_ns(self) -> int:
        return self.timeout_ns + LEASE_MARGIN_NS


def send_in_order(engine: Engine, endpoint: Endpoint, stream: Stream[Content], jitter: float) -> int:
    """Send everything that is to come, until there is nothing more or the endpoint fails; how much was delivered.

    Nothing at all if another process has the turn: it sees what we would see. `jitter` in [-1, 1] spreads retries.
    """
    with writing(engine) as connection:
        turn = cursors.take_turn(connection, endpoint.name, now_ns(connection), endpoint.lease_ns)
        if turn is None:
            return 0
        sender = _Sender(engine, endpoint, stream, turn, jitter)
        batch = sender.after(connection, turn.seq)
    sent = 0
    while batch is not None:
        done, batch = sender.send(batch)
        sent += done
    return sent


@dataclass(frozen=True, slots=True)
class _Sender(Generic[Content]):
    engine: Engine
    endpoint: Endpoint
    stream: Stream[Content]
    turn: Turn
    jitter: float

    def send(self, batch: Batch[Content]) -> tuple[int, Batch[Content] | None]:
        """Send a batch; (how much was delivered, what is next). Nothing next: the turn is given back."""
        sent = 0
        for piece in batch.pieces:
            if sent and not self._move_on(piece.first - 1):
                return sent, None
            pause("notify.before-send")
            failure = self.stream.post(piece)
            if failure is not None:
                self._fail(piece.first - 1, failure)
                return sent, None
            sent += piece.count
            pause("notify.sent")
        with writing(self.engine) as connection:
            return sent, self.after(connection, batch.until)

    def _move_on(self, seq: int) -> bool:
        with writing(self.engine) as connection:
            return cursors.move_on(connection, self.turn, seq, now_ns(connection) + self.endpoint.lease_ns)

    def after(self, connection: Connection, seq: int) -> Batch[Content] | None:
        """What is to come behind `seq`; if nothing, the turn is given back in the same transaction: no ring is lost."""
        batch = self.stream.after(connection, seq)
        until_ns = 0 if batch is None else now_ns(connection) + self.endpoint.lease_ns
        return batch if cursors.move_on(connection, self.turn, seq, until_ns) else None

    def _fail(self, seq: int, failure: str) -> None:
        wait_ns = min(self.endpoint.backoff_ns * 2 ** min(self.turn.failures, 10), LONGEST_BACKOFF_NS)
        with writing(self.engine) as connection:
            at_ns = now_ns(connection) + int(wait_ns * (1 + JITTER * self.jitter))
            cursors.back_off(connection, self.turn, seq, at_ns, failure)


def post(door: Door, call: Call, timeout_ns: int) -> str | None:
    """None if a 2xx answers, else why not, fit to be shown. A redirect is a failure that says where it pointed."""
    try:
        answer = door.send(call, Limits(total_s=timeout_ns / 1e9, answer_bytes=ANSWER_BYTES))
    except OutboundError as error:
        return str(error)
    if 200 <= answer.status < 300:
        return None
    return f"answered {answer.status}" + (f", pointing to {answer.redirect}" if answer.redirect else "")

"""Sends what comes behind a cursor to one endpoint, in order, by one sender at a time over all processes."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from app.domain.deliveries import JITTER, MAX_RETRY_AFTER_S
from app.domain.times import SECOND_NS
from app.outbound import Call, Door, Limits, OutboundError
from app.pausepoints import pause
from app.sinks.attempt import retry_after
from app.store import cursors
from app.store.cursors import Failed, Position, Turn
from app.store.engine import Connection, Engine, now_ns, writing

log = logging.getLogger(__name__)

LEASE_MARGIN_NS = 5 * SECOND_NS
LONGEST_BACKOFF_NS = 60 * SECOND_NS
ANSWER_BYTES = 2048
WRITTEN_EVERY_S = 0.1
"""How much is sent again by the next sender if this one dies, at most: what was delivered in that time."""
OF_CONTENT = frozenset({400, 413, 422})
"""Statuses that speak of what was sent; all others but 2xx speak of the endpoint."""

Content = TypeVar("Content")


@dataclass(frozen=True, slots=True)
class Piece(Generic[Content]):
    """What goes out in one request: `count` things. The cursor stands `before` it, and once it is delivered `after`."""

    before: Position
    after: Position
    count: int
    content: Content


@dataclass(frozen=True, slots=True)
class Batch(Generic[Content]):
    """What comes next, up to `until`. There may be nothing to send in it."""

    pieces: Sequence[Piece[Content]]
    until: Position


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something was not delivered, fit to be shown. `refused`: the endpoint wants none of this very content."""

    text: str
    refused: bool = False
    retry_after_s: float | None = None


class Stream(Protocol[Content]):
    """What an endpoint is to be sent."""

    def after(self, connection: Connection, at: Position) -> Batch[Content] | None:
        """What comes behind `at`; None: nothing yet."""

    def post(self, piece: Piece[Content]) -> Failure | None:
        """Send once; None if delivered."""

    def apart(self, piece: Piece[Content]) -> Sequence[Piece[Content]]:
        """A piece of several as pieces of one."""

    def delivered(self, connection: Connection, pieces: Sequence[Piece[Content]]) -> None:
        """Write what else there is to write of these."""

    def set_aside(self, connection: Connection, piece: Piece[Content], refusals: int, reason: str) -> bool:
        """Whether a piece of one that was refused so often, now included, waits for somebody to look at it from now on.

        Else it is tried again.
        """


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Spans in nanoseconds."""

    name: str
    timeout_ns: int
    backoff_ns: int

    @property
    def lease_ns(self) -> int:
        return self.timeout_ns + LEASE_MARGIN_NS


def never() -> bool:
    return False


def send_in_order(
    engine: Engine, endpoint: Endpoint, stream: Stream[Content], jitter: float, stop: Callable[[], bool] = never
) -> int:
    """Send everything that is to come, until there is nothing more or the endpoint fails; how much was delivered.

    Nothing at all if another process has the turn: it sees what we would see. `jitter` in [-1, 1] spreads retries.
    `stop` is asked before each request.
    """
    with writing(engine) as connection:
        turn = cursors.take_turn(connection, endpoint.name, now_ns(connection), endpoint.lease_ns)
        if turn is None:
            return 0
        sender = _Sender(engine, endpoint, stream, turn, jitter, turn.at, turn.failures, turn.refusals)
        batch = sender.next_batch(connection)
    while batch is not None:
        batch = None if stop() else sender.send(batch, stop)
    sender.end()
    return sender.sent


@dataclass(slots=True)
class _Sender(Generic[Content]):
    """`at`: where the cursor may go; `done`: what was delivered since it was written."""

    engine: Engine
    endpoint: Endpoint
    stream: Stream[Content]
    turn: Turn
    jitter: float
    at: Position
    failures: int
    refusals: int
    sent: int = 0
    done: list[Piece[Content]] = field(default_factory=list)
    written_at: float = field(default_factory=time.monotonic)
    ours: bool = True

    def send(self, batch: Batch[Content], stop: Callable[[], bool]) -> Batch[Content] | None:
        """Send a batch; what is next, or None: nothing, or the turn is not ours any more."""
        waiting = list(reversed(batch.pieces))
        while waiting:
            piece = waiting.pop()
            if stop() or not self._written_lately():
                return None
            pause("notify.before-send")
            failure = self.stream.post(piece)
            pause("notify.sent")
            if failure is None:
                self._delivered(piece)
            elif failure.refused and piece.count > 1:
                waiting += reversed(self.stream.apart(piece))
            elif not self._failed(piece, failure):
                return None
        self.at = batch.until
        with writing(self.engine) as connection:
            more = self.next_batch(connection) if self._write(connection, self.endpoint.lease_ns) else None
        pause("notify.written")
        return more

    def next_batch(self, connection: Connection) -> Batch[Content] | None:
        """What is to come; if nothing, the turn is given back in the same transaction: no ring is lost."""
        batch = self.stream.after(connection, self.at)
        if batch is None:
            self._give_back(connection)
        return batch

    def end(self) -> None:
        """Write what is not written, and give back the turn if it is still ours."""
        if self.ours:
            with writing(self.engine) as connection:
                if not self.done or self._write(connection, self.endpoint.lease_ns):
                    self._give_back(connection)

    def _give_back(self, connection: Connection) -> None:
        cursors.keep_turn(connection, self.turn, 0)
        self.ours = False

    def _delivered(self, piece: Piece[Content]) -> None:
        self.at, self.failures, self.refusals = piece.after, 0, 0
        self.sent += piece.count
        self.done.append(piece)

    def _written_lately(self) -> bool:
        """Whether the turn is ours for longer than one request takes."""
        if time.monotonic() - self.written_at < WRITTEN_EVERY_S:
            return True
        with writing(self.engine) as connection:
            if self.done:
                return self._write(connection, self.endpoint.lease_ns)
            self.ours = cursors.keep_turn(connection, self.turn, now_ns(connection) + self.endpoint.lease_ns)
        self.written_at = time.monotonic()
        return self.ours

    def _write(self, connection: Connection, lease_ns: int) -> bool:
        self.ours = cursors.move_on(connection, self.turn, self.at, now_ns(connection) + lease_ns)
        if self.ours and self.done:
            self.stream.delivered(connection, self.done)
        self.done.clear()
        self.written_at = time.monotonic()
        return self.ours

    def _failed(self, piece: Piece[Content], failure: Failure) -> bool:
        """Whether to go on behind `piece`: it was set aside."""
        self.failures, self.refusals = self.failures + 1, self.refusals + failure.refused
        self.at = piece.before
        with writing(self.engine) as connection:
            if self.done and not self._write(connection, self.endpoint.lease_ns):
                return False
            if failure.refused and self._set_aside(connection, piece, failure.text):
                return self.ours
            at_ns = now_ns(connection) + self._wait_ns(failure)
            cursors.back_off(connection, self.turn, self.at, Failed(self.failures, self.refusals, at_ns, failure.text))
            self.ours = False
        if self.failures == 1:
            log.warning("endpoint %s: %s; what is to come waits until it is taken", self.endpoint.name, failure.text)
        return False

    def _set_aside(self, connection: Connection, piece: Piece[Content], reason: str) -> bool:
        """Only while the turn is ours: another sender may be at this very piece."""
        self.ours = cursors.keep_turn(connection, self.turn, now_ns(connection) + self.endpoint.lease_ns)
        if not self.ours:
            return True
        if not self.stream.set_aside(connection, piece, self.refusals, reason):
            return False
        self.at, self.failures, self.refusals = piece.after, 0, 0
        return self._write(connection, self.endpoint.lease_ns) or True

    def _wait_ns(self, failure: Failure) -> int:
        backoff_ns = min(self.endpoint.backoff_ns * 2 ** min(self.failures - 1, 10), LONGEST_BACKOFF_NS)
        asked_ns = int(min(failure.retry_after_s or 0.0, MAX_RETRY_AFTER_S) * SECOND_NS)
        return max(int(backoff_ns * (1 + JITTER * self.jitter)), asked_ns)


def post(door: Door, call: Call, timeout_ns: int) -> Failure | None:
    """None if a 2xx answers, however its body ends, else why not. A redirect is a failure; the text says whereto."""
    try:
        answer = door.send(call, Limits(total_s=timeout_ns / 1e9, answer_bytes=ANSWER_BYTES))
    except OutboundError as error:
        return None if error.status is not None and 200 <= error.status < 300 else Failure(str(error))
    if 200 <= answer.status < 300:
        return None
    text = f"answered {answer.status}" + (f", pointing to {answer.redirect}" if answer.redirect else "")
    asked = retry_after(answer.header("retry-after"), int(time.time()))
    return Failure(text, answer.status in OF_CONTENT, asked)

"""Sends our registry's events to one of `notifications.endpoints`, in order.

Under our own key `tagtrail`, unless the endpoint wants none of it, each event has

    journal, sequence   the journal's name, and the event's number in it, kept over restarts
    previous            the number of the event before it that is meant for this endpoint; who has not seen it misses it
    parked              runs (after < n <= upto) of events before it that wait for somebody to look at them: the
                        endpoint refused them, or they were too old
    before              of a push: where the tag pointed, null if there was none
    digest, mediaType, size, tags   of a delete: what exactly went, and the tags that it took
"""

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace

from app.domain.endpoints import MOST_IN_AN_ENVELOPE, NOTHING, Ignore, Told
from app.domain.events import Numbers
from app.domain.signatures import SigningSecret, signed_headers
from app.domain.times import SECOND_NS
from app.envelopes.distribution import MEDIA_TYPE, envelope, with_ours
from app.outbound import Call, Door, Url
from app.outbound.tls import Tls
from app.store import cursors, journal, parked
from app.store.cursors import Position
from app.store.engine import Connection, Engine, clock, now_ns, reading, writing
from app.store.journal import Entry
from app.store.parked import Missed
from app.usecases.in_order import Batch, Endpoint, Failure, Piece, never, post, send_in_order

MOST_AT_ONCE = MOST_IN_AN_ENVELOPE
MOST_BYTES = 1024 * 1024
"""Of the events in an envelope that holds several: receivers have limits, ours 4 MiB."""
PARK_AFTER = 5


@dataclass(frozen=True, slots=True)
class Receiver:
    """An endpoint of `notifications.endpoints`, ready to be sent to. Spans in nanoseconds.

    `most_at_once`: events in an envelope. distribution sends one, and receivers may have been written for that.
    `park_after`: so many tries for an event that the endpoint refuses. `max_age_ns`: what is older is parked untried.
    `plain`: nothing but what distribution says.
    """

    name: str
    url: Url
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    timeout_ns: int
    backoff_ns: int
    ignore: Ignore = NOTHING
    most_at_once: int = 1
    max_age_ns: int | None = None
    park_after: int = PARK_AFTER
    secret: SigningSecret | None = None
    tls: Tls | None = None
    plain: bool = False

    @property
    def joined_headers(self) -> dict[str, str]:
        """Several values of one name are a list in one header (RFC 9110, 5.3)."""
        joined: dict[str, str] = {}
        for name, value in self.headers:
            joined[name] = f"{joined[name]}, {value}" if name in joined else value
        return joined


def notify(engine: Engine, receiver: Receiver, door: Door, jitter: float, stop: Callable[[], bool] = never) -> int:
    """Send all events that are to come, until there are no more or the endpoint fails; how many were delivered."""
    with reading(engine) as connection:
        name, _last = journal.head(connection)
    endpoint = Endpoint(receiver.name, receiver.timeout_ns, receiver.backoff_ns)
    return send_in_order(engine, endpoint, _Envelopes(receiver, door, name, clock(engine)), jitter, stop)


def begin(engine: Engine, endpoints: Collection[str]) -> None:
    """Let new endpoints begin with what is told from now on; called before anything more is told."""
    with writing(engine) as connection:
        last = journal.head(connection)[1]
        for name in endpoints:
            cursors.begin(connection, name, last)


def told(entry: Entry) -> Told:
    """What rules about events look at."""
    return Told(entry.repository, entry.action, entry.media_type, entry.event)


@dataclass(frozen=True, slots=True)
class _Numbered:
    """An event, the number of the one that was meant for the endpoint before it, and those that it says are parked."""

    entry: Entry
    previous: int
    parked: Sequence[Numbers] = ()
    again: bool = False


_Piece = Piece[Sequence[_Numbered]]


@dataclass(frozen=True, slots=True)
class _Envelopes:
    """The journal's events as an endpoint gets them: those to come, else those that it is to be sent again."""

    receiver: Receiver
    door: Door
    journal: str
    clock_ns: Callable[[], int]

    def after(self, connection: Connection, at: Position) -> Batch[Sequence[_Numbered]] | None:
        entries = journal.entries_after(connection, at.seq, MOST_AT_ONCE)
        if not entries:
            return self._again(connection, at)
        numbered, last = self._numbered(connection, entries, at)
        return Batch(list(self._pieces(numbered)), Position(entries[-1].seq, last))

    def _numbered(self, connection: Connection, entries: Sequence[Entry], at: Position) -> tuple[list[_Numbered], int]:
        """Those of `entries` that are to be sent, and the number of the last that is meant for the endpoint.

        Where numbers are missing, the journal was pruned while the endpoint was disabled: it may miss all of these.
        """
        now, found, last, next_seq = now_ns(connection), [], at.told, at.seq + 1
        for entry in entries:
            last = last if entry.seq == next_seq else entry.seq - 1
            next_seq = entry.seq + 1
            if self.receiver.ignore.matches(told(entry)):
                continue
            if self._is_too_old(entry, now):
                parked.park(connection, self.receiver.name, Missed(entry.seq, last), "older than maxage", now)
            else:
                found.append(_Numbered(entry, last))
            last = entry.seq
        return _announcing(connection, self.receiver.name, found), last

    def _is_too_old(self, entry: Entry, now: int) -> bool:
        return self.receiver.max_age_ns is not None and now - entry.opened_ns > self.receiver.max_age_ns

    def _again(self, connection: Connection, at: Position) -> Batch[Sequence[_Numbered]] | None:
        """Those that were ignored are passed over; who follows one follows what that followed."""
        due = parked.due(connection, self.receiver.name, MOST_AT_ONCE)
        ignored: dict[int, int] = {}
        pieces: list[_Piece] = []
        for entry, previous in due:
            follows = ignored.get(previous, previous)
            if self.receiver.ignore.matches(told(entry)):
                ignored[entry.seq] = follows
            else:
                pieces.append(Piece(at, at, 1, [_Numbered(entry, follows, again=True)]))
        if ignored:
            parked.remove(connection, self.receiver.name, ignored)
        return Batch(pieces, at) if due else None

    def _pieces(self, numbered: Sequence[_Numbered]) -> Iterator[_Piece]:
        held: list[_Numbered] = []
        size = 0
        for one in numbered:
            if held and (len(held) == self.receiver.most_at_once or size + len(one.entry.event) > MOST_BYTES):
                yield _piece(held)
                held, size = [], 0
            held.append(one)
            size += len(one.entry.event)
        if held:
            yield _piece(held)

    def apart(self, piece: _Piece) -> Sequence[_Piece]:
        return [_piece([one]) for one in piece.content]

    def delivered(self, connection: Connection, pieces: Sequence[_Piece]) -> None:
        """What was sent again is forgotten, and what was announced is."""
        events = [one for piece in pieces for one in piece.content]
        if again := [one.entry.seq for one in events if one.again]:
            parked.remove(connection, self.receiver.name, again)
        parked.announced(connection, self.receiver.name, [run for one in events for run in one.parked])

    def set_aside(self, connection: Connection, piece: _Piece, refusals: int, reason: str) -> bool:
        (one,) = piece.content
        if refusals < self.receiver.park_after and not one.again:
            return False
        missed = Missed(one.entry.seq, one.previous)
        parked.park(connection, self.receiver.name, missed, reason, now_ns(connection))
        return True

    def post(self, piece: _Piece) -> Failure | None:
        body = envelope([self._event(one) for one in piece.content])
        headers = {"Content-Type": MEDIA_TYPE, **self.receiver.joined_headers}
        if self.receiver.secret is not None:
            headers |= signed_headers(self.receiver.secret, self._id(piece), self.clock_ns() // SECOND_NS, body)
        return post(self.door, Call("POST", self.receiver.url, headers, body), self.receiver.timeout_ns)

    def _event(self, one: _Numbered) -> bytes:
        if self.receiver.plain:
            return one.entry.event
        ours: dict[str, object] = {"journal": self.journal, "sequence": one.entry.seq, "previous": one.previous}
        if one.entry.extra is not None:
            ours |= json.loads(one.entry.extra)
        if one.parked:
            ours["parked"] = [asdict(run) for run in one.parked]
        return with_ours(one.entry.event, ours)

    def _id(self, piece: _Piece) -> str:
        """The same for the same events."""
        first, last = piece.content[0].entry.seq, piece.content[-1].entry.seq
        return f"{self.journal}-{first}" + (f"-{last}" if last != first else "")


def _announcing(connection: Connection, endpoint: str, numbered: list[_Numbered]) -> list[_Numbered]:
    """The first of them says what is parked since the last that was delivered."""
    if numbered and (waiting := parked.unannounced(connection, endpoint, numbered[0].entry.seq)):
        numbered[0] = replace(numbered[0], parked=waiting)
    return numbered


def _piece(held: Sequence[_Numbered]) -> _Piece:
    before = Position(held[0].entry.seq - 1, held[0].previous)
    return Piece(before, Position(held[-1].entry.seq, held[-1].entry.seq), len(held), held)

"""Sends our registry's events to one of `notifications.endpoints`, in order."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from app.domain.deliveries import JITTER
from app.envelopes.distribution import MEDIA_TYPE, dump
from app.outbound import Call, Door, Limits, OutboundError, Url
from app.pausepoints import pause
from app.store import journal
from app.store.engine import Connection, Engine, now_ns, reading, writing
from app.store.journal import Entry, Turn

MOST_AT_ONCE = 100
MOST_BYTES = 1024 * 1024
"""Of the events in an envelope that holds several: receivers have limits, ours 4 MiB."""
LEASE_MARGIN_NS = 5 * 1_000_000_000
LONGEST_BACKOFF_NS = 60 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class Receiver:
    """An endpoint of `notifications.endpoints`, ready to be sent to. Ignored is what either list names.

    `most_at_once`: events in an envelope. distribution sends one, and receivers may have been written for that.
    """

    name: str
    url: Url
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    timeout_ns: int
    backoff_ns: int
    ignored_media_types: frozenset[str]
    ignored_actions: frozenset[str]
    most_at_once: int = 1

    @property
    def joined_headers(self) -> dict[str, str]:
        """Several values of one name are a list in one header (RFC 9110, 5.3)."""
        joined: dict[str, str] = {}
        for name, value in self.headers:
            joined[name] = f"{joined[name]}, {value}" if name in joined else value
        return joined

    def ignores(self, entry: Entry) -> bool:
        return entry.action in self.ignored_actions or entry.media_type in self.ignored_media_types


def notify(engine: Engine, receiver: Receiver, door: Door, jitter: float) -> int:
    """Send everything that is to come, until there is nothing more or the endpoint fails; how many were delivered.

    Nothing at all if another process has the turn: it sees what we would see.
    """
    with writing(engine) as connection:
        turn = journal.take_turn(connection, receiver.name, now_ns(connection), receiver.timeout_ns + LEASE_MARGIN_NS)
        if turn is None:
            return 0
        sender = _Sender(engine, receiver, door, turn, journal.head(connection)[0], jitter)
        entries = sender.after(connection, turn.seq)
    sent = 0
    while entries:
        done, entries = sender.send(entries)
        sent += done
    return sent


@dataclass(frozen=True, slots=True)
class _Sender:
    engine: Engine
    receiver: Receiver
    door: Door
    turn: Turn
    journal: str
    jitter: float

    def send(self, entries: Sequence[Entry]) -> tuple[int, list[Entry]]:
        """Send a batch; (how many were delivered, what is next). Nothing next: the turn is given back."""
        sent = 0
        previous = self._previous(entries)
        for envelope in self._envelopes(entries):
            if sent and not self._move_on(envelope[0].seq - 1):
                return sent, []
            pause("notify.before-send")
            failure = self._post(envelope, previous)
            if failure is not None:
                self._fail(envelope[0].seq - 1, failure)
                return sent, []
            sent += len(envelope)
            pause("notify.sent")
        with writing(self.engine) as connection:
            return sent, self.after(connection, entries[-1].seq)

    def _envelopes(self, entries: Sequence[Entry]) -> Iterator[list[Entry]]:
        envelope: list[Entry] = []
        for entry in entries:
            if self.receiver.ignores(entry):
                continue
            held = sum(len(one.event) for one in envelope) + len(entry.event)
            if envelope and (len(envelope) == self.receiver.most_at_once or held > MOST_BYTES):
                yield envelope
                envelope = []
            envelope.append(entry)
        if envelope:
            yield envelope

    def _previous(self, entries: Sequence[Entry]) -> dict[int, int]:
        """By the number of each that is told, the number of the one told before it; 0 where that is the first."""
        told = [entry.seq for entry in entries if not self.receiver.ignores(entry)]
        ignored = self.receiver.ignored_actions, self.receiver.ignored_media_types
        with reading(self.engine) as connection:
            before = journal.last_but(connection, entries[0].seq, *ignored)
        return dict(zip(told, [before, *told], strict=False))

    def _post(self, entries: Sequence[Entry], previous: Mapping[int, int]) -> str | None:
        """None if delivered, else why not, fit to be shown. A redirect is a failure that says where it pointed."""
        told = [
            json.loads(entry.event)
            | {"tagtrail": {"journal": self.journal, "sequence": entry.seq, "previous": previous[entry.seq]}}
            for entry in entries
        ]
        headers = {"Content-Type": MEDIA_TYPE, **self.receiver.joined_headers}
        limits = Limits(total_s=self.receiver.timeout_ns / 1e9, answer_bytes=2048)
        try:
            answer = self.door.send(Call("POST", self.receiver.url, headers, dump(told)), limits)
        except OutboundError as error:
            return str(error)
        if 200 <= answer.status < 300:
            return None
        return f"answered {answer.status}" + (f", pointing to {answer.redirect}" if answer.redirect else "")

    def _move_on(self, seq: int) -> bool:
        with writing(self.engine) as connection:
            until_ns = now_ns(connection) + self.receiver.timeout_ns + LEASE_MARGIN_NS
            return journal.move_on(connection, self.turn, seq, until_ns)

    def after(self, connection: Connection, seq: int) -> list[Entry]:
        """What is to come behind `seq`; if nothing, the turn is given back in the same transaction: no ring is lost."""
        entries = journal.entries_after(connection, seq, MOST_AT_ONCE)
        until_ns = now_ns(connection) + self.receiver.timeout_ns + LEASE_MARGIN_NS if entries else 0
        return entries if journal.move_on(connection, self.turn, seq, until_ns) else []

    def _fail(self, seq: int, failure: str) -> None:
        wait_ns = min(self.receiver.backoff_ns * 2 ** min(self.turn.failures, 10), LONGEST_BACKOFF_NS)
        with writing(self.engine) as connection:
            at_ns = now_ns(connection) + int(wait_ns * (1 + JITTER * self.jitter))
            journal.back_off(connection, self.turn, seq, at_ns, failure)

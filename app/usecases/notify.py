"""Sends our registry's events to one of `notifications.endpoints`, in order."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from app.envelopes.distribution import MEDIA_TYPE, dump
from app.outbound import Call, Door, Url
from app.store import journal
from app.store.engine import Connection, Engine, reading
from app.store.journal import Entry
from app.usecases.in_order import Batch, Endpoint, Piece, post, send_in_order

MOST_AT_ONCE = 100
MOST_BYTES = 1024 * 1024
"""Of the events in an envelope that holds several: receivers have limits, ours 4 MiB."""


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
    """Send all events that are to come, until there are no more or the endpoint fails; how many were delivered."""
    with reading(engine) as connection:
        name, _last = journal.head(connection)
    endpoint = Endpoint(receiver.name, receiver.timeout_ns, receiver.backoff_ns)
    return send_in_order(engine, endpoint, _Envelopes(receiver, door, name), jitter)


@dataclass(frozen=True, slots=True)
class _Numbered:
    """An event, and the number of the one that the endpoint is told before it; 0 where it is the first."""

    entry: Entry
    previous: int


@dataclass(frozen=True, slots=True)
class _Envelopes:
    """The journal's events as an endpoint gets them, each with the journal's name and its number."""

    receiver: Receiver
    door: Door
    journal: str

    def after(self, connection: Connection, seq: int) -> Batch[list[_Numbered]] | None:
        entries = journal.entries_after(connection, seq, MOST_AT_ONCE)
        if not entries:
            return None
        told = [entry for entry in entries if not self.receiver.ignores(entry)]
        ignored = self.receiver.ignored_actions, self.receiver.ignored_media_types
        before = journal.last_but(connection, entries[0].seq, *ignored)
        numbers = [before, *(entry.seq for entry in told)]
        pieces = self._pieces([_Numbered(entry, number) for entry, number in zip(told, numbers, strict=False)])
        return Batch(list(pieces), entries[-1].seq)

    def _pieces(self, told: Sequence[_Numbered]) -> Iterator[Piece[list[_Numbered]]]:
        envelope: list[_Numbered] = []
        for one in told:
            held = sum(len(other.entry.event) for other in envelope) + len(one.entry.event)
            if envelope and (len(envelope) == self.receiver.most_at_once or held > MOST_BYTES):
                yield _piece(envelope)
                envelope = []
            envelope.append(one)
        if envelope:
            yield _piece(envelope)

    def post(self, piece: Piece[list[_Numbered]]) -> str | None:
        told = [json.loads(one.entry.event) | {"tagtrail": self._ours(one)} for one in piece.content]
        headers = {"Content-Type": MEDIA_TYPE, **self.receiver.joined_headers}
        return post(self.door, Call("POST", self.receiver.url, headers, dump(told)), self.receiver.timeout_ns)

    def _ours(self, one: _Numbered) -> dict[str, object]:
        return {"journal": self.journal, "sequence": one.entry.seq, "previous": one.previous}


def _piece(envelope: list[_Numbered]) -> Piece[list[_Numbered]]:
    return Piece(envelope[0].entry.seq, len(envelope), envelope)

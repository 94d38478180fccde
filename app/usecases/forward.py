"""Sends every change on to an HTTP address, in order, as CloudEvents 1.0 in structured mode (issue 3, item 7).

{"specversion": "1.0",
 "id": "CHANGE/SEQ",                 the same at every try; a change that a late event altered comes again
 "source": "/registries/REGISTRY",
 "type": "tagtrail.tag.moved",       created, moved, removed, restored, or void: it was none after all
 "subject": "shop/web:stable",
 "time": "2026-11-23T20:06:47.474Z", when it happened
 "sequence": "00000000000000000042", SEQ, of the event that wrote or altered it: rises, and text sorts like it
 "datacontenttype": "application/json",
 "data": {"change_id", "registry", "repository", "tag", "before", "after", "actor", "origin", "event_id",
          "provenance"}}
"""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from app.domain.changes import Change
from app.domain.signatures import SigningSecret, signed_headers
from app.domain.times import SECOND_NS, rfc3339_nano
from app.outbound import Call, Door, Url
from app.store import changes, cursors, head
from app.store.cursors import Position
from app.store.engine import Connection, Engine, clock, writing
from app.usecases.in_order import Batch, Endpoint, Failure, Piece, post, send_in_order

MEDIA_TYPE = "application/cloudevents+json"
MOST_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Forward:
    """An address that changes are sent on to. `secret` signs them as Standard Webhooks asks. Spans in nanoseconds."""

    name: str
    url: Url
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    secret: SigningSecret | None
    timeout_ns: int
    backoff_ns: int

    @property
    def cursor(self) -> str:
        return f"{cursors.FORWARDS}{self.name}"


def forward(engine: Engine, to: Forward, door: Door, jitter: float) -> int:
    """Send on all that is to come; how many were delivered."""
    endpoint = Endpoint(to.cursor, to.timeout_ns, to.backoff_ns)
    return send_in_order(engine, endpoint, _Changes(to, door, clock(engine)), jitter)


def begin(engine: Engine, names: Collection[str]) -> None:
    """Let new addresses begin with what is told from now on; called before anything more is told."""
    with writing(engine) as connection:
        for name in names:
            cursors.begin(connection, f"{cursors.FORWARDS}{name}", head.last(connection))


@dataclass(frozen=True, slots=True)
class _Changes:
    to: Forward
    door: Door
    clock_ns: Callable[[], int]

    def after(self, connection: Connection, at: Position) -> Batch[Change] | None:
        found = changes.altered_after(connection, at.seq, MOST_AT_ONCE)
        pieces = [Piece(Position(altered - 1), Position(altered), 1, change) for altered, change in found]
        return Batch(pieces, pieces[-1].after) if pieces else None

    def apart(self, piece: Piece[Change]) -> Sequence[Piece[Change]]:
        return [piece]

    def delivered(self, connection: Connection, pieces: Sequence[Piece[Change]]) -> None:
        """The cursor says it all."""

    def set_aside(self, *_: object) -> bool:
        """Never: whoever gets changes gets all of them."""
        return False

    def post(self, piece: Piece[Change]) -> Failure | None:
        seq = piece.after.seq
        body = cloud_event(piece.content, seq)
        headers = {"Content-Type": MEDIA_TYPE, **dict(self.to.headers)}
        if self.to.secret is not None:
            identity, now_s = f"{piece.content.id}_{seq}", self.clock_ns() // SECOND_NS
            headers |= signed_headers(self.to.secret, identity, now_s, body)
        return post(self.door, Call("POST", self.to.url, headers, body), self.to.timeout_ns)


def cloud_event(change: Change, seq: int) -> bytes:
    """The bytes of one, ASCII."""
    key, order = change.key, change.order
    told = {
        "specversion": "1.0",
        "id": f"{change.id}/{seq}",
        "source": f"/registries/{key.registry}",
        "type": f"tagtrail.tag.{change.kind.value}",
        "subject": f"{key.repository}:{key.tag}",
        "time": rfc3339_nano(order.time_ns),
        "sequence": f"{seq:020d}",
        "datacontenttype": "application/json",
        "data": {
            "change_id": change.id,
            "registry": key.registry,
            "repository": key.repository,
            "tag": key.tag,
            "before": change.before,
            "after": change.after,
            "actor": change.actor,
            "origin": order.origin,
            "event_id": order.event_id,
            "provenance": change.provenance.value,
        },
    }
    return json.dumps(told, separators=(",", ":")).encode("ascii")

"""Angos's event webhooks.

Facts of the format: no host; the image's name is `namespace`. A push by tag sends `manifest.push` and `tag.create`, a
delete by tag `manifest.delete` and `tag.delete`, of which the first names the tag in `reference` alone and no digest.
What Angos did itself (`prune`, `cache`) has its name in `actor.internal`.
"""

from collections.abc import Iterator

from app.domain.digests import is_digest
from app.domain.events import Scope
from app.domain.times import parse_rfc3339
from app.envelopes.reading import Dialect, Reading, Received
from app.envelopes.wire import FaultError, Said, Wire, checked, one_body
from app.envelopes.words import word

_ACTIONS = {
    "blob.pull": "pull",
    "blob.push": "push",
    "manifest.delete": "delete",
    "manifest.pull": "pull",
    "manifest.push": "push",
    "tag.create": "push",
    "tag.delete": "delete",
}


class _Actor(Wire):
    id: str | None = None
    username: str | None = None
    client_ip: str | None = None
    internal: str | None = None


class _Event(Wire):
    kind: str
    id: str | None = None
    timestamp: str | None = None
    namespace: str | None = None
    digest: str | None = None
    reference: str | None = None
    tag: str | None = None
    actor: _Actor | None = None


def read(received: Received) -> Reading:
    return one_body(received, _said)


def _said(received: Received, value: object) -> Iterator[Said]:
    if not _recognises(received, value):
        raise FaultError("not an event of Angos: no kind such as manifest.push and namespace")
    event = checked(_Event, value)
    by_digest = is_digest(event.reference or "")
    tag = event.tag or (None if by_digest else event.reference)
    actor = event.actor or _Actor()
    yield Said(
        action=_ACTIONS.get(event.kind) or word(event.kind),
        repository=event.namespace,
        tag=tag,
        digest=event.digest or (event.reference if by_digest else None),
        deletes=Scope.TAG if tag else Scope.MANIFEST,
        id=event.id,
        time_ns=parse_rfc3339(event.timestamp) if event.timestamp else None,
        actor=actor.username or actor.id or actor.internal,
        request_addr=actor.client_ip,
    )


def _recognises(_: Received, value: object) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("namespace"), str):
        return False
    kind = value.get("kind")
    return isinstance(kind, str) and kind.partition(".")[0] in ("blob", "manifest", "tag") and "." in kind


DIALECT = Dialect(read, _recognises)

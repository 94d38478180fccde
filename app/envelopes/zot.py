"""zot's events extension: CloudEvents in binary mode (by default), or structured.

Facts of the format: no host (the source is always `zotregistry.dev`); `reference` is what the client named, a tag or a
digest, and says what a delete took, for the digest is there in either case.
"""

from collections.abc import Iterator

from app.domain.digests import is_digest
from app.domain.events import Scope
from app.envelopes.cloudevents import HEADERS, cloud_event, type_of
from app.envelopes.reading import Dialect, Reading, Received
from app.envelopes.wire import FaultError, Said, Wire, checked, one_body
from app.envelopes.words import word

_PREFIX = "zotregistry."
_ACTIONS = {"image.updated": "push", "image.deleted": "delete"}


class _Actor(Wire):
    name: str | None = None


class _Request(Wire):
    addr: str | None = None
    method: str | None = None
    useragent: str | None = None


class _Data(Wire):
    name: str | None = None
    reference: str | None = None
    digest: str | None = None
    mediaType: str | None = None  # noqa: N815 - the wire's own spelling
    actor: _Actor | None = None
    request: _Request | None = None


def read(received: Received) -> Reading:
    return one_body(received, _said)


def _said(received: Received, value: object) -> Iterator[Said]:
    if not _recognises(received, value):
        raise FaultError("not an event of zot: the type (ce-type) is none of zotregistry.*")
    event = cloud_event(received, value)
    data = checked(_Data, event.data)
    by_digest = is_digest(data.reference or "")
    request = data.request or _Request()
    kind = event.type.removeprefix(_PREFIX)
    yield Said(
        action=_ACTIONS.get(kind) or word(kind),
        repository=data.name,
        tag=None if by_digest else data.reference,
        digest=data.digest or (data.reference if by_digest else None),
        deletes=Scope.MANIFEST if by_digest else Scope.TAG,
        id=event.id,
        time_ns=event.time_ns,
        media_type=data.mediaType,
        actor=data.actor.name if data.actor else None,
        request_addr=request.addr,
        request_method=request.method,
        user_agent=request.useragent,
    )


def _recognises(received: Received, value: object) -> bool:
    return type_of(received, value).startswith(_PREFIX)


DIALECT = Dialect(read, _recognises, HEADERS)

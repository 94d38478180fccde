"""The envelopes of docker/CNCF distribution, v1 (all of 2.x) and v2 (3.x), which our own registry sends too.

Facts of the format: an envelope may hold many events and holds one in practice; v3 sends `""` and `0` for what is
absent; a tag delete has no digest, a manifest delete has only the digest, a repository delete neither; a blob delete
looks like a manifest delete, which is harmless: no tag points to a blob.
"""

import json
from typing import Any

from app.domain.events import Scope
from app.domain.times import parse_rfc3339, rfc3339_nano
from app.envelopes.batches import one_by_one
from app.envelopes.reading import Dialect, Reading, Received
from app.envelopes.slices import members
from app.envelopes.wire import FaultError, Said, Wire, checked

MEDIA_TYPE = "application/vnd.docker.distribution.events.v2+json"


class _Target(Wire):
    mediaType: str | None = None  # noqa: N815 - the wire's own spelling
    digest: str | None = None
    size: int | None = None
    repository: str | None = None
    fromRepository: str | None = None  # noqa: N815 - the wire's own spelling
    tag: str | None = None


class Request(Wire):
    id: str | None = None
    addr: str | None = None
    host: str | None = None
    method: str | None = None
    useragent: str | None = None


class Actor(Wire):
    name: str | None = None


class _Source(Wire):
    addr: str | None = None
    instanceID: str | None = None  # noqa: N815 - the wire's own spelling


class _Extension(Wire):
    journal: str | None = None
    sequence: int | None = None
    previous: int | None = None


class _Event(Wire):
    id: str | None = None
    timestamp: str | None = None
    action: str
    target: _Target
    request: Request | None = None
    actor: Actor | None = None
    source: _Source | None = None
    tagtrail: _Extension | None = None


def read(received: Received) -> Reading:
    """The events that could be read, and a line for each that couldn't."""
    return one_by_one(received, lambda text: members(text, "events"), _said)


def _recognises(_: Received, value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("events"), list)


def _said(value: object) -> Said:
    event = checked(_Event, value)
    target, request, source = event.target, event.request or Request(), event.source or _Source()
    if not target.repository:
        raise FaultError("target.repository: is missing")
    return Said(
        action=event.action,
        repository=target.repository,
        tag=target.tag,
        digest=target.digest,
        deletes=_deletes(target),
        id=event.id,
        time_ns=parse_rfc3339(event.timestamp) if event.timestamp else None,
        host=request.host,
        media_type=target.mediaType,
        size=target.size,
        from_repository=target.fromRepository,
        actor=event.actor.name if event.actor else None,
        request_id=request.id,
        request_addr=request.addr,
        request_method=request.method,
        user_agent=request.useragent,
        source_addr=source.addr,
        source_instance=source.instanceID,
        sequence=event.tagtrail.sequence if event.tagtrail else None,
        journal=event.tagtrail.journal if event.tagtrail else None,
        previous=event.tagtrail.previous if event.tagtrail else None,
    )


def _deletes(target: _Target) -> Scope:
    """What a delete takes: a tag has no digest, a manifest only the digest, a repository neither."""
    if target.tag and ":" not in target.tag:
        return Scope.TAG
    return Scope.MANIFEST if target.digest else Scope.REPOSITORY


def dump(events: list[dict[str, Any]]) -> bytes:
    """An envelope as distribution writes it: three spaces of indent, no newline at the end, UTF-8."""
    return json.dumps({"events": events}, indent=3, ensure_ascii=False).encode("utf-8", "surrogatepass")


def timestamp(time_ns: int) -> str:
    """A moment as Go prints it (RFC3339Nano)."""
    return rfc3339_nano(time_ns)


DIALECT = Dialect(read, _recognises)

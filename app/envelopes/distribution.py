"""The envelopes of docker/CNCF distribution, v1 (all of 2.x) and v2 (3.x), which our own registry sends too.

Facts of the format: an envelope may hold many events and holds one in practice; v3 sends `""` and `0` for what is
absent; a tag delete has no digest, a manifest delete has only the digest, a repository delete neither; a blob delete
looks like a manifest delete, which is harmless: no tag points to a blob.
"""

import json
from collections.abc import Mapping, Sequence
from json.encoder import encode_basestring
from typing import Annotated, Any

from pydantic import Field

from app.domain.endpoints import MOST_ANNOUNCED
from app.domain.events import Numbers, Scope
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


class _Parked(Wire):
    """after < n <= upto."""

    after: int
    upto: int


class _Extension(Wire):
    """What our registry says beside; of a delete also what went."""

    journal: str | None = None
    sequence: int | None = None
    previous: int | None = None
    parked: Annotated[tuple[_Parked, ...], Field(max_length=MOST_ANNOUNCED)] = ()
    mediaType: str | None = None  # noqa: N815 - the wire's own spelling
    size: int | None = None


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
    ours = event.tagtrail or _Extension()
    beside = ours if event.action == "delete" else _Extension()
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
        media_type=target.mediaType or beside.mediaType,
        size=target.size or beside.size,
        from_repository=target.fromRepository,
        actor=event.actor.name if event.actor else None,
        request_id=request.id,
        request_addr=request.addr,
        request_method=request.method,
        user_agent=request.useragent,
        source_addr=source.addr,
        source_instance=source.instanceID,
        sequence=ours.sequence,
        journal=ours.journal,
        previous=ours.previous,
        parked=tuple(Numbers(one.after, one.upto) for one in ours.parked),
    )


def _deletes(target: _Target) -> Scope:
    """What a delete takes: a tag has no digest, a manifest only the digest, a repository neither."""
    if target.tag and ":" not in target.tag:
        return Scope.TAG
    return Scope.MANIFEST if target.digest else Scope.REPOSITORY


def dump(events: list[dict[str, Any]]) -> bytes:
    """An envelope as distribution writes it: three spaces of indent, no newline at the end, UTF-8."""
    return envelope([dump_event(event) for event in events])


def dump_event(event: Mapping[str, Any]) -> bytes:
    """An event as it stands in an envelope."""
    return _dumped(event, " " * 6).encode("utf-8", "backslashreplace")


def _dumped(value: Any, margin: str) -> str:
    """As `json.dumps` with `indent=3` would write it, which does so in Python, value by value, ten times slower."""
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, dict) and value:
        inner = margin + "   "
        members = [f"{inner}{encode_basestring(name)}: {_dumped(one, inner)}" for name, one in value.items()]
        return "{\n" + ",\n".join(members) + f"\n{margin}}}"
    if isinstance(value, list) and value:
        inner = margin + "   "
        return "[\n" + ",\n".join([f"{inner}{_dumped(one, inner)}" for one in value]) + f"\n{margin}]"
    return str(value) if type(value) is int else json.dumps(value)


def envelope(events: Sequence[bytes]) -> bytes:
    """An envelope of events that are dumped."""
    return b'{\n   "events": [\n      ' + b",\n      ".join(events) + b"\n   ]\n}"


def count(dumped: bytes) -> int:
    """How many events are in an envelope of ours."""
    return dumped.count(b"\n      {")


def with_ours(event: bytes, ours: Mapping[str, object]) -> bytes:
    """A dumped event with what only we tell."""
    told = json.dumps({"tagtrail": ours}, ensure_ascii=False).encode("utf-8", "backslashreplace")
    return event[:-1].rstrip() + b",\n         " + told[1:-1] + b"\n      }"


def timestamp(time_ns: int) -> str:
    """A moment as Go prints it (RFC3339Nano)."""
    return rfc3339_nano(time_ns)


DIALECT = Dialect(read, _recognises)

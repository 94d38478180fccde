"""The envelopes of docker/CNCF distribution, v1 (all of 2.x) and v2 (3.x), which our own registry sends too.

Facts of the format: an envelope may hold many events and holds one in practice; v3 sends `""` and `0` for what is
absent; a tag delete has no digest, a manifest delete has only the digest, a repository delete neither; a blob delete
looks like a manifest delete, which is harmless: no tag points to a blob.
"""

import json
from json import JSONDecodeError
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from app.domain.digests import is_digest
from app.domain.events import Report, Scope
from app.domain.text import storable
from app.domain.times import parse_rfc3339, rfc3339_nano
from app.envelopes.slices import NotAnEnvelopeError, members

MEDIA_TYPE = "application/vnd.docker.distribution.events.v2+json"

MAX_KEY_BYTES = 1024
"""Longest repository or tag that becomes a key: an index row of PostgreSQL holds 2,700 bytes."""
MAX_TEXT = 2048
"""Characters kept of what is not a key; the event's own bytes keep all of it."""
_INT64 = 2**63


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Target(_Wire):
    mediaType: str | None = None  # noqa: N815 - the wire's own spelling
    digest: str | None = None
    size: int | None = None
    repository: str | None = None
    fromRepository: str | None = None  # noqa: N815 - the wire's own spelling
    tag: str | None = None


class _Request(_Wire):
    id: str | None = None
    addr: str | None = None
    host: str | None = None
    method: str | None = None
    useragent: str | None = None


class _Actor(_Wire):
    name: str | None = None


class _Source(_Wire):
    addr: str | None = None
    instanceID: str | None = None  # noqa: N815 - the wire's own spelling


class _Extension(_Wire):
    sequence: int | None = None


class _Event(_Wire):
    id: str | None = None
    timestamp: str | None = None
    action: str
    target: _Target
    request: _Request | None = None
    actor: _Actor | None = None
    source: _Source | None = None
    tagtrail: _Extension | None = None


class _FaultError(ValueError):
    """One event can't be read; the text says why."""


def parse(body: bytes) -> tuple[list[Report], list[str]]:
    """The events that could be read, and a line for each that couldn't."""
    try:
        found = members(body.decode("utf-8"), "events")
    except UnicodeDecodeError as error:
        return [], [f"not UTF-8: byte {error.start}"]
    except JSONDecodeError as error:
        return [], [f"not JSON: {error.msg} at character {error.pos}"]
    except (RecursionError, ValueError) as error:
        kind = "not an envelope" if isinstance(error, NotAnEnvelopeError) else "not readable JSON"
        return [], [f"{kind}: {str(error)[:200]}"]
    reports, faults = [], []
    for ordinal, (text, value) in enumerate(found):
        try:
            reports.append(_report(text, value))
        except _FaultError as error:
            faults.append(f"event {ordinal}: {error}")
    return reports, faults


def _report(text: str, value: object) -> Report:
    try:
        event = _Event.model_validate(_storable(value) if "\\u" in text else value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _FaultError(f"{where}: {first['msg']}" if where else first["msg"]) from None
    except RecursionError:
        raise _FaultError("nested too deep") from None
    return _read(text.encode("utf-8"), event)


def _storable(value: object) -> object:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {storable(key): _storable(item) for key, item in value.items()}
    return value


def _read(raw: bytes, event: _Event) -> Report:
    target, request, source = event.target, event.request or _Request(), event.source or _Source()
    if not event.action:
        raise _FaultError("action: is missing")
    repository = _key("repository", target.repository)
    if repository is None:
        raise _FaultError("target.repository: is missing")
    tag, digest, spoilt = _what(target)
    host, host_flags = _cut("host", request.host)
    actor, actor_flags = _cut("actor", event.actor.name if event.actor else None)
    return Report(
        raw=raw,
        action=event.action[:32],
        scope=_scope(event.action, tag, digest, bool(spoilt)),
        repository=repository,
        id=_key("id", event.id, 255),
        time_ns=parse_rfc3339(event.timestamp) if event.timestamp else None,
        host=host,
        tag=tag,
        digest=digest,
        media_type=_text(target.mediaType),
        size=_int64(target.size),
        from_repository=_text(target.fromRepository),
        actor=actor,
        request_id=_text(request.id),
        request_addr=_text(request.addr),
        request_method=_text(request.method),
        user_agent=_text(request.useragent),
        source_addr=_text(source.addr),
        source_instance=_text(source.instanceID),
        sequence=_int64(event.tagtrail.sequence) if event.tagtrail else None,
        flags=(*spoilt, *host_flags, *actor_flags),
    )


def _what(target: _Target) -> tuple[str | None, str | None, tuple[str, ...]]:
    """Tag and digest, each None where it is missing or is none, and a flag for each that is none."""
    flags: tuple[str, ...] = ()
    tag, digest = _key("tag", target.tag), target.digest or None
    if tag is not None and ":" in tag:
        tag, flags = None, ("tag-is-digest",)
    if digest is not None and not (len(digest) < 256 and is_digest(digest)):
        digest, flags = None, (*flags, "bad-digest")
    return tag, digest, flags


def _scope(action: str, tag: str | None, digest: str | None, spoilt: bool) -> Scope | None:
    """What the event can change. Nothing where a field that says so was spoilt: no wide delete by mistake."""
    if action == "push" and tag and digest:
        return Scope.TAG
    if action != "delete":
        return None
    if tag:
        return Scope.TAG
    if spoilt:
        return None
    return Scope.MANIFEST if digest else Scope.REPOSITORY


def _key(name: str, text: str | None, most: int = MAX_KEY_BYTES) -> str | None:
    """`text` if it may be part of a key; None where it is empty. A longer one can't be indexed, so it is a fault."""
    if not text:
        return None
    if len(text.encode("utf-8")) > most:
        raise _FaultError(f"{name}: is longer than {most} bytes")
    return text


def _cut(name: str, text: str | None) -> tuple[str | None, tuple[str, ...]]:
    """As much of `text` as can be indexed, and a flag if that isn't all: a client chose it, and must not hide by it."""
    if not text or len(text.encode("utf-8")) <= MAX_KEY_BYTES:
        return text or None, ()
    return text.encode("utf-8")[:MAX_KEY_BYTES].decode("utf-8", "ignore"), (f"{name}-cut",)


def _text(text: str | None) -> str | None:
    return text[:MAX_TEXT] if text else None


def _int64(number: int | None) -> int | None:
    return number if number and 0 < number < _INT64 else None


def dump(events: list[dict[str, Any]]) -> bytes:
    """An envelope as distribution writes it: three spaces of indent, no newline at the end, UTF-8."""
    return json.dumps({"events": events}, indent=3, ensure_ascii=False).encode("utf-8", "surrogatepass")


def timestamp(time_ns: int) -> str:
    """A moment as Go prints it (RFC3339Nano)."""
    return rfc3339_nano(time_ns)

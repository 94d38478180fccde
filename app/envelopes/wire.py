"""What every dialect needs: JSON from bytes, models checked, and a report that the databases can hold."""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from app.domain.digests import is_digest
from app.domain.events import Numbers, Report, Scope
from app.domain.text import storable
from app.envelopes.reading import Reading, Received

MAX_KEY_BYTES = 1024
"""Longest repository or tag that becomes a key: an index row of PostgreSQL holds 2,700 bytes."""
MAX_ID_BYTES = 255
MAX_TEXT = 2048
"""Characters kept of what is not a key; the event's own bytes keep all of it."""
MOST_KEPT = 16 * 1024 * 1024
"""Bytes that the events of a body which is told as a whole may take: each of them keeps all of it."""
_INT64 = 2**63


class Wire(BaseModel):
    """A part of a body as its sender spells it. Unknown fields are passed over: senders add some with each version."""

    model_config = ConfigDict(extra="ignore")


class FaultError(ValueError):
    """Something can't be read; the text says why, in one line."""


Model = TypeVar("Model", bound=BaseModel)


def decoded(body: bytes) -> str:
    """The text of a body. Raises FaultError."""
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FaultError(f"not UTF-8: byte {error.start}") from None


def value_of(body: bytes) -> object:
    """The JSON value of a body, with its texts made storable. Raises FaultError."""
    text = decoded(body)
    try:
        value: object = json.loads(text)
        return _storable(value) if "\\u" in text else value
    except json.JSONDecodeError as error:
        raise FaultError(f"not JSON: {error.msg} at character {error.pos}") from None
    except (RecursionError, ValueError) as error:
        raise FaultError(f"not readable JSON: {str(error)[:200]}") from None


def storable_value(value: object, text: str) -> object:
    """`value` with its texts made storable; `text` is its source. Raises FaultError."""
    try:
        return _storable(value) if "\\u" in text else value
    except RecursionError:
        raise FaultError("nested too deep") from None


def checked(model: type[Model], value: object) -> Model:
    """`value` as `model`. Raises FaultError that names the field."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FaultError(f"{where}: {first['msg']}" if where else first["msg"]) from None
    except RecursionError:
        raise FaultError("nested too deep") from None


def _storable(value: object) -> object:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {storable(key): _storable(item) for key, item in value.items()}
    return value


@dataclass(frozen=True, slots=True)
class Said:
    """What a sender says of one event, in storable text of any length; `report` makes keys and cuts of it.

    `repository` None or empty: the event is about none (a ping, a quota). `deletes` is the dialect's word for how far a
    delete reaches. `ordinal` counts the events of a body that has one id, or none, for several. For the rest see
    `app.domain.events.Report`.
    """

    action: str
    repository: str | None = None
    tag: str | None = None
    digest: str | None = None
    deletes: Scope | None = None
    id: str | None = None
    ordinal: int | None = None
    time_ns: int | None = None
    host: str | None = None
    media_type: str | None = None
    size: int | None = None
    from_repository: str | None = None
    actor: str | None = None
    request_id: str | None = None
    request_addr: str | None = None
    request_method: str | None = None
    user_agent: str | None = None
    source_addr: str | None = None
    source_instance: str | None = None
    sequence: int | None = None
    journal: str | None = None
    previous: int | None = None
    parked: tuple[Numbers, ...] = ()


def one_body(received: Received, told: Callable[[Received, object], Iterable[Said]]) -> Reading:
    """A body that is read as a whole or not at all; `told` finds what is said in its JSON, or raises FaultError."""
    try:
        said = list(told(received, value_of(received.body)))
        check_copies(received.body, len(said))
        return Reading(tuple(report(received.body, placed(one)) for one in said))
    except FaultError as error:
        return Reading(faults=(str(error),))


def body_id(received: Received) -> str:
    """The id of an event whose sender gives one in a header alone, which no signature of the body covers: else whoever
    has a signed body could send it again as another event (issue 3).
    """
    return f"sha256:{hashlib.sha256(received.body).hexdigest()}"


def check_copies(body: bytes, events: int) -> None:
    """Raises FaultError where `events` copies of `body` are more than is kept for one request."""
    if events > 1 and events * len(body) > MOST_KEPT:
        raise FaultError(f"{events} events at once are too many for a body of {len(body)} bytes")


def placed(said: Said) -> Said:
    """`said` itself, unless it is about content and names no repository: then nothing can be made of it. FaultError."""
    if said.action in ("push", "pull", "mount", "delete") and not said.repository:
        raise FaultError("repository: is missing")
    return said


def report(raw: bytes, said: Said) -> Report:
    """What a sender said, fit to be stored. Raises FaultError where a key is too long, or the action is missing.

    What a delete names beside what it takes is left to `raw`: the digest of a tag, which history would take for a new
    one; the tag of a manifest, one of all that go with it.
    """
    if not said.action:
        raise FaultError("action: is missing")
    tag, digest, spoilt = _what(said)
    scope = _scope(said, tag, digest, bool(spoilt))
    if said.action == "delete" and scope is not None:
        tag, digest = (tag, None) if scope is Scope.TAG else (None, digest)
    host, host_flags = _cut("host", said.host)
    actor, actor_flags = _cut("actor", said.actor)
    return Report(
        raw=raw,
        action=said.action[:32],
        scope=scope,
        repository=_key("repository", said.repository) or "",
        id=_key("id", said.id, MAX_ID_BYTES),
        ordinal=said.ordinal,
        time_ns=said.time_ns,
        host=host,
        tag=tag,
        digest=digest,
        media_type=_text(said.media_type),
        size=_int64(said.size),
        from_repository=_text(said.from_repository),
        actor=actor,
        request_id=_text(said.request_id),
        request_addr=_text(said.request_addr),
        request_method=_text(said.request_method),
        user_agent=_text(said.user_agent),
        source_addr=_text(said.source_addr),
        source_instance=_text(said.source_instance),
        sequence=_int64(said.sequence),
        journal=_key("journal", said.journal, MAX_ID_BYTES),
        previous=said.previous if said.previous == 0 else _int64(said.previous),
        parked=tuple(one for one in said.parked if 0 <= one.after < one.upto < _INT64),
        flags=(*spoilt, *host_flags, *actor_flags),
    )


def _what(said: Said) -> tuple[str | None, str | None, tuple[str, ...]]:
    """Tag and digest, each None where it is missing or is none, and a flag for each that is none."""
    flags: tuple[str, ...] = ()
    tag, digest = _key("tag", said.tag), said.digest or None
    if tag is not None and ":" in tag:
        tag, flags = None, ("tag-is-digest",)
    if digest is not None and not (len(digest) < 256 and is_digest(digest)):
        digest, flags = None, (*flags, "bad-digest")
    return tag, digest, flags


def _scope(said: Said, tag: str | None, digest: str | None, spoilt: bool) -> Scope | None:
    """What the event can change. Nothing where a field that says so was spoilt: no wide delete by mistake."""
    if said.action == "push" and said.repository and tag and digest:
        return Scope.TAG
    if said.action != "delete" or not said.repository:
        return None
    match said.deletes:
        case Scope.TAG:
            return Scope.TAG if tag else None
        case Scope.MANIFEST:
            return Scope.MANIFEST if digest and not spoilt else None
        case Scope.REPOSITORY:
            return None if spoilt else Scope.REPOSITORY
    return None


def _key(name: str, text: str | None, most: int = MAX_KEY_BYTES) -> str | None:
    """`text` if it may be part of a key; None where it is empty. A longer one can't be indexed, so it is a fault."""
    if not text:
        return None
    if len(text.encode("utf-8")) > most:
        raise FaultError(f"{name}: is longer than {most} bytes")
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

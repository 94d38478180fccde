"""Google Artifact Registry and Container Registry, through a push subscription of Pub/Sub.

Facts of the format: the message is in base64 inside a wrapper, or is the body itself ("payload unwrapping"; id and time
are then headers, if the subscription writes metadata). `tag` and `digest` are whole references, host and path included;
a delete of a tag has no digest. Pub/Sub repeats a message with the same id in another wrapper (`deliveryAttempt`),
so the bytes of an event are those of its message.
"""

import binascii
from base64 import b64decode
from dataclasses import dataclass

from pydantic import AliasChoices, Field

from app.domain.events import Report, Scope
from app.domain.times import parse_rfc3339
from app.envelopes.reading import Dialect, Reading, Received
from app.envelopes.wire import FaultError, Said, Wire, checked, report, value_of
from app.envelopes.words import word

_ID, _TIME = "x-goog-pubsub-message-id", "x-goog-pubsub-publish-time"
_ACTIONS = {"INSERT": "push", "DELETE": "delete"}


class _Message(Wire):
    data: str
    id: str | None = Field(None, validation_alias=AliasChoices("messageId", "message_id"))
    time: str | None = Field(None, validation_alias=AliasChoices("publishTime", "publish_time"))


class _Wrapper(Wire):
    message: _Message


class _Event(Wire):
    action: str
    tag: str | None = None
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class _Opened:
    raw: bytes
    event: _Event
    id: str | None
    time: str | None


@dataclass(frozen=True, slots=True)
class _Place:
    host: str
    repository: str


def read(received: Received) -> Reading:
    try:
        return Reading((_report(_opened(received, value_of(received.body))),))
    except FaultError as error:
        return Reading(faults=(str(error),))


def _opened(received: Received, value: object) -> _Opened:
    if not isinstance(value, dict) or "message" not in value:
        return _Opened(received.body, checked(_Event, value), received.header(_ID), received.header(_TIME))
    message = checked(_Wrapper, value).message
    try:
        raw = b64decode(message.data, validate=True)
    except (binascii.Error, ValueError):
        raise FaultError("message.data: is not base64") from None
    return _Opened(raw, checked(_Event, value_of(raw)), message.id, message.time)


def _report(opened: _Opened) -> Report:
    event = opened.event
    places, tag = [], None
    if event.tag:
        place, tag = _reference("tag", event.tag, ":")
        places.append(place)
    digest = None
    if event.digest:
        place, digest = _reference("digest", event.digest, "@")
        places.append(place)
    if not places or places[0] != places[-1]:
        raise FaultError("tag and digest name two repositories" if places else "neither tag nor digest is given")
    said = Said(
        action=_ACTIONS.get(event.action) or word(event.action),
        repository=places[0].repository,
        tag=tag,
        digest=digest,
        deletes=Scope.TAG if tag else Scope.MANIFEST,
        id=opened.id,
        time_ns=parse_rfc3339(opened.time) if opened.time else None,
        host=places[0].host,
    )
    return report(opened.raw, said)


def _reference(name: str, text: str, mark: str) -> tuple[_Place, str]:
    """Where `text` (HOST/PATH, mark, what is there) points, and to what. Raises FaultError."""
    path, marked, what = text.rpartition(mark)
    host, slash, repository = path.partition("/")
    if not (marked and slash and host and repository and what) or "/" in what:
        raise FaultError(f"{name}: is no reference such as us-docker.pkg.dev/project/repository/name{mark}…")
    return _Place(host, repository), what


def _recognises(received: Received, value: object) -> bool:
    try:
        event = _opened(received, value).event
    except FaultError:
        return False
    return event.action in _ACTIONS and bool(event.tag or event.digest)


DIALECT = Dialect(read, _recognises, (_ID, _TIME))

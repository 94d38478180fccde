"""CloudEvents 1.0 over HTTP: structured mode has all in its JSON, binary mode all but the data in headers."""

from dataclasses import dataclass

from app.domain.times import parse_rfc3339
from app.envelopes.reading import Received
from app.envelopes.wire import Wire, checked

HEADERS = ("ce-id", "ce-time", "ce-type")


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """`time_ns` is None where it is missing or no moment."""

    type: str
    id: str | None
    time_ns: int | None
    source: str | None
    data: object


class _Structured(Wire):
    type: str
    id: str | None = None
    time: str | None = None
    source: str | None = None
    data: object = None


def type_of(received: Received, value: object) -> str:
    """The type of the event, empty where this is none."""
    if isinstance(value, dict) and "specversion" in value:
        told = value.get("type")
        return told if isinstance(told, str) else ""
    return received.header("ce-type") or ""


def cloud_event(received: Received, value: object) -> CloudEvent:
    """What was received, of which `value` is the body's JSON, as an event. Raises FaultError."""
    if isinstance(value, dict) and "specversion" in value:
        event = checked(_Structured, value)
        return CloudEvent(event.type, event.id, _moment(event.time), event.source, event.data)
    time_ns = _moment(received.header("ce-time"))
    return CloudEvent(type_of(received, value), received.header("ce-id"), time_ns, None, value)


def _moment(text: str | None) -> int | None:
    return parse_rfc3339(text) if text else None

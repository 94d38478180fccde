"""Names events to which their source gave no id: the same bytes, sent again soon, are the same event (decision 3)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from app.domain.asking import lacks_digest
from app.domain.changes import ABSENT, TagKey
from app.domain.events import TIME_IMPLAUSIBLE, TIME_MISSING, Event, Scope
from app.store import events, tags
from app.store.engine import Connection

REPEAT_WITHIN_NS = 600 * 1_000_000_000
ASK_AFTER_NS = 1_000_000_000
"""How long a push without a digest is left alone: some registries tell of it before they write the tag."""

Told = Sequence[Sequence[Event]]
"""The events of each request."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a tag points, or ABSENT; since what moment something is known of it."""

    points_to: str
    last_ns: int


def name(connection: Connection, told: Told) -> list[list[Event]]:
    """`told` with an id for each event: of a repeat that of the event which it repeats.

    Where neither id nor time is told, bytes that came before are news if their tag has been moved since (JFrog: A, B
    and A again). Of the events of one request the last about a tag says where it is to be.
    """
    received = events.received(connection, _candidates(told))
    places = _places(connection, told, received)
    return [list(_named(connection, parcel, received, places)) for parcel in told]


def _named(
    connection: Connection,
    parcel: Sequence[Event],
    received: dict[tuple[str, str], int],
    places: dict[TagKey, _Place],
) -> Iterator[Event]:
    moved = _moved(parcel, places)
    for event in parcel:
        found = event
        if event.report.id is None:
            found = replace(event, event_id=_id(connection, event, received, moved))
            received.setdefault((event.origin, found.event_id), event.received_ns)
        if event.report.scope is Scope.TAG:
            places[_key(event)] = _Place(event.report.digest or ABSENT, event.time_ns)
        yield found


def _moved(parcel: Sequence[Event], places: Mapping[TagKey, _Place]) -> dict[TagKey, int]:
    """The tags that are not where `parcel` would have them, and since what moment."""
    wanted = {_key(event): event.report.digest or ABSENT for event in parcel if event.report.scope is Scope.TAG}
    return {
        key: places[key].last_ns for key, digest in wanted.items() if key in places and places[key].points_to != digest
    }


def _id(
    connection: Connection, event: Event, received: Mapping[tuple[str, str], int], moved: Mapping[TagKey, int]
) -> str:
    first = _first(event, received)
    if first is None:
        return f"{event.event_id}@{_span(event)}"
    since_ns = _moved_since(connection, event, moved) if _is_timeless(event) else None
    return first if since_ns is None else f"{event.event_id}@{since_ns}"


def _first(event: Event, received: Mapping[tuple[str, str], int]) -> str | None:
    """The id under which the same bytes came, if that is not long ago."""
    for given in _ids(event):
        came_ns = received.get((event.origin, given))
        if came_ns is not None and event.received_ns - came_ns <= _within_ns(event):
            return given
    return None


def _moved_since(connection: Connection, event: Event, moved: Mapping[TagKey, int]) -> int | None:
    """Since when what `event` tells is not so; None: it is so, or moves nothing."""
    match event.report.scope:
        case Scope.TAG:
            return moved.get(_key(event))
        case Scope.MANIFEST:
            return tags.last_moved_to(connection, event.registry, event.report.repository, event.report.digest or "")
    return None


def _candidates(told: Told) -> dict[str, set[str]]:
    ids: dict[str, set[str]] = {}
    for event in _anonymous(told):
        ids.setdefault(event.origin, set()).update(_ids(event))
    return ids


def _places(
    connection: Connection, told: Told, received: Mapping[tuple[str, str], int]
) -> dict[TagKey, _Place]:
    """Of the tags about which something may be a repeat."""
    doubtful = {
        _key(event)
        for event in _anonymous(told)
        if event.report.scope is Scope.TAG and _is_timeless(event) and _first(event, received)
    }
    return {key: _Place(state.points_to, state.last_ns) for key, state in tags.load(connection, doubtful).items()}


def _anonymous(told: Told) -> Iterator[Event]:
    return (event for parcel in told for event in parcel if event.report.id is None)


def _ids(event: Event) -> tuple[str, str]:
    """Under which the same bytes may have come, the older first."""
    span = _span(event)
    return f"{event.event_id}@{span - 1}", f"{event.event_id}@{span}"


def _span(event: Event) -> int:
    return event.received_ns // _within_ns(event)


def _within_ns(event: Event) -> int:
    """Two pushes of a tag look alike where neither digest nor time is told (Quay): what the registry is asked about the
    first, which is not before ASK_AFTER_NS, tells nothing of one that comes later.
    """
    return ASK_AFTER_NS if lacks_digest(event) and TIME_MISSING in event.flags else REPEAT_WITHIN_NS


def _is_timeless(event: Event) -> bool:
    return TIME_MISSING in event.flags or TIME_IMPLAUSIBLE in event.flags


def _key(event: Event) -> TagKey:
    return TagKey(event.registry, event.report.repository, event.report.tag or "")

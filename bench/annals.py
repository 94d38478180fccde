"""What comes of a made history: the rows of changes, tags, repositories, heard and origins, as ingest writes them.

One event after the other, each alone in its transaction. A test compares with what ingest wrote.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from app.domain.changes import ABSENT, Change, Kind, TagKey, TagState, fold, state_before
from app.domain.events import Order, Scope, TagEvent
from app.domain.fan_out import MAX_AGE_NS, NO_RULE, PENDING, first_outcome
from app.store import changes, tags
from bench.told import JOURNAL, JOURNALED, ORIGINS, Deed, event_id, scope

_BEGINNING_NS = -(2**62)
MOST_LATE_NS = 6 * 3600 * 10**9
"""No deed is received so long after it."""


@dataclass(slots=True)
class Line:
    """A row of changes. What was pending is long done: no rule wanted it."""

    change: Change
    fan_out: str
    recorded_ns: int
    altered_seq: int
    voided_by: str | None = None

    def row(self) -> dict[str, Any]:
        """As the table has it."""
        return changes.derived(self.change) | {
            "voided_by": self.voided_by, "fan_out": NO_RULE if self.fan_out == PENDING else self.fan_out,
            "recorded_ns": self.recorded_ns, "altered_seq": self.altered_seq,
        }


@dataclass(slots=True)
class Tag:
    state: TagState = field(default_factory=TagState)
    told: list[TagEvent] = field(default_factory=list)
    lines: dict[str, Line] = field(default_factory=dict)


@dataclass(slots=True)
class _Shelf:
    """A repository. `pointed`: by digest, the tags that were told to point to it; `deletes`: what took it away."""

    tags: dict[str, Tag] = field(default_factory=dict)
    pointed: dict[str, set[str]] = field(default_factory=dict)
    deletes: dict[str, list[TagEvent]] = field(default_factory=dict)


class Annals:
    def __init__(self) -> None:
        self._shelves: dict[tuple[str, str], _Shelf] = {}
        self._first: dict[tuple[str, str], tuple[int, int]] = {}
        self._origins: dict[str, list[int]] = {}
        self._number = 0

    def note(self, deed: Deed) -> None:
        name = (ORIGINS[deed.origin].registries[0], deed.repository)
        first = (deed.time_ns, deed.seq)
        if first < self._first.get(name, (2**63, 0)):
            self._first[name] = first
        tally = self._origins.setdefault(deed.origin, [0, 0])
        tally[0], tally[1] = tally[0] + 1, deed.received_ns
        self._number = deed.number or self._number
        reach = scope(deed)
        if reach is not None:
            self._fold(name, deed, reach)

    def present(self, key: TagKey) -> str | None:
        """The digest to which a tag points, as far as it was told."""
        shelf = self._shelves.get((key.registry, key.repository))
        tag = shelf and shelf.tags.get(key.tag)
        return tag.state.points_to if tag and tag.state.points_to != ABSENT else None

    def _fold(self, name: tuple[str, str], deed: Deed, reach: Scope) -> None:
        shelf = self._shelves.setdefault(name, _Shelf())
        order = Order(deed.time_ns, deed.number, event_id(deed.seq), deed.origin)
        event = TagEvent(order, reach, deed.tag, deed.digest, deed.actor)
        for tag_name in self._reached(shelf, event):
            tag = shelf.tags.setdefault(tag_name, Tag())
            if reach is Scope.TAG:
                tag.told.append(event)
            self._go_on(TagKey(*name, tag_name), (shelf, tag), event, deed)

    def _reached(self, shelf: _Shelf, event: TagEvent) -> list[str]:
        digest = event.digest or ""
        if event.scope is Scope.MANIFEST:
            shelf.deletes.setdefault(digest, []).append(event)
            return sorted(shelf.pointed.get(digest, ()))
        if digest:
            shelf.pointed.setdefault(digest, set()).add(event.tag or "")
        return [event.tag or ""]

    def _go_on(self, key: TagKey, where: tuple[_Shelf, Tag], event: TagEvent, deed: Deed) -> None:
        """Fold on from the present, or all again where the event comes before something that was told, or confirms."""
        shelf, tag = where
        was_last_ns = tag.state.last_ns if tag.state.seen else _BEGINNING_NS
        behind = (one.order for one in shelf.deletes.get(event.digest or "", ()) if one is not event)
        confirms = tag.state.points_to == ABSENT and event.digest is None
        if event.order.time_ns <= tag.state.last_ns or confirms or any(order >= event.order for order in behind):
            made = self._fold_again(key, where, event, deed)
        else:
            made, tag.state = fold(key, tag.state, [event])
        for change in made:
            self._write(tag, change, was_last_ns, deed)

    def _fold_again(self, key: TagKey, where: tuple[_Shelf, Tag], event: TagEvent, deed: Deed) -> list[Change]:
        """From the last change before it on."""
        shelf, tag = where
        start = _last_before(tag, event.order.time_ns)
        since_ns, state = (start.order.time_ns, state_before(start)) if start else (_BEGINNING_NS, TagState())
        own = _since(tag.told, since_ns)
        digests = {one.digest for one in own if one.digest} | {state.points_to}
        wide = (one for digest in digests for one in shelf.deletes.get(digest, ()) if one.order.time_ns >= since_ns)
        made, tag.state = fold(key, state, sorted((*own, *wide), key=lambda one: one.order))
        ids = {change.id for change in made}
        for line in _recent(tag.lines, since_ns):
            if line.change.order.time_ns >= since_ns and line.change.id not in ids:
                self._void(line, deed)
        return made

    def _void(self, line: Line, deed: Deed) -> None:
        if line.change.kind is not Kind.VOID:
            line.change = replace(line.change, kind=Kind.VOID)
            line.voided_by, line.altered_seq = event_id(deed.seq), deed.seq

    def _write(self, tag: Tag, change: Change, was_last_ns: int, deed: Deed) -> None:
        line = tag.lines.get(change.id)
        if line is None:
            outcome = first_outcome(change, tag.state, was_last_ns, deed.received_ns - MAX_AGE_NS)
            tag.lines[change.id] = Line(change, outcome, deed.received_ns, deed.seq)
        elif line.change != change:
            line.change, line.voided_by, line.altered_seq = change, None, deed.seq

    def changes(self) -> Iterator[dict[str, Any]]:
        for shelf in self._shelves.values():
            for tag in shelf.tags.values():
                yield from (line.row() for line in tag.lines.values())

    def tags(self) -> Iterator[dict[str, Any]]:
        for (registry, repository), shelf in self._shelves.items():
            for name, tag in shelf.tags.items():
                if tag.state.seen:
                    yield tags.derived(TagKey(registry, repository, name), tag.state)

    def repositories(self) -> Iterator[dict[str, Any]]:
        for (registry, repository), (first_ns, first_seq) in self._first.items():
            yield {"registry": registry, "repository": repository, "first_ns": first_ns, "first_seq": first_seq}

    def heard(self) -> Iterator[dict[str, Any]]:
        if self._number:
            yield {"origin": JOURNALED, "journal": JOURNAL, "after": 0, "upto": self._number}

    def origins(self) -> Iterator[dict[str, Any]]:
        for name, (events, last_ns) in self._origins.items():
            yield {"name": name, "events": events, "repeats": 0, "quarantined": 0, "last_received_ns": last_ns,
                   "ignored": 0}


def _recent(lines: dict[str, Line], since_ns: int) -> Iterator[Line]:
    """The last ones to be written, as far back as some may stand behind `since_ns`."""
    for line in reversed(lines.values()):
        if line.change.order.time_ns < since_ns - MOST_LATE_NS:
            return
        yield line


def _last_before(tag: Tag, time_ns: int) -> Change | None:
    valid = (line.change for line in _recent(tag.lines, time_ns) if line.change.kind is not Kind.VOID)
    before = max((one for one in valid if one.order.time_ns < time_ns), key=lambda one: one.order, default=None)
    return before or next((
        line.change for line in reversed(tag.lines.values())
        if line.change.order.time_ns < time_ns and line.change.kind is not Kind.VOID
    ), None)  # fmt: skip


def _since(told: list[TagEvent], since_ns: int) -> list[TagEvent]:
    found = []
    for one in reversed(told):
        if one.order.time_ns < since_ns - MOST_LATE_NS:
            break
        if one.order.time_ns >= since_ns:
            found.append(one)
    return found

"""A repository's changes and tags, as they are written beside what its stored events give."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.domain.changes import ABSENT, Change, Kind, TagKey, TagState, change_id
from app.domain.events import TagEvent
from app.domain.refold import refold
from app.domain.text import printable
from app.store import changes, events, repositories, tags
from app.store.engine import Connection

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """A row that isn't what it was. `what`: changed, removed or added; `columns` are those that differ, if known."""

    table: str
    key: str
    what: str
    columns: tuple[str, ...] = ()

    def __str__(self) -> str:
        about = f" ({', '.join(self.columns)})" if self.columns else ""
        return printable(f"{self.table} {self.key}: {self.what}{about}")


@dataclass(slots=True)
class Differences:
    """What would have to be written so that the rows are what the events give.

    `changes` and `tags`: rows that are missing or wrong, as they should be. `no_changes` and `no_tags`: rows that no
    event gives. `first`: time and seq of the repository's earliest event, if something else is written; `is_untold`:
    something is, and there is no event. `findings` say the same for people.
    """

    name: tuple[str, str]
    changes: dict[str, Change] = field(default_factory=dict)
    no_changes: list[str] = field(default_factory=list)
    tags: dict[TagKey, TagState] = field(default_factory=dict)
    no_tags: list[TagKey] = field(default_factory=list)
    first: tuple[int, int] | None = None
    is_untold: bool = False
    findings: list[Finding] = field(default_factory=list)


def compare(connection: Connection, registry: str, repository: str) -> Differences:
    """A void change is none of the fold's: it has to be of a stored event, and what voided it is stored too."""
    told = events.of_repository(connection, registry, repository)
    found = Differences((registry, repository))
    written = dict(changes.of_repository(connection, registry, repository))
    standing = dict(tags.of_repository(connection, registry, repository))
    for key, (made, state) in refold(registry, repository, told):
        for change in made:
            _compare_change(found, change, written.pop(change.id, None))
        if state.seen:
            _compare_tag(found, key, state, standing.pop(key, None))
    for identity in _not_void(written, told):
        found.no_changes.append(identity)
        found.findings.append(Finding("changes", identity, "added"))
    for key in standing:
        found.no_tags.append(key)
        found.findings.append(Finding("tags", _named(key), "added"))
    _compare_first(connection, found)
    return found


def _compare_first(connection: Connection, found: Differences) -> None:
    """What is written may be an earlier event than all that are there: one that was taken out."""
    written, told = repositories.written_first(connection, found.name), repositories.told_first(connection, found.name)
    was_first = written is not None and (told is None or written < told)
    if written is not None and was_first and written[1] > 0 and not events.is_there(connection, written[1]):
        return
    if written != told:
        found.first, found.is_untold = told, told is None
        what = "removed" if written is None else "added" if told is None else "changed"
        found.findings.append(Finding("repositories", "/".join(found.name), what))


def _compare_change(found: Differences, change: Change, row: Row | None) -> None:
    columns = _differing(changes.derived(change), row)
    if row is None or columns:
        found.changes[change.id] = change
        found.findings.append(Finding("changes", change.id, "changed" if row else "removed", columns))


def _compare_tag(found: Differences, key: TagKey, state: TagState, row: Row | None) -> None:
    columns = _differing(tags.derived(key, state), row)
    if row is None or columns:
        found.tags[key] = state
        found.findings.append(Finding("tags", _named(key), "changed" if row else "removed", columns))


def _differing(wanted: Row, row: Row | None) -> tuple[str, ...]:
    return tuple(name for name, value in wanted.items() if row is not None and row[name] != value)


def _named(key: TagKey) -> str:
    return f"{key.registry}/{key.repository}:{key.tag}"


def _not_void(rows: Mapping[str, Row], told: Collection[TagEvent]) -> Iterator[str]:
    """The ids of those `rows` that a late event can't have left behind."""
    by_identity = {(event.order.origin, event.order.event_id): event for event in told}
    ids = {event.order.event_id for event in told}
    for identity, row in rows.items():
        event = by_identity.get((row["origin"], row["event_id"]))
        if event is None or row["voided_by"] not in ids or not _could_be_void(row, event):
            yield identity


def _could_be_void(row: Row, event: TagEvent) -> bool:
    key = TagKey(row["registry"], row["repository"], row["tag"])
    order = event.order
    return (row["kind"], row["id"], row["time_ns"], row["sequence"], row["after"], row["actor"]) == (
        Kind.VOID.value, change_id(key, order), order.time_ns, order.sequence,
        (event.digest or ABSENT) if event.tag else ABSENT, event.actor,
    )

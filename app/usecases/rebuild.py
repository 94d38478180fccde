"""Writes changes and tags as the stored events give them; starts nothing (DESIGN decision 9)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.domain.changes import Change
from app.domain.fan_out import DONE, REBUILT
from app.store import changes, deliveries, events, head, repositories, tags
from app.store.actions import Action
from app.store.changes import Remembered
from app.store.engine import Connection, Engine, reading, writing
from app.usecases.compare import Differences, Finding, compare
from app.usecases.note_action import note_action

BATCH = 1000


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How many repositories were folded, and what was found and (unless dry) put right."""

    repositories: int
    findings: tuple[Finding, ...]


def rebuild(engine: Engine, actor: str, progress: Callable[[int, int], None], *, dry_run: bool = False) -> Rebuilt:
    """A repository at a time, each in a transaction: one that was stopped is simply begun again.

    A line that is there keeps when it was recorded, what became of its fan-out and its deliveries; so does one that
    was deleted, as far as its event and its deliveries tell.
    """
    with reading(engine) as connection:
        names = repositories.all_names(connection)
    findings: list[Finding] = []
    strays: list[tuple[str, str]] = []
    for done, name in enumerate(names, 1):
        found = _fold(engine, name, None if dry_run else _put_right)
        findings += found.findings
        if found.no_changes or found.no_tags or found.is_untold:
            strays.append(name)
        progress(done, len(names))
    if not dry_run:
        for name in strays:  # last: a row under the wrong name may have been another repository's
            _fold(engine, name, _remove_strays)
        if findings:
            note_action(engine, Action(actor, "audit.rebuild", "history", {"rows": len(findings)}))
    return Rebuilt(len(names), tuple(findings))


def _fold(
    engine: Engine, name: tuple[str, str], write: Callable[[Connection, Differences], None] | None
) -> Differences:
    with writing(engine) as connection:
        head.lock(connection)
        found = compare(connection, *name)
        if write is not None and found.findings:
            write(connection, found)
    return found


def _put_right(connection: Connection, found: Differences) -> None:
    kept = changes.remembered(connection, found.changes)
    kept |= _recalled(connection, [change for change in found.changes.values() if change.id not in kept])
    changes.remove(connection, found.changes)
    changes.write(connection, [(change, kept[change.id]) for change in found.changes.values()])
    tags.save(connection, found.tags)
    if found.first is not None:
        repositories.put(connection, found.name, found.first)


def _remove_strays(connection: Connection, found: Differences) -> None:
    changes.remove(connection, found.no_changes)
    tags.remove(connection, found.no_tags)
    if found.is_untold:
        repositories.remove(connection, found.name)


def _recalled(connection: Connection, lost: Sequence[Change]) -> dict[str, Remembered]:
    """By id of a line that was deleted, what it held, as far as its event and its deliveries tell."""
    told: set[str] = set()
    for at in range(0, len(lost), BATCH):
        ids = [change.id for change in lost[at : at + BATCH]]
        told |= {subject for subject, _destination in deliveries.told_already(connection, ids)}
    return {
        change.id: Remembered(DONE if change.id in told else REBUILT, *_written(connection, change)) for change in lost
    }


def _written(connection: Connection, change: Change) -> tuple[int, int]:
    """(when its event was received, the event's seq): so old that nobody is sent the line anew."""
    return events.place(connection, change.order.origin, change.order.event_id)

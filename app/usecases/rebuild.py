"""Writes changes and tags as the stored events give them; starts nothing (DESIGN decision 9)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.domain.changes import Change
from app.domain.fan_out import DONE, REBUILT
from app.store import actions, changes, deliveries, events, head, repositories, tags
from app.store.actions import Action
from app.store.engine import Connection, Engine, reading, writing
from app.usecases.compare import Differences, Finding, compare

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
    for done, (registry, repository) in enumerate(names, 1):
        with writing(engine) as connection:
            head.lock(connection)
            found = compare(connection, registry, repository)
            if not dry_run and found.findings:
                _write(connection, found)
        findings += found.findings
        progress(done, len(names))
    if findings and not dry_run:
        with writing(engine) as connection:
            detail = {"repositories": len(names), "rows": len(findings)}
            actions.add(connection, Action(actor, "audit.rebuild", "history", detail))
    return Rebuilt(len(names), tuple(findings))


def _write(connection: Connection, found: Differences) -> None:
    kept = changes.remembered(connection, found.changes)
    kept |= _recalled(connection, [change for change in found.changes.values() if change.id not in kept])
    changes.remove(connection, [*found.changes, *found.no_changes])
    changes.write(connection, [(change, *kept[change.id]) for change in found.changes.values()])
    tags.save(connection, found.tags)
    tags.remove(connection, found.no_tags)


def _recalled(connection: Connection, lost: Sequence[Change]) -> dict[str, tuple[str, int]]:
    """By id of a line that was deleted, what became of its fan-out and when it was recorded, as far as can be told."""
    told: set[str] = set()
    for at in range(0, len(lost), BATCH):
        ids = [change.id for change in lost[at : at + BATCH]]
        told |= {subject for subject, _destination in deliveries.told_already(connection, ids)}
    return {
        change.id: (DONE if change.id in told else REBUILT, _recorded(connection, change)) for change in lost
    }


def _recorded(connection: Connection, change: Change) -> int:
    received_ns = events.received_at(connection, change.order.origin, change.order.event_id)
    return change.order.time_ns if received_ns is None else received_ns

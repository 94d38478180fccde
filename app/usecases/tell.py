"""What changes and events say, as messages tell it."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.changes import Change
from app.domain.events import Event
from app.domain.fan_out import PENDING, outcome_now
from app.domain.platforms import platforms_of
from app.domain.rules import PULLED
from app.domain.told import Told
from app.domain.traces import root, trace_id
from app.store import changes, events, tags
from app.store.engine import Connection
from app.store.events import Caused
from app.store.outbox import DELIVERY, EVENT
from app.usecases.tell_deploys import tell_deploys


@dataclass(frozen=True, slots=True)
class Telling:
    """What `subject`, a change's id, event:SEQ or delivery:ID:STATUS, tells.

    `outcome`: PENDING, or why nothing is done. `rules`: of the end of a deploy, those that had led to it.
    """

    subject: str
    told: Told
    outcome: str
    rules: tuple[str, ...] = ()


def tell(connection: Connection, subjects: Sequence[str], too_old_before_ns: int) -> list[Telling]:
    """What each of `subjects` tells that is there, in their order."""
    found = changes.get(connection, [subject for subject in subjects if not subject.startswith((EVENT, DELIVERY))])
    present = tags.load(connection, {change.key for change in found.values()})
    causes = events.causes(connection, [(change.order.origin, change.order.event_id) for change in found.values()])
    pulls = events.by_seq(connection, [int(subject[6:]) for subject in subjects if subject.startswith("event:")])
    ends = tell_deploys(connection, [subject for subject in subjects if subject.startswith(DELIVERY)])
    told = []
    for subject in subjects:
        if subject in found:
            change = found[subject]
            outcome = outcome_now(change, present.get(change.key), too_old_before_ns)
            cause = causes.get((change.order.origin, change.order.event_id))
            told.append(Telling(subject, told_of(change, cause), outcome))
        elif subject.startswith("event:") and int(subject[6:]) in pulls:
            told.append(Telling(subject, _pulled(pulls[int(subject[6:])]), PENDING))
        elif subject in ends:
            end, rules = ends[subject]
            told.append(Telling(subject, end, PENDING, rules))
    return told


def told_of(change: Change, cause: Caused | None) -> Told:
    """What a change tells, with what its event says beside (None: that is no longer known)."""
    return Told(
        change_id=change.id,
        kind=change.kind.value,
        registry=change.key.registry,
        repository=change.key.repository,
        tag=change.key.tag,
        before=change.before,
        after=change.after,
        actor=change.actor,
        origin=change.order.origin,
        time_ns=change.order.time_ns,
        rule="",
        event_id=change.order.event_id,
        link=None,
        media_type=cause.media_type if cause else None,
        provenance=change.provenance.value,
        action=cause.action if cause else None,
        platforms=platforms_of(cause.raw) if cause else None,
        trace_id=trace_id(*root(change.order.origin, change.order.event_id, cause.raw if cause else None)),
    )


def _pulled(event: Event) -> Told:
    report = event.report
    digest = report.digest or "unknown"
    return Told(
        change_id=f"event:{event.seq}",
        kind=PULLED,
        registry=event.registry,
        repository=report.repository,
        tag=report.tag,
        before=digest,
        after=digest,
        actor=report.actor,
        origin=event.origin,
        time_ns=event.time_ns,
        rule="",
        event_id=event.event_id,
        link=None,
        media_type=report.media_type,
        action=report.action,
        platforms=platforms_of(report.raw),
        trace_id=trace_id(event.origin, event.event_id),
    )

"""From rows to the steps of a trace."""

from collections.abc import Sequence

from app.domain.fan_out import DONE, PENDING
from app.domain.times import rfc3339
from app.domain.traces import Step
from app.store.queries.deliveries import DeliveryStory
from app.store.queries.events import EventLine
from app.store.queries.paging import AnyRow

_FAN_OUT = {PENDING: "no worker has looked at the rules yet", DONE: "a rule sends it on"}


def heard(event: EventLine, link: str | None) -> list[Step]:
    """`link`: the start of what binds the event to all before it, None where nothing does."""
    who, where = event.actor or "unnamed", reference(event.registry, event.repository, event.tag)
    bound = f"with the link {link}" if link else "without a link"
    return [
        Step(event.action, f"{where} {event.digest or ''} by {who}, by the registry's clock", event.time_ns,
             event=event.seq),
        Step("received", f"from {event.origin}", event.received_ns, event=event.seq),
        Step("written", f"as event {event.seq}, {bound}", event=event.seq),
    ]  # fmt: skip


def asked(event: EventLine) -> Step:
    said = event.digest or f"no digest ({' '.join(event.flags)})"
    return Step("asked", f"the registry itself: {said}", event.received_ns, event=event.seq)


def recorded(change: AnyRow) -> list[Step]:
    where = reference(change.registry, change.repository, change.tag)
    void = f", void since event {change.voided_by}" if change.voided_by else ""
    return [
        Step("recorded", f"{change.kind} {where} {change.before} → {change.after}{void}", change.recorded_ns,
             change=change.id),
        Step("fan-out", _FAN_OUT.get(change.fan_out, change.fan_out), change=change.id),
    ]  # fmt: skip


def settling(waiting: AnyRow) -> Step:
    until = rfc3339(waiting.closes_ns, 3)
    text = f"{waiting.destination} waits until {until} for more; rule {waiting.rule}, text {waiting.rule_version}"
    return Step("settling", text, waiting.opened_ns, destination=waiting.destination)


def sent(story: DeliveryStory) -> Sequence[Step]:
    line = story.delivery
    again = f", again for {line.redelivery_of}" if line.redelivery_of else ""
    made = f"for {line.destination} by rule {line.rule}, text {line.rule_version}{again}"
    steps = [Step("made", made, line.made_ns)]
    for one in story.attempts:
        by_hand = "" if one.cause == "scheduled" else f" ({one.cause})"
        steps.append(Step("attempt", f"{one.detail}{by_hand}", one.started_ns, duration_ns=one.duration_ns))
    steps.append(Step(line.status, line.reason or _next(line.next_attempt_ns), _ended_ns(story)))
    return [_of(step, line.id, line.destination) for step in steps]


def _ended_ns(story: DeliveryStory) -> int | None:
    """When its last attempt ended, if that was what decided."""
    if story.delivery.status not in ("delivered", "dead") or not story.attempts:
        return None
    last = story.attempts[-1]
    return last.started_ns + last.duration_ns


def _next(next_attempt_ns: int | None) -> str:
    return f"next attempt at {rfc3339(next_attempt_ns, 3)}" if next_attempt_ns is not None else "for good"


def _of(step: Step, delivery: str, destination: str) -> Step:
    return Step(
        step.kind, step.text, step.time_ns, duration_ns=step.duration_ns, delivery=delivery, destination=destination
    )


def reference(registry: str, repository: str, tag: str | None) -> str:
    return f"{registry}/{repository}" + (f":{tag}" if tag is not None else "")

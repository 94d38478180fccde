"""Turns what changed into messages for destinations, by the rules (DESIGN decisions 9 and 12)."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from app.domain.changes import Change
from app.domain.deliveries import EXPIRES_NS
from app.domain.events import Event
from app.domain.fan_out import DONE, NO_RULE, PENDING, outcome_now
from app.domain.links import tag_page
from app.domain.rules import PULLED, Rule, mismatch
from app.domain.told import Told
from app.sinks.sink import Sink
from app.store import changes, deliveries, events, outbox, tags
from app.store.deliveries import Link, NewDelivery, TakenError
from app.store.engine import Connection, Engine, now_ns, writing

MOST_AT_ONCE = 200
TRIES = 3


@dataclass(frozen=True, slots=True)
class Fan:
    """The rules and what they lead to. `sinks` are by destination; `base_url` is where people reach the pages."""

    rules: Sequence[Rule]
    sinks: Mapping[str, Sink]
    base_url: str
    max_age_ns: int


def fan_out(engine: Engine, fan: Fan) -> set[str]:
    """Keep all promises that are due; the destinations for which there is something to deliver now."""
    destinations: set[str] = set()
    while True:
        taken, told = _one_batch(engine, fan)
        destinations |= told
        if taken < MOST_AT_ONCE:
            return destinations


def _one_batch(engine: Engine, fan: Fan) -> tuple[int, set[str]]:
    for attempt in range(TRIES):
        try:
            with writing(engine) as connection:
                return _keep(connection, fan)
        except TakenError:
            if attempt == TRIES - 1:
                raise
    raise AssertionError("unreachable")


def _keep(connection: Connection, fan: Fan) -> tuple[int, set[str]]:
    promises = outbox.take(connection, outbox.FAN_OUT, now_ns(connection), MOST_AT_ONCE)
    if not promises:
        return 0, set()
    subjects = list(dict.fromkeys(promise.subject for promise in promises))
    new, links, outcomes = _decide(connection, fan, subjects)
    deliveries.add(connection, new, links)
    changes.set_fan_out(connection, outcomes)
    outbox.kept(connection, promises)
    return len(promises), {one.destination for one in new}


def _decide(
    connection: Connection, fan: Fan, subjects: Sequence[str]
) -> tuple[list[NewDelivery], list[Link], list[tuple[str, str]]]:
    now = now_ns(connection)
    told_already = deliveries.told_already(connection, subjects)
    told_once = {subject for subject, _destination in told_already}
    new: list[NewDelivery] = []
    links: list[Link] = []
    outcomes: list[tuple[str, str]] = []
    for subject, told, provenance, outcome in _subjects(connection, subjects, now - fan.max_age_ns):
        for rule, destination in _matches(fan, told, provenance) if outcome == PENDING else ():
            if (subject, destination) in told_already:
                continue
            told_already.add((subject, destination))
            delivery = _delivery(fan, rule, destination, told, now + len(new))
            new.append(delivery)
            links.append(_link(subject, destination, delivery.id, told))
            told_once.add(subject)
        outcomes.append((subject, DONE if subject in told_once else NO_RULE if outcome == PENDING else outcome))
    return new, links, [(subject, outcome) for subject, outcome in outcomes if not subject.startswith("event:")]


def _subjects(
    connection: Connection, subjects: Sequence[str], too_old_before_ns: int
) -> list[tuple[str, Told, str, str]]:
    """(subject, what it tells, how it is known, what becomes of it) of each subject that is there."""
    found = changes.get(connection, [subject for subject in subjects if not subject.startswith("event:")])
    present = tags.load(connection, {change.key for change in found.values()})
    causes = events.media_types(connection, [(change.order.origin, change.order.event_id) for change in found.values()])
    pulls = events.by_seq(connection, [int(subject[6:]) for subject in subjects if subject.startswith("event:")])
    told = []
    for subject in subjects:
        if subject in found:
            change = found[subject]
            outcome = outcome_now(change, present.get(change.key), too_old_before_ns)
            media_type = causes.get((change.order.origin, change.order.event_id))
            told.append((subject, _told(change, media_type), change.provenance.value, outcome))
        elif subject.startswith("event:") and int(subject[6:]) in pulls:
            told.append((subject, _pulled(pulls[int(subject[6:])]), "observed", PENDING))
    return told


def _told(change: Change, media_type: str | None) -> Told:
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
        media_type=media_type,
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
    )


def _matches(fan: Fan, told: Told, provenance: str) -> list[tuple[Rule, str]]:
    """Each destination once, with the first rule that names it."""
    found: dict[str, Rule] = {}
    for rule in fan.rules:
        if mismatch(rule.when, told, provenance) is None:
            for destination in rule.destinations:
                found.setdefault(destination, rule)
    return [(rule, destination) for destination, rule in found.items()]


def _delivery(fan: Fan, rule: Rule, destination: str, told: Told, now: int) -> NewDelivery:
    link = tag_page(fan.base_url, told.registry, told.repository, told.tag) if told.tag else None
    message = fan.sinks[destination].render(replace(told, rule=rule.name, link=link))
    purpose = "deploy" if destination in rule.deploy else "alert"
    return NewDelivery(
        id=new_id(),
        destination=destination,
        purpose=purpose,
        rule=rule.name,
        rule_version=rule.version,
        content_type=message.content_type,
        body=message.body,
        made_ns=now,
        expires_ns=now + EXPIRES_NS[purpose],
    )


def new_id() -> str:
    """What the receiver sees as `webhook-id`: the same over all attempts."""
    return f"msg_{uuid.uuid4().hex}"


def _link(subject: str, destination: str, delivery_id: str, told: Told) -> Link:
    return Link(
        subject, destination, delivery_id, told.registry, told.repository, told.tag, told.kind, told.before, told.after
    )

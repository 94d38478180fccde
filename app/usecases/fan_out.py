"""Finds out which changes go where, by the rules (DESIGN decisions 9 and 12)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from app.domain import protected
from app.domain.deliveries import is_deploy
from app.domain.fan_out import DONE, NO_RULE, PENDING
from app.domain.rules import first_of_each, mismatch
from app.domain.settling import Member, Settle
from app.pausepoints import pause
from app.store import changes, deliveries, outbox, rule_texts, windows
from app.store.deliveries import TakenError
from app.store.engine import Connection, Engine, now_ns, writing
from app.store.windows import Place, Waiting
from app.usecases.fan import Fan
from app.usecases.tell import Telling, tell
from app.usecases.write_deliveries import write_at_once

MOST_AT_ONCE = 200
TRIES = 3


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
                done = _keep(connection, fan)
                pause("fan_out.before-commit")
        except TakenError:
            if attempt == TRIES - 1:
                raise
        else:
            pause("fan_out.committed")
            return done
    raise AssertionError("unreachable")


def _keep(connection: Connection, fan: Fan) -> tuple[int, set[str]]:
    now = now_ns(connection)
    promises = outbox.take(connection, outbox.FAN_OUT, now, MOST_AT_ONCE)
    if not promises:
        return 0, set()
    subjects = list(dict.fromkeys(promise.subject for promise in promises))
    told = tell(connection, subjects, now - fan.max_age_ns)
    taken = deliveries.told_already(connection, subjects) | windows.waiting_already(connection, subjects)
    found = [(destination, member) for one in told for destination, member in _members(fan, one)]
    led = {member.rule_version for _destination, member in found}
    rule_texts.keep(connection, {rule.version: rule.text for rule in fan.rules if rule.version in led})
    made = _send_on(
        connection, fan, [(where, member) for where, member in found if (member.subject, where) not in taken]
    )
    matched = {subject for subject, _where in taken} | {member.subject for _where, member in found}
    changes.set_fan_out(connection, [_outcome(one, matched) for one in told if _is_change(one)])
    outbox.kept(connection, promises)
    return len(promises), made


def _members(fan: Fan, telling: Telling) -> list[tuple[str, Member]]:
    """Each destination once, with what the first rule that names it sends there."""
    if telling.outcome != PENDING:
        return []
    if telling.told.deploy is not None:
        return _followers(fan, telling)
    told = telling.told
    matching = (rule for rule in fan.rules if mismatch(rule.when, told) is None)
    found = {
        destination: Member(telling.subject, told, rule.name, rule.version, PENDING)
        for destination, rule in first_of_each(matching).items()
    }
    return list((found | _alarmed(fan, telling)).items())


def _followers(fan: Fan, telling: Telling) -> list[tuple[str, Member]]:
    """The channels of the rules that deployed: one delivery may be for tags of several."""
    deploying = [rule for name in dict.fromkeys(telling.rules) if (rule := fan.rule(name))]
    return [
        (channel, Member(telling.subject, telling.told, rule.name, rule.version, PENDING))
        for channel, rule in first_of_each(replace(rule, deploy=()) for rule in deploying).items()
        if channel in fan.following
    ]


def _is_change(telling: Telling) -> bool:
    return not telling.subject.startswith((outbox.EVENT, outbox.DELIVERY))


def _alarmed(fan: Fan, telling: Telling) -> dict[str, Member]:
    """Before any rule, whom a tag that should not have moved is told to."""
    alarm = fan.protected
    if alarm is None or not alarm.alarms(telling.told):
        return {}
    return dict.fromkeys(alarm.alert, Member(telling.subject, telling.told, protected.RULE, alarm.version, PENDING))


def _outcome(telling: Telling, matched: set[str]) -> tuple[str, str]:
    if telling.subject in matched:
        return telling.subject, DONE
    return telling.subject, NO_RULE if telling.outcome == PENDING else telling.outcome


def _send_on(connection: Connection, fan: Fan, found: Sequence[tuple[str, Member]]) -> set[str]:
    """Have each wait in its window, or write its delivery where there is none; the destinations with deliveries."""
    now = now_ns(connection)
    at_once = [(where, member) for where, member in found if not _waits(fan, where, member)]
    write_at_once(connection, fan, at_once)
    for place, waiting in _by_place(one for one in found if _waits(fan, *one)).items():
        windows.join(connection, place, waiting, now, _settle(fan, place.destination))
    return {where for where, _member in at_once}


def _waits(fan: Fan, destination: str, member: Member) -> bool:
    if member.rule == protected.RULE:
        return False
    return destination in fan.limits or _settle(fan, destination).after_ns > 0


def _settle(fan: Fan, destination: str) -> Settle:
    return fan.settle.get(destination, Settle())


def _by_place(found: Iterable[tuple[str, Member]]) -> Mapping[Place, list[Waiting]]:
    """Sorted, so that two who open the same windows don't wait for each other."""
    places: dict[Place, list[Waiting]] = {}
    for where, member in found:
        place = Place(where, member.told.registry, member.told.repository) if is_deploy(where) else Place(where)
        places.setdefault(place, []).append(Waiting(member.subject, member.rule, member.rule_version))
    return dict(sorted(places.items(), key=lambda item: (item[0].destination, item[0].registry, item[0].repository)))

"""Says of one change what each rule makes of it, and what came of it (issue 4)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.domain.access import EVERYTHING, AccessScope
from app.domain.protected import RULE as PROTECTED
from app.domain.protected import Protected
from app.domain.rules import Rule, mismatch
from app.domain.told import Told
from app.store.engine import Connection
from app.store.outbox import DELIVERY, EVENT
from app.store.told import ToldWhere, told_where
from app.usecases.tell import tell

_NUMBER = re.compile("[0-9]{1,18}")
_PLACE = "(?:registry|origin|repository)"
_ELSEWHERE = re.compile(rf"(?:^|[:;] )(?:{_PLACE}: |expr: .*\b{_PLACE}\b)", re.DOTALL)
"""Why a rule is about other places names them, also in clauses that nest and in expressions."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule, as it is now, says of a change: `mismatch` is the first clause that does not hold, and why.

    The alarm of protected tags, which comes before all rules, is one called `protected`.
    """

    rule: str
    version: str
    matches: bool
    mismatch: str | None
    destinations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """`outcome`: pending while it is its tag's present, else why no rule is asked any more."""

    change: Told
    outcome: str
    rules: tuple[Verdict, ...]
    told: tuple[ToldWhere, ...]


def explain(
    connection: Connection, rules: Sequence[Rule], subject: str, alarm: Protected | None = None
) -> Explanation | None:
    """Of a change's id, or event:SEQ; None for one that is not there. `alarm`: where there is somebody to alarm."""
    if not _may_be(subject):
        return None
    telling = next(iter(tell(connection, [subject], 0)), None)
    if telling is None or (subject.startswith(EVENT) and telling.told.action != "pull"):
        return None
    alarming = [_alarming(alarm, telling.told)] if alarm else []
    verdicts = (*alarming, *(_verdict(rule, telling.told) for rule in rules))
    return Explanation(telling.told, telling.outcome, verdicts, tuple(told_where(connection, subject)))


def _may_be(subject: str) -> bool:
    """Whether it could be the id of a change, or the number of an event."""
    if subject.startswith(EVENT):
        return _NUMBER.fullmatch(subject.removeprefix(EVENT)) is not None
    return not subject.startswith(DELIVERY)


def seen_from(scope: AccessScope, found: Explanation | None) -> Explanation | None:
    """What of it somebody may see: with a scope, no rules about other places."""
    if found is None or not scope.allows(found.change.registry, found.change.repository):
        return None
    if scope == EVERYTHING:
        return found
    here = tuple(one for one in found.rules if not _ELSEWHERE.search(one.mismatch or ""))
    return replace(found, rules=here)


def _alarming(alarm: Protected, told: Told) -> Verdict:
    why = alarm.mismatch(told)
    return Verdict(PROTECTED, alarm.version, why is None, why, alarm.alert)


def _verdict(rule: Rule, told: Told) -> Verdict:
    why = mismatch(rule.when, told)
    return Verdict(rule.name, rule.version, why is None, why, rule.destinations)

"""Says of one change what each rule makes of it, and what came of it (issue 4)."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.rules import Rule, mismatch
from app.domain.told import Told
from app.store.engine import Connection
from app.store.told import ToldWhere, told_where
from app.usecases.tell import tell


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule, as it is now, says of a change: `mismatch` is the first clause that does not hold, and why."""

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


def explain(connection: Connection, rules: Sequence[Rule], subject: str) -> Explanation | None:
    """Of a change's id, or event:SEQ; None for one that is not there."""
    telling = next(iter(tell(connection, [subject], 0)), None)
    if telling is None:
        return None
    verdicts = tuple(_verdict(rule, telling.told) for rule in rules)
    return Explanation(telling.told, telling.outcome, verdicts, tuple(told_where(connection, subject)))


def _verdict(rule: Rule, told: Told) -> Verdict:
    why = mismatch(rule.when, told)
    return Verdict(rule.name, rule.version, why is None, why, rule.destinations)

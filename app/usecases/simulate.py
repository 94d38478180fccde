"""Tries out rules on the history that there is; sends nothing and writes nothing (issue 4)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.rules import Rule, When
from app.domain.settling import Settle
from app.domain.simulating import Sent, Simulation
from app.store import indexes
from app.store.engine import Engine, reading
from app.store.queries.paging import Paging, every
from app.store.replay import Span, replay
from app.usecases.tell import told_of

LINES_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Would:
    """What a rule would have sent to one of its destinations."""

    destination: str
    sent: Sent


@dataclass(frozen=True, slots=True)
class RuleTried:
    rule: str
    version: str
    matched: int
    destinations: tuple[Would, ...]


@dataclass(frozen=True, slots=True)
class Tried:
    """`changes` there were; `unmatched` of them no rule is about."""

    changes: int
    unmatched: int
    rules: tuple[RuleTried, ...]


def simulate(
    engine: Engine,
    rules: Sequence[Rule],
    settle: Mapping[str, Settle],
    span: tuple[int | None, int | None],
    progress: Callable[[int, int], Any],
) -> Tried:
    """What `rules` would have done with the changes of a `span` (since, until; nanoseconds, None: open).

    `progress` hears how many there were so far, and the time of the last.
    """
    with reading(engine) as connection:
        simulation = Simulation(rules, settle, indexes.all_known(connection))
    asked = Span(*span, raw=any(asks_for_platform(rule.when) for rule in rules))
    lines = every(engine, lambda connection, paging: replay(connection, asked, paging), Paging(LINES_AT_ONCE))
    for change, cause in lines:
        simulation.take(told_of(change, cause))
        if simulation.changes % LINES_AT_ONCE == 0:
            progress(simulation.changes, change.order.time_ns)
    simulation.end()
    return _tried(rules, simulation)


def asks_for_platform(when: When) -> bool:
    """Whether a rule looks at what only the bytes of an event say."""
    return when.platform is not None or any(map(asks_for_platform, (*when.every, *when.some, *when.none)))


def _tried(rules: Sequence[Rule], simulation: Simulation) -> Tried:
    found = []
    for rule in rules:
        sent = [Would(name, simulation.sent.get((rule.name, name), Sent())) for name in rule.destinations]
        found.append(RuleTried(rule.name, rule.version, simulation.matched.get(rule.name, 0), tuple(sent)))
    return Tried(simulation.changes, simulation.unmatched, tuple(found))

"""Which changes go where: a rule names what it is about and the destinations that are told."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.conditions import VARYING, Condition
from app.domain.openings import Opening
from app.domain.orders import TagClause, place_of, step_refused, tag_mismatch
from app.domain.patterns import Pattern, matches, named_groups
from app.domain.told import Told

DEFAULT_KINDS = frozenset({"created", "moved", "restored"})
PULLED = "pulled"
"""The kind under which a pull is told, to rules that ask for it."""


@dataclass(frozen=True, slots=True)
class When:
    """What a rule is about; None means any. All clauses have to hold.

    `kinds` are kinds of change, or PULLED; `provenances` is how the change must be known (decision 9); `actions` are
    those of the event behind it. `every`, `some` and `none` nest.
    """

    registry: Pattern | None = None
    origin: Pattern | None = None
    repository: Pattern | None = None
    tag: TagClause | None = None
    kinds: frozenset[str] | None = DEFAULT_KINDS
    provenances: frozenset[str] | None = frozenset({"observed"})
    actor: Pattern | None = None
    actions: frozenset[str] | None = None
    platform: Pattern | None = None
    condition: Condition | None = None
    every: "tuple[When, ...]" = ()
    some: "tuple[When, ...]" = ()
    none: "tuple[When, ...]" = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """`deploy` and `alert` are names of destinations; `version` is the digest of `text`, the rule as it was written.

    Deliveries are held while it is `paused`, outside `windows`, and until somebody approves, who has `approve_ns` for
    it (None: nobody is asked). `confirm` is None where the origin decides.
    """

    name: str
    when: When
    deploy: tuple[str, ...]
    alert: tuple[str, ...]
    version: str
    confirm: bool | None = None
    text: str = ""
    windows: tuple[Opening, ...] = ()
    paused: bool = False
    approve_ns: int | None = None
    allow_downgrade: bool = False

    @property
    def destinations(self) -> tuple[str, ...]:
        return (*self.deploy, *self.alert)


def mismatch(when: When, told: Told) -> str | None:
    """None if the rule matches, else `CLAUSE: why` of the first clause that does not."""
    return misplaced(when, told) or differs(when, told)


def misplaced(when: When, told: Told) -> str | None:
    """The same of those clauses alone that say where: one place has one answer, whatever happens there."""
    return (
        _unlike("registry", when.registry, told.registry)
        or _unlike("origin", when.origin, told.origin)
        or _unlike("repository", when.repository, told.repository)
        or (_tag(when.tag, told.tag) if when.tag is not None else None)
    )


def differs(when: When, told: Told) -> str | None:
    """The same of all other clauses."""
    return (
        _not_among("change", when.kinds, told.kind)
        or _not_among("provenance", when.provenances, told.provenance)
        or _unlike("actor", when.actor, told.actor)
        or _not_among("action", when.actions, told.action)
        or _platform(when.platform, told.platforms)
        or (_nested(when, told) if when.every or when.some or when.none else None)
        or _condition(when.condition, told)
    )


def facts(told: Told) -> tuple[object, ...]:
    """All that clauses look at, but for VARYING ones: changes that have these in common match the same rules."""
    return (
        told.registry, told.repository, told.tag, told.origin, told.kind, told.provenance, told.actor, told.action,
        told.media_type, told.platforms,
    )  # fmt: skip


def varies(when: When) -> bool:
    """Whether it asks for more than `facts`."""
    own = when.condition is not None and not VARYING.isdisjoint(when.condition.names)
    return own or any(map(varies, (*when.every, *when.some, *when.none)))


def first_of_each(matching: Iterable[Rule]) -> dict[str, Rule]:
    """By destination, the first of the rules that name it: each is told once."""
    found: dict[str, Rule] = {}
    for rule in matching:
        for destination in rule.destinations:
            found.setdefault(destination, rule)
    return found


def order_of(when: When, tag: str | None) -> Any:
    """What compares two tags that the rule takes, the newer the greater; None for one that has no order."""
    return None if tag is None else place_of(when.tag, tag)


def refusal(when: When, tag: str | None, current_tag: str | None) -> str | None:
    """Why `tag` may not be sent after `current_tag`; None if it may, as any may that has no order.

    `current_tag` is the last that was sent of those that have one.
    """
    return None if tag is None or current_tag is None else step_refused(when.tag, tag, current_tag)


def groups_of(when: When, told: Told) -> Mapping[str, str]:
    """What the named groups of the regular expressions hold of a change that matches."""
    held: dict[str, str] = {}
    for one in _holding(when, told):
        for pattern, text in (
            (one.registry, told.registry),
            (one.origin, told.origin),
            (one.repository, told.repository),
            (one.tag, told.tag),
            (one.actor, told.actor),
        ):
            held.update(named_groups(pattern, text))
    return held


def _holding(when: When, told: Told) -> Iterator[When]:
    """`when` and what holds of that which is nested in it."""
    yield when
    for one in (*when.every, *when.some):
        if mismatch(one, told) is None:
            yield from _holding(one, told)


def _unlike(clause: str, pattern: Pattern | None, text: str | None) -> str | None:
    if pattern is None:
        return None
    if text is None:
        return f"{clause}: none is known"
    return None if matches(pattern, text) else f"{clause}: {text} does not match {pattern}"


def _tag(clause: TagClause, tag: str | None) -> str | None:
    why = "there is none" if tag is None else tag_mismatch(clause, tag)
    return why and f"tag: {why}"


def _not_among(clause: str, wanted: frozenset[str] | None, said: str | None) -> str | None:
    if wanted is None or said in wanted:
        return None
    return f"{clause}: {said} is not {' or '.join(sorted(wanted))}" if said else f"{clause}: none is known"


def _platform(pattern: Pattern | None, platforms: frozenset[str] | None) -> str | None:
    if pattern is None:
        return None
    if platforms is None:
        return "platform: the event doesn't say"
    if any(matches(pattern, one) for one in platforms):
        return None
    return f"platform: {', '.join(sorted(platforms)) or 'none'} does not match {pattern}"


def _nested(when: When, told: Told) -> str | None:
    for one in when.every:
        if why := mismatch(one, told):
            return f"all: {why}"
    if when.some:
        missed = [mismatch(one, told) for one in when.some]
        if None not in missed:
            return f"any: {'; '.join(why for why in missed if why)}"
    for one in when.none:
        if mismatch(one, told) is None:
            return "not: what it names is so"
    return None


def _condition(condition: Condition | None, told: Told) -> str | None:
    why = condition.mismatch(told) if condition else None
    return why and f"expr: {why}"

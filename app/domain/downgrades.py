"""What may follow what was sent: nobody wants a step back unasked (keel #817)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.domain.rules import Rule, order_of, refusal
from app.domain.settling import Group

REFUSED = "refused: "
"""How the reason of a step back begins."""
Rules = Callable[[str], Rule | None]
"""The rule of a name that is in force."""


def have_order(groups: Sequence[Group], rules: Rules) -> bool:
    """Whether what was sent before matters to any of them."""
    return any(_newest_tag(group, rules(group.members[0].rule)) is not None for group in groups)


def in_order(groups: Sequence[Group], rules: Rules, sent: Sequence[str]) -> list[Group]:
    """`groups` of a repository, of which those are superseded that may not follow what was `sent`, or each other.

    `sent` are tags, the newest first. Of several the newest in its rule's order goes, and the others are a step back.
    """
    allowed, found = list(sent), {}
    for at in _newest_first(groups, rules):
        group, rule = groups[at], rules(groups[at].members[0].rule)
        tag = _newest_tag(group, rule)
        why = None if rule is None or rule.allow_downgrade or group.superseded else _refusal(rule, tag, allowed)
        found[at] = replace(group, superseded=f"{REFUSED}{why}") if why else group
        if tag is not None and not found[at].superseded:
            allowed.insert(0, tag)
    return [found[at] for at in range(len(groups))]


def overtaken(rule: Rule, tags: Sequence[str], later: Sequence[str]) -> str | None:
    """Why what waits for its turn with `tags` may not go behind the `later` ones, the newest first; None if it may."""
    why = None if rule.allow_downgrade else _refusal(rule, newest(rule, tags), later)
    return why and f"{REFUSED}{why}"


def _newest_first(groups: Sequence[Group], rules: Rules) -> list[int]:
    """Positions: those whose tags have an order, the newest first, then the others."""
    places = [(at, rules(group.members[0].rule), group) for at, group in enumerate(groups)]
    keys = {at: order_of(rule.when, _newest_tag(group, rule)) for at, rule, group in places if rule}
    ordered = [at for at in keys if keys[at] is not None]
    return _sorted(ordered, keys) + [at for at in range(len(groups)) if at not in ordered]


def _sorted(positions: list[int], keys: Mapping[int, Any]) -> list[int]:
    """By key, the greatest first. Groups of rules with different orders keep their places."""
    try:
        return sorted(positions, key=lambda at: keys[at], reverse=True)
    except (TypeError, ValueError):
        return positions


def _newest_tag(group: Group, rule: Rule | None) -> str | None:
    return None if rule is None else newest(rule, [one.told.tag for one in group.members if one.told.tag is not None])


def newest(rule: Rule, tags: Sequence[str]) -> str | None:
    """Of those that have a place in the rule's order; None if none has."""
    with_order = [tag for tag in tags if order_of(rule.when, tag) is not None]
    return max(with_order, key=lambda tag: order_of(rule.when, tag)) if with_order else None


def _refusal(rule: Rule, tag: str | None, sent: Sequence[str]) -> str | None:
    """Measured by the last tag that was sent and has an order."""
    last = next((one for one in sent if order_of(rule.when, one) is not None), None)
    return refusal(rule.when, tag, last)

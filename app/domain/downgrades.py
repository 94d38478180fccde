"""What may follow what was sent: nobody wants a step back unasked (keel #817)."""

from collections.abc import Callable, Sequence
from dataclasses import replace

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
    allowed, found = list(sent), list(groups)
    for at, rule, tag in _newest_first(groups, rules):
        if found[at].superseded:
            continue
        why = None if rule.allow_downgrade else _refusal(rule, tag, allowed)
        if why:
            found[at] = replace(found[at], superseded=f"{REFUSED}{why}")
        else:
            allowed.insert(0, tag)
    return found


def overtaken(rule: Rule, tags: Sequence[str], later: Sequence[str]) -> str | None:
    """Why what waits for its turn with `tags` may not go behind the `later` ones, the newest first; None if it may."""
    why = None if rule.allow_downgrade else _refusal(rule, newest(rule, tags), later)
    return why and f"{REFUSED}{why}"


def _newest_first(groups: Sequence[Group], rules: Rules) -> list[tuple[int, Rule, str]]:
    """Positions of those whose tags have an order, with rule and newest tag, the newest first.

    Groups of rules with different orders keep their places.
    """
    found = [
        (at, rule, tag)
        for at, group in enumerate(groups)
        if (rule := rules(group.members[0].rule)) and (tag := _newest_tag(group, rule)) is not None
    ]
    try:
        return sorted(found, key=lambda place: order_of(place[1].when, place[2]), reverse=True)
    except (TypeError, ValueError):
        return found


def _newest_tag(group: Group, rule: Rule | None) -> str | None:
    return None if rule is None else newest(rule, [one.told.tag for one in group.members if one.told.tag is not None])


def newest(rule: Rule, tags: Sequence[str]) -> str | None:
    """Of those that have a place in the rule's order; None if none has."""
    with_order = [tag for tag in tags if order_of(rule.when, tag) is not None]
    return max(with_order, key=lambda tag: order_of(rule.when, tag)) if with_order else None


def _refusal(rule: Rule, tag: str | None, sent: Sequence[str]) -> str | None:
    """Measured by the last tag that was sent and has an order."""
    if tag is None:
        return None
    last = next((one for one in sent if order_of(rule.when, one) is not None), None)
    return refusal(rule.when, tag, last)

"""What holds deliveries back: pauses that people set, and rules that wait for a time or for somebody."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from app.domain.deliveries import Hold, is_deploy
from app.domain.openings import opens_at
from app.domain.rules import Rule
from app.domain.times import SECOND_NS, rfc3339

EVERYTHING = "everything"
"""The scope of a pause that holds all deploys."""
LOOK_AGAIN_NS = 3600 * SECOND_NS
"""When what is held without an end is looked at again; whoever lifts the pause lets it go at once."""


@dataclass(frozen=True, slots=True)
class Pause:
    """What somebody holds back: `scope` is EVERYTHING, rule:NAME, trigger:NAME or channel:NAME.

    `until_ns` None: until somebody ends it.
    """

    scope: str
    since_ns: int
    until_ns: int | None
    actor: str
    reason: str | None


def paused(pauses: Mapping[str, Pause], destination: str, rules: Collection[str], now_ns: int) -> Hold | None:
    """Whether a pause holds what `rules` send to `destination`.

    A deploy is held if one of its rules is; an alert goes on as long as one of its rules does.
    """
    scopes = [f"rule:{name}" for name in sorted(rules)]
    if is_deploy(destination):
        found = [pauses[scope] for scope in (EVERYTHING, destination, *scopes) if scope in pauses]
    elif destination in pauses:
        found = [pauses[destination]]
    else:
        found = [pauses[scope] for scope in scopes if all(one in pauses for one in scopes)]
    return _held_by(found[0], now_ns) if found else None


def closed(rules: Collection[Rule], destination: str, now_ns: int) -> Hold | None:
    """Whether the configuration of `rules` holds what they send to `destination`: a pause, or hours that are closed."""
    resting = [rule for rule in rules if rule.paused]
    if resting and (is_deploy(destination) or len(resting) == len(rules)):
        return Hold(f"held: the configuration pauses rule {resting[0].name}", now_ns + LOOK_AGAIN_NS)
    if not is_deploy(destination):
        return None
    opens_ns = max((opens_at(rule.windows, now_ns) for rule in rules), default=now_ns)
    return Hold(f"held: its rule opens at {rfc3339(opens_ns, 0)}", opens_ns) if opens_ns > now_ns else None


def _held_by(pause: Pause, now_ns: int) -> Hold:
    end = f" until {rfc3339(pause.until_ns, 0)}" if pause.until_ns is not None else ""
    why = f": {pause.reason}" if pause.reason else ""
    text = f"held: {pause.actor} paused {pause.scope}{end}{why}"
    return Hold(text, now_ns + LOOK_AGAIN_NS if pause.until_ns is None else pause.until_ns)

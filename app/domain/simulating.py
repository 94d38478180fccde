"""What rules would have done with a history: fan-out, settle windows, orders, by the same functions; nothing is sent.

Changes are taken in the order and at the times of history, as if each had come when it happened: no change is late or
too old, every registry confirms, and every destination answers.
"""

import heapq
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.domain.deliveries import is_deploy
from app.domain.downgrades import REFUSED, in_order
from app.domain.fan_out import MOVED_ON, PENDING
from app.domain.matching import Matching
from app.domain.openings import opens_at
from app.domain.rules import Rule, first_of_each
from app.domain.settling import Group, Indexes, Member, Settle, alerts, deploys
from app.domain.told import Told

MOST_EXAMPLES = 3
"""Messages that are shown of each rule and destination."""
MOST_SENT = 100
"""Tags that are remembered of a destination and a repository, as many as deliveries are looked at."""
_NO_WINDOW = Settle()
_Tag = tuple[str, str, str | None]
_Place = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Example:
    """A message that would have been sent, or why not."""

    time_ns: int
    registry: str
    repository: str
    tags: tuple[str | None, ...]
    digest: str
    outcome: str


@dataclass(slots=True)
class Sent:
    """What a rule would have sent to a destination.

    `changes` that it would have been told of, in `deliveries` that go at once and others that are `held` first by the
    rule's windows, pause or approval; `superseded` and `refused` ones never go.
    """

    changes: int = 0
    deliveries: int = 0
    held: int = 0
    superseded: int = 0
    refused: int = 0
    examples: list[Example] = field(default_factory=list)


@dataclass(slots=True)
class _Window:
    opened_ns: int
    closes_ns: int
    members: list[Member]


@dataclass(slots=True)
class Simulation:
    """Take changes in their order, then `end`.

    `matched` counts changes by rule; `sent` is by rule and destination.
    """

    rules: Sequence[Rule]
    settle: Mapping[str, Settle]
    indexes: Indexes
    changes: int = 0
    unmatched: int = 0
    matched: dict[str, int] = field(default_factory=dict)
    sent: dict[tuple[str, str], Sent] = field(default_factory=dict)
    _present: dict[_Tag, str] = field(default_factory=dict)
    _windows: dict[_Place, _Window] = field(default_factory=dict)
    _closing: list[tuple[int, _Place]] = field(default_factory=list)
    _sent: dict[_Place, deque[str]] = field(default_factory=dict)
    _by_name: dict[str, Rule] = field(init=False)
    _matching: Matching = field(init=False)

    def __post_init__(self) -> None:
        self._matching = Matching(self.rules)
        self._by_name = {rule.name: rule for rule in self.rules}

    def take(self, told: Told) -> None:
        self._close_until(told.time_ns)
        self.changes += 1
        self._present[_tag(told)] = told.change_id
        matching = self._matching.of(told)
        self.unmatched += not matching
        for rule in matching:
            self.matched[rule.name] = self.matched.get(rule.name, 0) + 1
        for destination, rule in first_of_each(matching).items():
            self._send_on(destination, Member(told.change_id, told, rule.name, rule.version, PENDING))

    def end(self) -> None:
        """Nothing more comes: every window closes."""
        self._close_until(None)

    def _send_on(self, destination: str, member: Member) -> None:
        told, settle = member.told, self.settle.get(destination, _NO_WINDOW)
        self._of(member.rule, destination).changes += 1
        deploy = is_deploy(destination)
        place = (destination, told.registry, told.repository) if deploy else (destination, "", "")
        if not settle.after_ns:
            self._write(place, [member], told.time_ns)
            return
        window = self._windows.get(place)
        if window is None:
            window = self._windows[place] = _Window(told.time_ns, 0, [])
            heapq.heappush(self._closing, (told.time_ns + min(settle.after_ns, settle.most_ns), place))
        window.members.append(member)
        window.closes_ns = min(told.time_ns + settle.after_ns, window.opened_ns + settle.most_ns)

    def _close_until(self, now_ns: int | None) -> None:
        while self._closing and (now_ns is None or self._closing[0][0] <= now_ns):
            looked_ns, place = heapq.heappop(self._closing)
            window = self._windows[place]
            if window.closes_ns > looked_ns:
                heapq.heappush(self._closing, (window.closes_ns, place))
                continue
            del self._windows[place]
            self._write(place, [self._as_it_is_now(one) for one in window.members], window.closes_ns)

    def _as_it_is_now(self, member: Member) -> Member:
        told = member.told
        if self._present[_tag(told)] == member.subject:
            return member
        return Member(member.subject, told, member.rule, member.rule_version, MOVED_ON)

    def _write(self, place: _Place, members: Sequence[Member], now_ns: int) -> None:
        groups = self._deploys(place, members) if is_deploy(place[0]) else alerts(members)
        for group in groups:
            self._count(place[0], self._by_name[group.members[0].rule], group, now_ns)

    def _deploys(self, place: _Place, members: Sequence[Member]) -> list[Group]:
        """Those that go are remembered, for what may follow them."""
        sent = self._sent.setdefault(place, deque(maxlen=MOST_SENT))
        found = in_order(deploys(members, self.indexes), self._by_name.get, sent)
        going = (one.told.tag for group in found if not group.superseded for one in group.members)
        sent.extendleft(tag for tag in going if tag is not None)
        return found

    def _count(self, destination: str, rule: Rule, group: Group, now_ns: int) -> None:
        counted = self._of(rule.name, destination)
        held = rule.paused or rule.approve_ns is not None or opens_at(rule.windows, now_ns) > now_ns
        if group.superseded:
            counted.refused += group.superseded.startswith(REFUSED)
            counted.superseded += not group.superseded.startswith(REFUSED)
        elif held:
            counted.held += 1
        else:
            counted.deliveries += 1
        if len(counted.examples) < MOST_EXAMPLES:
            outcome = group.superseded or ("held" if held else "sent")
            counted.examples.append(_example(group, now_ns, outcome))

    def _of(self, rule: str, destination: str) -> Sent:
        found = self.sent.get((rule, destination))
        if found is None:
            found = self.sent[rule, destination] = Sent()
        return found


def _tag(told: Told) -> _Tag:
    return told.registry, told.repository, told.tag


def _example(group: Group, now_ns: int, outcome: str) -> Example:
    told = group.members[0].told
    tags = tuple(one.told.tag for one in group.members[:10])
    return Example(now_ns, told.registry, told.repository, tags, told.after, outcome)

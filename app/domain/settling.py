"""What becomes of the changes that came together for one destination: which are told, in which message.

A deploy is for one digest (issue 4): tags that say the same digest are one delivery, and what a tag has left behind
is one that is superseded from the start. So each (change, destination) is in exactly one delivery.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from app.domain.fan_out import PENDING
from app.domain.told import Told

MOST_IN_A_MESSAGE = 100
"""Changes that one alert tells."""


@dataclass(frozen=True, slots=True)
class Settle:
    """A window closes `after_ns` behind the last change that came, at most `most_ns` behind the first. 0: no window."""

    after_ns: int = 0
    most_ns: int = 0


@dataclass(frozen=True, slots=True)
class Member:
    """A change, or an event, that a rule sends to a destination.

    `outcome`: PENDING while it is the present, else why nothing is done.
    """

    subject: str
    told: Told
    rule: str
    rule_version: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Group:
    """Members of one delivery, in the order they came. `superseded`: why it is never sent.

    `parts` belong to it and are not told: what they say is part of the index that `members` say.
    """

    members: tuple[Member, ...]
    superseded: str | None = None
    parts: tuple[Member, ...] = ()


Indexes = Mapping[str, Collection[str]]
"""By the digest of an index, those of the manifests in it."""


def deploys(members: Sequence[Member], indexes: Indexes) -> list[Group]:
    """By digest: one group for each that a tag still has, one more for each that was left behind."""
    present = _with_parts(_by_digest(one for one in members if one.outcome == PENDING), indexes)
    return present + _by_digest(one for one in members if one.outcome != PENDING)


def alerts(members: Sequence[Member]) -> list[Group]:
    """All together, past ones too: people want to know what happened."""
    starts = range(0, len(members), MOST_IN_A_MESSAGE)
    return [Group(tuple(members[start : start + MOST_IN_A_MESSAGE])) for start in starts]


def _with_parts(groups: list[Group], indexes: Indexes) -> list[Group]:
    """Groups whose digest is in the index of another one become its parts."""
    by_digest = {group.members[0].told.after: group for group in groups}
    owners = {part: digest for digest in by_digest for part in indexes.get(digest, ()) if part != digest}
    if not owners:
        return groups
    parts: dict[str, list[Member]] = {}
    for digest, group in by_digest.items():
        if (outermost := _outermost(digest, owners)) != digest:
            parts.setdefault(outermost, []).extend(group.members)
    return [
        replace(group, parts=tuple(parts.get(digest, ())))
        for digest, group in by_digest.items()
        if _outermost(digest, owners) == digest
    ]


def _outermost(digest: str, owners: Mapping[str, str]) -> str:
    """The index that is in no other, from `digest` upwards; itself where they go round (no true digests can)."""
    seen, found = {digest}, digest
    while found in owners:
        found = owners[found]
        if found in seen:
            return digest
        seen.add(found)
    return found


def _by_digest(members: Iterable[Member]) -> list[Group]:
    groups: dict[tuple[str, str], list[Member]] = {}
    for one in members:
        groups.setdefault((one.told.after, one.outcome), []).append(one)
    return [
        Group(tuple(found), None if outcome == PENDING else outcome) for (_digest, outcome), found in groups.items()
    ]

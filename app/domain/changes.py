"""History as a fold: the events of one tag in, its changes and its present out.

Everything here holds for any order of arrival and any repetition (DESIGN decisions 5 to 8): the fold sees events sorted
by `Order`, and the store folds again from the last change before a late event.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from app.domain.events import Order, Provenance, Scope, TagEvent

UNKNOWN = "unknown"
"""Before the first knowledge of a tag: it may have pointed anywhere or nowhere."""
ABSENT = "absent"
"""The tag is known not to exist. No digest can be spelt like this or UNKNOWN: a digest has a colon."""


class Kind(StrEnum):
    CREATED = "created"
    MOVED = "moved"
    REMOVED = "removed"
    RESTORED = "restored"
    VOID = "void"
    """Was once a line of history; a late event made it none."""


@dataclass(frozen=True, slots=True)
class TagKey:
    registry: str
    repository: str
    tag: str


@dataclass(frozen=True, slots=True)
class Change:
    """One line of history. `before` and `after` are a digest, ABSENT or (before only) UNKNOWN."""

    id: str
    key: TagKey
    kind: Kind
    before: str
    after: str
    order: Order
    provenance: Provenance
    actor: str | None


@dataclass(frozen=True, slots=True)
class TagState:
    """What a tag is at one moment of the fold.

    `seen`: there has been a change. `instant_ns` and `instant_digests`: what was pushed, without a sequence, at the
    latest instant of a push. `last_ns`: time of the last event that was about this tag; a later one needs no refold.
    `since_ns`: time of the last change, which `change_id` names.
    """

    points_to: str = UNKNOWN
    seen: bool = False
    ambiguous: bool = False
    instant_ns: int = -1
    instant_digests: frozenset[str] = field(default_factory=frozenset)
    last_ns: int = -1
    since_ns: int = -1
    change_id: str | None = None


def change_id(key: TagKey, order: Order) -> str:
    """Derived from (registry, repository, tag, origin and id of the event): any replay gives the same (decision 8)."""
    parts = (key.registry, key.repository, key.tag, order.origin, order.event_id)
    return hashlib.sha256("\n".join(f"{len(part)}:{part}" for part in parts).encode()).hexdigest()[:32]


def fold(key: TagKey, state: TagState, events: Iterable[TagEvent]) -> tuple[list[Change], TagState]:
    """Apply `events` (sorted by order; those of other tags do nothing) to `state`: the changes made, and what is then.

    A tag delete that follows the derived removal of the same tag confirms it: the change becomes observed, and no
    second one is made (decision 6). Having asked confirms nothing that somebody was told.
    """
    changes: list[Change] = []
    for event in events:
        after = _points_to_after(state, event, key.tag)
        if after is None:
            continue
        if event.scope is Scope.TAG and after == ABSENT == state.points_to and event.provenance is Provenance.OBSERVED:
            _confirm(changes)
        state = _noted(state, event, after)
        if after != state.points_to:
            change, state = _moved(key, state, event, after)
            if change is not None:
                changes.append(change)
    return changes, state


def _points_to_after(state: TagState, event: TagEvent, tag: str) -> str | None:
    """Where the tag points after `event`, or None if the event isn't about it."""
    if event.scope is Scope.TAG:
        return (event.digest or ABSENT) if event.tag == tag else None
    if event.scope is Scope.MANIFEST:
        return ABSENT if event.digest == state.points_to else None
    return ABSENT


def _confirm(changes: list[Change]) -> None:
    if changes and changes[-1].kind is Kind.REMOVED and changes[-1].provenance is Provenance.DERIVED:
        changes[-1] = replace(changes[-1], provenance=Provenance.OBSERVED)


def _noted(state: TagState, event: TagEvent, after: str) -> TagState:
    """`state` after hearing of `event`: its time, and whether this instant told of two digests."""
    now = event.order.time_ns
    if event.scope is not Scope.TAG:
        if after == state.points_to:
            return state
        return replace(state, last_ns=now, ambiguous=state.ambiguous and now == state.instant_ns)
    if after == ABSENT or event.order.sequence:
        return replace(state, last_ns=now, ambiguous=state.ambiguous and now == state.instant_ns)
    digests = (state.instant_digests if now == state.instant_ns else frozenset()) | {after}
    return replace(state, last_ns=now, instant_ns=now, instant_digests=digests, ambiguous=len(digests) > 1)


def _moved(key: TagKey, state: TagState, event: TagEvent, after: str) -> tuple[Change | None, TagState]:
    kind = _kind(state, after)
    wide = event.scope is not Scope.TAG
    if wide and state.points_to == UNKNOWN:  # proves that the tag is absent, but nobody saw it exist
        return None, replace(state, points_to=ABSENT)
    provenance = Provenance.DERIVED if wide else event.provenance
    identity = change_id(key, event.order)
    change = Change(identity, key, kind, state.points_to, after, event.order, provenance, event.actor)
    return change, replace(
        state, points_to=after, seen=True, since_ns=event.order.time_ns, change_id=identity
    )


def _kind(state: TagState, after: str) -> Kind:
    if after == ABSENT:
        return Kind.REMOVED
    if not state.seen:
        return Kind.CREATED
    return Kind.RESTORED if state.points_to == ABSENT else Kind.MOVED


def state_before(change: Change) -> TagState:
    """The state in which `change` found its tag, as far as folding from there needs it."""
    first = change.kind is Kind.CREATED or (change.kind is Kind.REMOVED and change.before == UNKNOWN)
    return TagState(points_to=change.before, seen=not first)

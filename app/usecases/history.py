"""Carries new events into the history of the tags that they touch.

A tag's new event is nearly always its latest: then the fold goes on from the tag's present. A late one, a first one, or
one that may confirm a derived removal folds again from the last change before it, and what comes out is compared with
what is written. Both give what a fold of all stored events gives; a property test says so.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from app.domain.changes import ABSENT, Change, Kind, TagKey, TagState, fold, state_before
from app.domain.events import Event, Order, Scope, TagEvent, provenance
from app.domain.fan_out import PENDING, first_outcome
from app.store import changes, events, tags
from app.store.changes import NewChange
from app.store.engine import Connection

_BEGINNING_NS = -(2**62)
_BEGINNING = TagState(last_ns=_BEGINNING_NS)


@dataclass(slots=True)
class _Touched:
    """What a batch says of one tag: its own events, its last one, and the earliest moment that may differ now."""

    since_ns: int
    last: Event
    own: list[TagEvent] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Outcome:
    state: TagState
    was_last_ns: int
    made: list[Change]
    rewritten: list[Change] = field(default_factory=list)
    voided: list[str] = field(default_factory=list)


def extend(connection: Connection, new: Sequence[Event], now_ns: int, max_age_ns: int) -> list[str]:
    """Write what `new` events (stored already) change; the ids of the changes that are to fan out."""
    touched = _touched(connection, new)
    present = _present(connection, touched, new[0].seq)
    wide = _wide(connection, touched, present)
    fresh = {event.order for event in new}
    outcomes = {}
    for key, tag in touched.items():
        deletes, state = wide.get((key.registry, key.repository), []), present.get(key)
        if state is None or _is_late(state, tag, deletes, fresh):
            outcomes[key] = _folded_again(connection, key, tag, state)
        else:
            outcomes[key] = _gone_on(key, tag, state, deletes)
    return _write(connection, outcomes, {key: tag.last for key, tag in touched.items()}, (now_ns, max_age_ns))


def _touched(connection: Connection, new: Sequence[Event]) -> dict[TagKey, _Touched]:
    touched: dict[TagKey, _Touched] = {}
    for event in new:
        if event.report.scope is None:
            continue
        own = _tag_event(event, event.report.scope)
        for key in _keys(connection, event):
            tag = touched.setdefault(key, _Touched(event.time_ns, event))
            tag.since_ns = min(tag.since_ns, event.time_ns)
            tag.last = event
            if own.scope is Scope.TAG:
                tag.own.append(own)
    return touched


def _tag_event(event: Event, scope: Scope) -> TagEvent:
    report = event.report
    return TagEvent(event.order, scope, report.tag, report.digest, report.actor, provenance(event.flags))


def _keys(connection: Connection, event: Event) -> list[TagKey]:
    """The tags whose history `event` may alter. A delete finds those whose push is in the same batch by that push."""
    report = event.report
    if report.scope is Scope.TAG:
        return [TagKey(event.registry, report.repository, report.tag or "")]
    digests = [report.digest or ""] if report.scope is Scope.MANIFEST else None
    found = changes.tags_that_pointed_to(connection, event.registry, report.repository, digests)
    return [TagKey(event.registry, report.repository, tag) for tag in found]


def _present(connection: Connection, touched: Mapping[TagKey, _Touched], first_seq: int) -> dict[TagKey, TagState]:
    """What is known of the tags. A tag of which nothing was told before the batch is where every history begins."""
    present = tags.load(connection, touched)
    unseen = [key for key in touched if key not in present]
    told = events.told_before(connection, unseen, first_seq)
    return present | {key: _BEGINNING for key in unseen if key not in told}


def _wide(
    connection: Connection, touched: Mapping[TagKey, _Touched], present: Mapping[TagKey, TagState]
) -> dict[tuple[str, str], list[TagEvent]]:
    """By registry and repository, the stored deletes that may have taken one of the tags."""
    repositories: dict[str, set[str]] = {}
    digests: set[str] = set()
    for key, tag in touched.items():
        repositories.setdefault(key.registry, set()).add(key.repository)
        digests.update(event.digest for event in tag.own if event.digest)
        if key in present:
            digests.add(present[key].points_to)
    return {
        (registry, repository): found
        for registry, names in repositories.items()
        for repository, found in events.wide(connection, registry, names, digests).items()
    }


def _is_late(present: TagState, tag: _Touched, wide: Collection[TagEvent], fresh: Collection[Order]) -> bool:
    """Whether something that was told before may come after the batch's first event of this tag, or be altered by it.

    A stored delete behind it may have left a void change already; a tag that nobody told of has none.
    """
    if tag.since_ns <= present.last_ns or _may_confirm(present, tag):
        return True
    behind = (event.order for event in wide if event.order.time_ns >= tag.since_ns)
    return present.seen and any(order not in fresh for order in behind)


def _gone_on(key: TagKey, tag: _Touched, present: TagState, wide: Collection[TagEvent]) -> _Outcome:
    since_ns = tag.since_ns if present.seen else _BEGINNING_NS
    made, state = fold(key, present, _in_order(tag.own, wide, since_ns))
    return _Outcome(state, present.last_ns, made)


def _may_confirm(present: TagState, tag: _Touched) -> bool:
    return present.points_to == ABSENT and any(event.digest is None for event in tag.own)


def _in_order(own: Collection[TagEvent], wide: Collection[TagEvent], since_ns: int) -> list[TagEvent]:
    return sorted((event for event in (*own, *wide) if event.order.time_ns >= since_ns), key=lambda event: event.order)


def _folded_again(connection: Connection, key: TagKey, tag: _Touched, present: TagState | None) -> _Outcome:
    """Fold from the last change before the earliest new event, and compare with what is written.

    Not from one at the same instant: an event without a line of its own may come before that, and behind the new one.
    """
    last_ns = changes.last_time(connection, key, tag.since_ns)
    since_ns = _BEGINNING_NS if last_ns is None else last_ns
    written = changes.since(connection, key, since_ns)
    valid = [change for change in written if change.kind is not Kind.VOID]
    state = TagState() if last_ns is None else state_before(valid[0])
    own = events.of_tag(connection, key, since_ns)
    digests = {event.digest for event in own if event.digest} | {state.points_to}
    wide = events.wide(connection, key.registry, [key.repository], digests).get(key.repository, [])
    made, state = fold(key, state, _in_order(own, wide, since_ns))
    by_id = {change.id: change for change in written}
    made_ids = {change.id for change in made}
    return _Outcome(
        state,
        present.last_ns if present else _BEGINNING_NS,
        made=[change for change in made if change.id not in by_id],
        rewritten=[change for change in made if change.id in by_id and by_id[change.id] != change],
        voided=[change.id for change in valid if change.id not in made_ids],
    )


def _write(
    connection: Connection, outcomes: Mapping[TagKey, _Outcome], causes: Mapping[TagKey, Event], times: tuple[int, int]
) -> list[str]:
    now_ns, max_age_ns = times
    new: list[NewChange] = []
    confirmed: list[str] = []
    for key, outcome in outcomes.items():
        new += [
            NewChange(
                change, first_outcome(change, outcome.state, outcome.was_last_ns, now_ns - max_age_ns), causes[key].seq
            )
            for change in outcome.made
        ]
        confirmed += _rewrite(connection, outcome, causes[key], now_ns - max_age_ns)
    changes.add(connection, new, now_ns)
    tags.save(connection, {key: outcome.state for key, outcome in outcomes.items()})
    return [one.change.id for one in new if one.fan_out == PENDING] + confirmed


def _rewrite(connection: Connection, outcome: _Outcome, cause: Event, too_old_before_ns: int) -> list[str]:
    """Write what a late event altered; the removal that it confirmed, if it is the present, is to fan out once more."""
    for change in outcome.rewritten:
        changes.rewrite(connection, change, cause.seq)
    for identity in outcome.voided:
        changes.void(connection, identity, cause.event_id, cause.seq)
    return [
        change.id
        for change in outcome.rewritten
        if change.kind is Kind.REMOVED
        and first_outcome(change, outcome.state, outcome.was_last_ns, too_old_before_ns) == PENDING
    ]

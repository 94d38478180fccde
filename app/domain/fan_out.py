"""Whether a change still deserves to be acted on: only the present acts (DESIGN decision 9)."""

from app.domain.changes import Change, TagState

PENDING = "pending"
DONE = "done"
NO_RULE = "no rule matches"
LATE = "superseded: late"
MOVED_ON = "superseded: the tag moved on"
TOO_OLD = "superseded: too old"
REBUILT = "superseded: rebuilt"

MAX_AGE_NS = 3600 * 1_000_000_000
"""A change whose event is older than this starts nothing, unless configuration says otherwise."""


def first_outcome(change: Change, present: TagState, was_last_ns: int, too_old_before_ns: int) -> str:
    """What a change that was just written has before it. `was_last_ns`: time of the tag's last event until now."""
    if change.order.time_ns <= was_last_ns and change.id != present.change_id:
        return LATE
    return outcome_now(change, present, too_old_before_ns)


def outcome_now(change: Change, present: TagState | None, too_old_before_ns: int) -> str:
    """The same, asked when the change's turn has come: PENDING means go on."""
    if present is None or change.id != present.change_id:
        return MOVED_ON
    if change.order.time_ns < too_old_before_ns:
        return TOO_OLD
    return PENDING

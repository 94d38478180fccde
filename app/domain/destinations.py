"""How a destination does: a pure state machine, of which one failure is one step (DESIGN decisions 10 to 12)."""

from dataclasses import dataclass, replace
from enum import StrEnum

from app.domain.deliveries import wait_s
from app.domain.times import SECOND_NS

DISABLE_AFTER_NS = 5 * 86_400 * SECOND_NS
"""Failures only for so long disable it: 120 h, as Svix has it."""
SLOWEST = 5
"""From this failure in a row on the wait grows no more (ten minutes): who is back is to be found soon."""
_OTHERWISE_ITS_OWN = frozenset({401, 403, 404, 407, 408, 429})


class State(StrEnum):
    OPEN = "open"
    BACKING_OFF = "backing off"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Condition:
    """`since_ns`: since when it is in `state`; `failures`: in a row; `failing_since_ns`: since when nothing succeeded.

    Backing off, nothing goes there before `not_before_ns`, and then one at a time.
    """

    state: State = State.OPEN
    since_ns: int = 0
    reason: str | None = None
    failures: int = 0
    failing_since_ns: int | None = None
    not_before_ns: int = 0


class Blame(StrEnum):
    """What an attempt says of the destination: NOTHING where it is this one message that can't be taken."""

    WORKS = "works"
    NOTHING = "nothing"
    FAILS = "fails"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back, in one line fit for pages and logs: `detail`.

    `retry_after_s`: how long the destination asked to be left alone.
    """

    blame: Blame
    detail: str
    retry_after_s: float | None = None


def blame(status: int | None, *, delivered: bool, permanent: bool) -> Blame:
    """`status` is that of the answer, None where none came; `permanent`: the sink says trying again can't help.

    401, 403, 404 and 407 are about the destination, unless the sink knows that they are about the message.
    """
    if delivered:
        return Blame.WORKS
    if status == 410:
        return Blame.GONE
    its_own = status is None or not 400 <= status < 500 or status in _OTHERWISE_ITS_OWN
    return Blame.FAILS if its_own and not permanent else Blame.NOTHING


def room(condition: Condition, now_ns: int, most: int, in_flight: int) -> int:
    """How many more requests may go there now, of at most `most` at a time."""
    match condition.state:
        case State.DISABLED:
            return 0
        case State.BACKING_OFF:
            return 1 if now_ns >= condition.not_before_ns and not in_flight else 0
    return max(0, most - in_flight)


@dataclass(frozen=True, slots=True)
class Patience:
    """How a destination is treated that fails: disabled after so long of nothing else; `jitter` in [-1, 1]."""

    disable_after_ns: int = DISABLE_AFTER_NS
    jitter: float = 0.0


def after(condition: Condition, heard: Heard, now_ns: int, patience: Patience) -> Condition:
    """How it does after an attempt that ended now.

    What was under way when it began to back off is no probe: it neither lengthens the wait nor ends it.
    """
    if condition.state is State.DISABLED:
        return condition
    match heard.blame:
        case Blame.GONE:
            return disabled(condition, f"it wants no more: {heard.detail}", now_ns)
        case Blame.FAILS:
            return _failed(condition, heard, now_ns, patience)
        case Blame.WORKS:
            return _worked(condition, now_ns)
    return condition


def disabled(condition: Condition, reason: str, now_ns: int) -> Condition:
    return replace(condition, state=State.DISABLED, since_ns=now_ns, reason=reason, not_before_ns=0)


def woken(condition: Condition, now_ns: int) -> Condition:
    """Somebody says that it is worth a try: the next delivery is one, and the time of failures is counted anew."""
    if condition.state is State.OPEN:
        return condition
    since_ns = now_ns if condition.state is State.DISABLED else condition.since_ns
    return replace(condition, state=State.BACKING_OFF, since_ns=since_ns, failing_since_ns=None, not_before_ns=now_ns)


def _worked(condition: Condition, now_ns: int) -> Condition:
    if condition.state is State.OPEN:
        return condition
    if now_ns < condition.not_before_ns:
        return replace(condition, failing_since_ns=None)
    return Condition(State.OPEN, now_ns)


def _failed(condition: Condition, heard: Heard, now_ns: int, patience: Patience) -> Condition:
    failing_since_ns = now_ns if condition.failing_since_ns is None else condition.failing_since_ns
    if now_ns - failing_since_ns >= patience.disable_after_ns:
        hours = (now_ns - failing_since_ns) // (3600 * SECOND_NS)
        reason = f"nothing but failures for {hours} h; the last: {heard.detail}"
        return disabled(replace(condition, failing_since_ns=failing_since_ns), reason, now_ns)
    counted = condition.state is State.BACKING_OFF and now_ns < condition.not_before_ns
    failures = condition.failures if counted else condition.failures + 1
    wait_ns = int(wait_s(min(failures, SLOWEST), heard.retry_after_s, patience.jitter) * SECOND_NS)
    if counted:
        asked_ns = now_ns + wait_ns if heard.retry_after_s else 0
        not_before_ns = max(condition.not_before_ns, asked_ns)
    else:
        not_before_ns = now_ns + wait_ns
    since_ns = condition.since_ns if condition.state is State.BACKING_OFF else now_ns
    return Condition(State.BACKING_OFF, since_ns, heard.detail, failures, failing_since_ns, not_before_ns)

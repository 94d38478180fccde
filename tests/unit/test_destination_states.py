"""How a destination does, against a reference that keeps the whole story and reads the answer out of it each time."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.destinations import Blame, Condition, Heard, Patience, State, after, blame, room

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
WAITS_S = (1, 5, 30, 120, 600)


@dataclass(frozen=True)
class Step:
    """`wait_s` seconds after the step before it, an attempt ends in `blame`."""

    wait_s: int
    blame: Blame
    retry_after_s: int | None


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from([0, 1, 2, 10, 59, 700, 7200]),
        st.sampled_from([Blame.FAILS, Blame.FAILS, Blame.FAILS, Blame.WORKS, Blame.NOTHING, Blame.GONE]),
        st.sampled_from([None, None, 0, 90, 100_000]),
    ),
    max_size=30,
)


def reference(steps: list[Step], disable_after: int) -> tuple[str, int]:
    """(state, moment before which nothing goes, in seconds) after all of `steps`; no jitter."""
    now, row, first, closed_until, backing = 0, 0, None, 0, False
    for step in steps:
        now += step.wait_s
        straggler = backing and now < closed_until
        if step.blame is Blame.GONE:
            return "disabled", 0
        if step.blame is Blame.WORKS:
            first = None
            if not straggler:
                row, closed_until, backing = 0, 0, False
        if step.blame is Blame.FAILS:
            first = now if first is None else first
            if now - first >= disable_after:
                return "disabled", 0
            patience = min(step.retry_after_s or 0, 7200)
            if straggler:
                if step.retry_after_s:
                    closed_until = max(closed_until, now + max(patience, WAITS_S[min(row, 5) - 1]))
            else:
                row += 1
                closed_until, backing = now + max(patience, WAITS_S[min(row, 5) - 1]), True
    return ("backing off" if backing else "open"), closed_until


@given(steps=STEPS, disable_after=st.sampled_from([60, 3600, 432_000]))
def test_every_story_ends_as_the_reference_has_it(steps: list[Step], disable_after: int) -> None:
    condition, now = Condition(), 0
    for step in steps:
        now += step.wait_s * SECOND
        heard = Heard(step.blame, "HTTP 500", step.retry_after_s)
        condition = after(condition, heard, now, Patience(disable_after * SECOND))
    assert (condition.state.value, condition.not_before_ns // SECOND) == reference(steps, disable_after)


@given(now=st.integers(0, 100), most=st.integers(1, 20), in_flight=st.integers(0, 30), at=st.integers(0, 100))
def test_room_is_never_more_than_is_left(now: int, most: int, in_flight: int, at: int) -> None:
    assert room(Condition(), now, most, in_flight) == max(most - in_flight, 0)
    assert room(Condition(State.DISABLED), now, most, in_flight) == 0
    backing_off = Condition(State.BACKING_OFF, not_before_ns=at)
    assert room(backing_off, now, most, in_flight) == (1 if now >= at and in_flight == 0 else 0)


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ((None, 301, 302, 308, 401, 403, 404, 407, 408, 429, 500, 502, 503, 504, 599, 100), Blame.FAILS),
        ((400, 405, 406, 409, 411, 413, 414, 415, 418, 422, 431), Blame.NOTHING),
        ((410,), Blame.GONE),
    ],
)
def test_what_a_status_says_of_the_destination(statuses: tuple[int | None, ...], expected: Blame) -> None:
    assert {blame(status, delivered=False, permanent=False) for status in statuses} == {expected}


def test_what_the_sink_knows_to_be_about_the_message_is_not_held_against_the_destination() -> None:
    assert blame(404, delivered=False, permanent=True) is Blame.NOTHING
    assert blame(410, delivered=False, permanent=True) is Blame.GONE
    assert blame(200, delivered=True, permanent=False) is Blame.WORKS


def test_jitter_spreads_the_waits() -> None:
    waits = [
        after(Condition(), Heard(Blame.FAILS, "x"), 0, Patience(jitter=jitter)).not_before_ns for jitter in (-1, 0, 1)
    ]
    assert waits == [int(0.8 * SECOND), SECOND, int(1.2 * SECOND)]


def test_it_says_since_when_and_why() -> None:
    first = after(Condition(), Heard(Blame.FAILS, "HTTP 500"), HOUR, Patience())
    second = after(first, Heard(Blame.FAILS, "HTTP 503"), 2 * HOUR, Patience())
    assert (second.since_ns, second.failing_since_ns, second.failures, second.reason) == (HOUR, HOUR, 2, "HTTP 503")
    third = after(second, Heard(Blame.FAILS, "timed out"), HOUR + 120 * HOUR, Patience())
    assert third.state is State.DISABLED
    assert (third.since_ns, third.reason) == (121 * HOUR, "nothing but failures for 120 h; the last: timed out")
    assert after(third, Heard(Blame.WORKS, "HTTP 200"), 122 * HOUR, Patience()) == third

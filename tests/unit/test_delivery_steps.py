"""What becomes of a delivery after an attempt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.deliveries import BACKOFF_S, JITTER, MAX_RETRY_AFTER_S, Next, Status, Tried, after_attempt, wait_s
from app.domain.times import SECOND_NS

NOW = 1_785_499_200 * SECOND_NS
FAR = NOW + 10**15


def tried(
    *, delivered: bool = False, permanent: bool = False, retry_after_s: float | None = None, tries: int = 1
) -> Tried:
    return Tried(delivered, permanent, "HTTP 500", retry_after_s, tries)


@pytest.mark.parametrize(
    ("attempt", "then"),
    [
        (tried(delivered=True), Next(Status.DELIVERED)),
        (tried(delivered=True, permanent=True), Next(Status.DELIVERED)),
        (tried(permanent=True), Next(Status.DEAD, "HTTP 500")),
        (tried(), Next(Status.PENDING, "HTTP 500", NOW + SECOND_NS)),
        (tried(tries=2), Next(Status.PENDING, "HTTP 500", NOW + 5 * SECOND_NS)),
        (tried(tries=8), Next(Status.PENDING, "HTTP 500", NOW + 7200 * SECOND_NS)),
        (tried(tries=99), Next(Status.PENDING, "HTTP 500", NOW + 7200 * SECOND_NS)),
        (tried(retry_after_s=60.0), Next(Status.PENDING, "HTTP 500", NOW + 60 * SECOND_NS)),
        (tried(retry_after_s=0.5), Next(Status.PENDING, "HTTP 500", NOW + SECOND_NS)),
        (tried(retry_after_s=10**6), Next(Status.PENDING, "HTTP 500", NOW + 7200 * SECOND_NS)),
    ],
)
def test_the_next_step(attempt: Tried, then: Next) -> None:
    assert after_attempt(attempt, NOW, FAR, jitter=0.0) == then


def test_a_delivery_that_would_come_too_late_is_dead() -> None:
    wait_ns = SECOND_NS
    assert after_attempt(tried(), NOW, NOW + wait_ns + 1, 0.0).status is Status.PENDING
    assert after_attempt(tried(), NOW, NOW + wait_ns, 0.0) == Next(
        Status.DEAD, "expired after 1 tries; the last: HTTP 500"
    )


@given(tries=st.integers(1, 1000), jitter=st.floats(-1, 1), retry_after_s=st.none() | st.floats(0, 1e12))
def test_the_wait_is_within_its_bounds(tries: int, jitter: float, retry_after_s: float | None) -> None:
    wait = wait_s(tries, retry_after_s, jitter)
    backoff = BACKOFF_S[min(tries, len(BACKOFF_S)) - 1]
    assert wait >= backoff * (1 - JITTER) > 0
    assert wait <= max(backoff * (1 + JITTER), MAX_RETRY_AFTER_S)
    assert wait >= min(retry_after_s or 0, MAX_RETRY_AFTER_S)


@given(
    attempt=st.builds(
        Tried, st.booleans(), st.booleans(), st.text(), st.none() | st.floats(0, 1e12), st.integers(1, 100)
    ),
    left_ns=st.integers(0, 10**15),
    jitter=st.floats(-1, 1),
)
def test_a_delivery_ends_or_has_a_time_before_it_expires(attempt: Tried, left_ns: int, jitter: float) -> None:
    then = after_attempt(attempt, NOW, NOW + left_ns, jitter)
    assert (then.status is Status.PENDING) == (then.next_attempt_ns is not None)
    if then.next_attempt_ns is not None:
        assert NOW < then.next_attempt_ns < NOW + left_ns
    assert (then.status is Status.DELIVERED) == attempt.delivered
    assert attempt.delivered or then.reason is not None

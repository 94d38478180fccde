"""What becomes of a delivery after an attempt: pure, so that every path can be tried in a test."""

from dataclasses import dataclass
from enum import StrEnum

from app.domain.times import SECOND_NS

BACKOFF_S = (1, 5, 30, 120, 600, 1800, 3600, 7200)
"""Seconds to wait after the first, second… failure; the last one repeats until the delivery expires."""
JITTER = 0.2
MAX_RETRY_AFTER_S = 7200.0
"""A destination may ask for more patience than the backoff has, but not for more than this."""
EXPIRES_NS = {"deploy": 6 * 3600 * SECOND_NS, "alert": 3 * 86_400 * SECOND_NS, "approval": 3 * 86_400 * SECOND_NS}
"""How long a delivery is worth trying, by purpose; an approval's asks people for one."""


def in_flight(destination: str) -> int:
    """Requests to one destination at a time: people read alerts in order, and chat services count them."""
    return 8 if is_deploy(destination) else 1


def is_deploy(destination: str) -> bool:
    """Whether what goes there deploys; else it tells people."""
    return destination.startswith("trigger:")


class Status(StrEnum):
    """DEAD was given up; DROPPED was, and somebody said that it need not go any more."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"
    SUPERSEDED = "superseded"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Next:
    """What to write: the status, why, and when to try again (None: never)."""

    status: Status
    reason: str | None = None
    next_attempt_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Go:
    """A claimed delivery may be sent now."""


@dataclass(frozen=True, slots=True)
class Hold:
    """It may not go yet, and is looked at again at `until_ns`. While it is held it doesn't expire."""

    reason: str
    until_ns: int


@dataclass(frozen=True, slots=True)
class End:
    """It never goes: `status` is SUPERSEDED or DEAD."""

    status: Status
    reason: str


Verdict = Go | Hold | End


@dataclass(frozen=True, slots=True)
class Tried:
    """How an attempt ended, as far as the next step depends on it. `tries` counts this one."""

    delivered: bool
    permanent: bool
    detail: str
    retry_after_s: float | None
    tries: int


def after_attempt(tried: Tried, now_ns: int, expires_ns: int, jitter: float) -> Next:
    """`jitter` in [-1, 1] spreads the retries of many by up to JITTER of the wait."""
    if tried.delivered:
        return Next(Status.DELIVERED)
    if tried.permanent:
        return Next(Status.DEAD, tried.detail)
    at_ns = now_ns + int(wait_s(tried.tries, tried.retry_after_s, jitter) * SECOND_NS)
    if at_ns >= expires_ns:
        return Next(Status.DEAD, f"expired after {tried.tries} tries; the last: {tried.detail}")
    return Next(Status.PENDING, tried.detail, at_ns)


def wait_s(tries: int, retry_after_s: float | None, jitter: float) -> float:
    """Seconds until the next try after `tries` failures."""
    backoff = BACKOFF_S[min(tries, len(BACKOFF_S)) - 1] * (1 + JITTER * jitter)
    return max(backoff, min(retry_after_s or 0.0, MAX_RETRY_AFTER_S))

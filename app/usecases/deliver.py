"""Sends what is due to one destination: claim, send, then write what came of it (DESIGN decisions 11 and 12)."""

import json
import random
import time
from concurrent.futures import ThreadPoolExecutor

from app.domain.deliveries import Next, Status, Tried, after_attempt, in_flight
from app.outbound import Limits
from app.pausepoints import pause
from app.sinks.sink import Message, Outcome, Sink
from app.store import deliveries
from app.store.deliveries import Attempt, Claim
from app.store.engine import Connection, Engine, now_ns, writing

LEASE_NS = int((Limits().total_s + 5) * 1_000_000_000)
"""Longer than any attempt: an attempt ends before its lease."""
SUPERSEDED = "superseded: the tag moved on"


def deliver(engine: Engine, destination: str, sink: Sink) -> int:
    """Try every delivery that is due for `destination`; how many were tried.

    As many as may be in flight are claimed and sent together; what came of them and the next claims are a transaction.
    """
    tried, most = 0, in_flight(destination)
    with writing(engine) as connection:
        claimed = _claim(connection, destination, most)
    with ThreadPoolExecutor(most, thread_name_prefix=destination) as threads:
        while claimed:
            tried += len(claimed)
            ended = list(threads.map(lambda one: _send(one, sink), claimed))
            pause("deliver.sent")
            with writing(engine) as connection:
                for one, (attempt, outcome) in zip(claimed, ended, strict=True):
                    deliveries.finish(connection, one, attempt, _next(one, outcome, now_ns(connection)))
                claimed = _claim(connection, destination, most)
    return tried


def _claim(connection: Connection, destination: str, most: int) -> list[Claim]:
    """The next deliveries to try; those that tell of what is no longer so end here."""
    while claimed := deliveries.claim(connection, destination, now_ns(connection), LEASE_NS, most):
        past = [one for one in claimed if _superseded(connection, one)]
        for one in past:
            deliveries.supersede(connection, one, SUPERSEDED)
        if len(past) < len(claimed):
            return [one for one in claimed if one not in past]
    return []


def _superseded(connection: Connection, claimed: Claim) -> bool:
    """Whether a deploy tells of what is past; not one that somebody asked for by hand (decision 9)."""
    scheduled = claimed.purpose == "deploy" and claimed.cause == deliveries.SCHEDULED
    return scheduled and not deliveries.tells_the_present(connection, claimed.id)


def _send(claimed: Claim, sink: Sink) -> tuple[Attempt, Outcome]:
    started_ns = time.time_ns()
    pause("deliver.claimed")
    outcome = sink.send(claimed.id, _message(claimed), started_ns // 1_000_000_000)
    return Attempt(started_ns, outcome.duration_ns, outcome.status, outcome.detail, outcome.answer), outcome


def _message(claimed: Claim) -> Message:
    headers = tuple((name, value) for name, value in json.loads(claimed.headers or "[]"))
    return Message(claimed.content_type, claimed.body, headers, claimed.query or "")


def _next(claimed: Claim, outcome: Outcome, now: int) -> Next:
    tried = Tried(outcome.delivered, outcome.permanent, outcome.detail, outcome.retry_after_s, claimed.tries + 1)
    return after_attempt(tried, now, claimed.expires_ns, random.uniform(-1, 1))  # noqa: S311 - spreads retries


def no_sink(engine: Engine, destination: str) -> int:
    """End what is due for a destination that the configuration no longer has; how many."""
    reason, ended = f"the configuration has no {destination}", 0
    with writing(engine) as connection:
        while claimed := deliveries.claim(connection, destination, now_ns(connection), LEASE_NS, 100):
            for one in claimed:
                attempt = Attempt(time.time_ns(), 0, None, reason, b"")
                deliveries.finish(connection, one, attempt, Next(Status.DEAD, reason))
            ended += len(claimed)
    return ended

"""Sends what is due to one destination: claim, send, then write what came of it (DESIGN decisions 11 and 12)."""

import json
import random
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from app.domain.approvals import sealed, unsealed
from app.domain.deliveries import Next, Status, Tried, after_attempt, in_flight
from app.domain.times import SECOND_NS
from app.outbound import Limits
from app.pausepoints import pause
from app.remote.client import RemoteRegistry
from app.sinks.sink import Message, Outcome, Patient, Sink
from app.store import deliveries
from app.store.deliveries import Attempt, Claim
from app.store.engine import Connection, Engine, now_ns, writing
from app.usecases.confirm import Doubt, doubt
from app.usecases.fan import Fan
from app.usecases.gate import pass_gate

LEASE_NS = int((Limits().total_s + 5) * SECOND_NS)
"""Longer than an attempt that is one call: an attempt ends before its lease."""


def deliver(engine: Engine, fan: Fan, destination: str, remotes: Mapping[str, RemoteRegistry]) -> int:
    """Try every delivery that is due for `destination`; how many were tried.

    As many as may be in flight are claimed and sent together; what came of them and the next claims are a transaction.
    `remotes` are asked before deploys that have to be confirmed.
    """
    tried, sink = 0, fan.sinks[destination]
    most, held_ns = in_flight(destination), lease_ns(sink)
    with writing(engine) as connection:
        claimed = _claim(connection, fan, destination, (held_ns, most))
    with ThreadPoolExecutor(most, thread_name_prefix=destination) as threads:
        while claimed:
            tried += len(claimed)
            ended = list(threads.map(lambda one: _try(one, fan, sink, remotes), claimed))
            pause("deliver.sent")
            with writing(engine) as connection:
                for one, outcome in zip(claimed, ended, strict=True):
                    _write(connection, one, outcome)
                claimed = _claim(connection, fan, destination, (held_ns, most))
    return tried


def lease_ns(sink: Sink) -> int:
    """How long a claim of `sink` holds."""
    return int((sink.longest_s + 5) * SECOND_NS) if isinstance(sink, Patient) else LEASE_NS


@dataclass(frozen=True, slots=True)
class _Ready:
    """A claimed delivery, and the tags that it is confirmed by."""

    claim: Claim
    tags: tuple[str, ...]


def _claim(connection: Connection, fan: Fan, destination: str, how: tuple[int, int]) -> list[_Ready]:
    """The next deliveries to try; those that may not go are held, or end here. `how`: length of the lease, how many."""
    while claimed := deliveries.claim(connection, destination, now_ns(connection), *how):
        if going := pass_gate(connection, fan, claimed):
            return [_ready(connection, one) for one in going]
    return []


def _ready(connection: Connection, claimed: Claim) -> _Ready:
    asked = claimed.confirm and claimed.cause == deliveries.SCHEDULED
    return _Ready(claimed, tuple(deliveries.present_tags(connection, claimed.id)) if asked else ())


def _try(
    ready: _Ready, fan: Fan, sink: Sink, remotes: Mapping[str, RemoteRegistry]
) -> tuple[Attempt, Outcome] | Doubt:
    claimed = ready.claim
    pause("deliver.claimed")
    if ready.tags:
        found = doubt(remotes, claimed.registry or "", claimed.repository or "", ready.tags, claimed.digest or "")
        pause("deliver.confirmed")
        if found is not None:
            return found
    started_ns = time.time_ns()
    outcome = sink.send(claimed.id, _message(claimed, fan.link_key), started_ns // SECOND_NS)
    answer = sealed(fan.link_key, claimed.body, outcome.answer) if _asks_people(claimed) else outcome.answer
    return Attempt(started_ns, outcome.duration_ns, outcome.status, outcome.detail, answer), outcome


def _write(connection: Connection, ready: _Ready, ended: tuple[Attempt, Outcome] | Doubt) -> None:
    """What came of a try; a doubt that is not final counts as one."""
    if not isinstance(ended, Doubt):
        attempt, outcome = ended
        deliveries.finish(connection, ready.claim, attempt, _next(ready.claim, outcome, now_ns(connection)))
    elif ended.final:
        deliveries.end(connection, ready.claim, Status.SUPERSEDED, ended.reason)
    else:
        failed = Outcome(None, ended.reason, b"", permanent=False, delivered=False, retry_after_s=None, duration_ns=0)
        attempt = Attempt(time.time_ns(), 0, None, ended.reason, b"")
        deliveries.finish(connection, ready.claim, attempt, _next(ready.claim, failed, now_ns(connection)))


def _message(claimed: Claim, link_key: bytes) -> Message:
    headers = tuple((name, value) for name, value in json.loads(claimed.headers or "[]"))
    body = unsealed(link_key, claimed.body) if _asks_people(claimed) else claimed.body
    return Message(claimed.content_type, body, headers, claimed.query or "")


def _asks_people(claimed: Claim) -> bool:
    """Whether it is a message of ours with a link that approves: no other is sent with a secret in it."""
    return claimed.purpose == "approval"


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

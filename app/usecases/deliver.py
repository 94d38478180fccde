"""Sends what is due to one destination: claim, send, then write what came of it (DESIGN decisions 11 and 12)."""

import json
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from app.domain.approvals import sealed, unsealed
from app.domain.deliveries import Next, Status, Tried, after_attempt, in_flight
from app.domain.destinations import DISABLE_AFTER_NS, Condition, Heard, Patience, State, after, blame, room
from app.domain.times import SECOND_NS
from app.domain.told import Notice
from app.domain.traces import traceparent
from app.outbound import Limits
from app.pausepoints import pause
from app.remote.client import RemoteRegistry
from app.sinks.sink import Channel, Message, Outcome, Patient, Sink
from app.store import deliveries, destinations, due
from app.store.deliveries import Attempt, Claim
from app.store.engine import Connection, Engine, clock, now_ns, writing
from app.usecases.confirm import Doubt, doubt
from app.usecases.fan import Fan
from app.usecases.gate import pass_gate
from app.usecases.tell_notice import tell_notice

log = logging.getLogger(__name__)

LEASE_NS = int((Limits().total_s + 5) * SECOND_NS)
"""Longer than an attempt that is one call: an attempt ends before its lease."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How a destination is treated: requests in flight, and after how long of failures only it is disabled.

    `told`: the channels that say so then.
    """

    in_flight: int
    disable_after_ns: int = DISABLE_AFTER_NS
    told: Mapping[str, Channel] = field(default_factory=dict)


def deliver(
    engine: Engine,
    fan: Fan,
    destination: str,
    remotes: Mapping[str, RemoteRegistry],
    manners: Manners | None = None,
) -> int:
    """Try every delivery that is due for `destination`; how many were tried.

    As many as may be in flight are claimed and sent together; what came of them and the next claims are a transaction.
    `remotes` are asked before deploys that have to be confirmed.
    """
    tried, clock_ns, manners = 0, clock(engine), manners or Manners(in_flight(destination))
    how = lease_ns(fan.sinks[destination]), manners.in_flight
    with writing(engine) as connection:
        due.expire(connection, destination, now_ns(connection))
        claimed = _claim(connection, fan, destination, how)
    with ThreadPoolExecutor(manners.in_flight, thread_name_prefix=destination) as threads:
        while claimed:
            tried += len(claimed)
            ended = list(threads.map(lambda one: _try(one, fan, remotes, clock_ns), claimed))
            pause("deliver.sent")
            with writing(engine) as connection:
                _write_all(connection, destination, list(zip(claimed, ended, strict=True)), manners)
                claimed = _claim(connection, fan, destination, how)
            pause("deliver.written")
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
    condition, (held_ns, most) = destinations.lock(connection, destination), how
    now = now_ns(connection)
    free = room(condition, now, most, destinations.in_flight(connection, destination, now))
    while free and (claimed := deliveries.claim(connection, destination, now_ns(connection), held_ns, free)):
        if going := pass_gate(connection, fan, claimed):
            return [_ready(connection, one) for one in going]
    return []


def _ready(connection: Connection, claimed: Claim) -> _Ready:
    asked = claimed.confirm and claimed.cause == deliveries.SCHEDULED
    return _Ready(claimed, tuple(deliveries.present_tags(connection, claimed.id)) if asked else ())


def _try(
    ready: _Ready, fan: Fan, remotes: Mapping[str, RemoteRegistry], clock_ns: Callable[[], int]
) -> tuple[Attempt, Outcome] | Doubt:
    """`clock_ns` is the database's: a receiver drops what is signed for another time."""
    claimed = ready.claim
    pause("deliver.claimed")
    if ready.tags:
        found = doubt(remotes, claimed.registry or "", claimed.repository or "", ready.tags, claimed.digest or "")
        pause("deliver.confirmed")
        if found is not None:
            return found
    started_ns, sink = clock_ns(), fan.sinks[claimed.destination]
    outcome = sink.send(claimed.id, _message(claimed, fan.link_key), started_ns // SECOND_NS)
    fan.attempted(claimed.destination, outcome)
    answer = sealed(fan.link_key, claimed.body, outcome.answer) if _asks_people(claimed) else outcome.answer
    return Attempt(started_ns, outcome.duration_ns, outcome.status, outcome.detail, answer), outcome


def _write_all(
    connection: Connection,
    destination: str,
    ended: Sequence[tuple[_Ready, tuple[Attempt, Outcome] | Doubt]],
    manners: Manners,
) -> None:
    """What came of tries, and how the destination does after them, in the order in which they ended."""
    before = condition = destinations.lock(connection, destination)
    now = now_ns(connection)
    for ready, one in sorted(ended, key=lambda pair: _ended_ns(pair[1])):
        _write(connection, ready, one, now)
        if not isinstance(one, Doubt):
            patience = Patience(manners.disable_after_ns, _jitter())
            condition = after(condition, _heard(one[1]), now, patience)
    if condition != before:
        destinations.save(connection, destination, condition)
    if condition.state is State.DISABLED and before.state is not State.DISABLED:
        _tell_disabled(connection, destination, condition, manners.told)


def _tell_disabled(
    connection: Connection, destination: str, condition: Condition, told: Mapping[str, Channel]
) -> None:
    text = f"{destination} is disabled: {condition.reason}"
    log.warning("%s", text)
    notice = Notice(
        kind="destination.disabled",
        about=destination,
        text=f"{text}. What is for it waits; to send it: tagtrail destination enable {destination}",
        time_ns=condition.since_ns,
        link=None,
    )
    tell_notice(connection, told, notice, f"destination.disabled {destination} {condition.since_ns}")


def _ended_ns(ended: tuple[Attempt, Outcome] | Doubt) -> int:
    return 0 if isinstance(ended, Doubt) else ended[0].started_ns + ended[0].duration_ns


def _heard(outcome: Outcome) -> Heard:
    found = blame(outcome.status, delivered=outcome.delivered, permanent=outcome.permanent)
    return Heard(found, outcome.detail, outcome.retry_after_s)


def _write(connection: Connection, ready: _Ready, ended: tuple[Attempt, Outcome] | Doubt, now: int) -> None:
    """What came of a try; a doubt that is not final counts as one."""
    if not isinstance(ended, Doubt):
        attempt, outcome = ended
        deliveries.finish(connection, ready.claim, attempt, _next(ready.claim, outcome, now))
    elif ended.final:
        deliveries.end(connection, ready.claim, Status.SUPERSEDED, ended.reason)
    else:
        failed = Outcome(None, ended.reason, b"", permanent=False, delivered=False, retry_after_s=None, duration_ns=0)
        attempt = Attempt(now, 0, None, ended.reason, b"")
        deliveries.finish(connection, ready.claim, attempt, _next(ready.claim, failed, now))


def _message(claimed: Claim, link_key: bytes) -> Message:
    headers = [(name, value) for name, value in json.loads(claimed.headers or "[]")]
    if claimed.trace_id is not None:
        headers.append(("traceparent", traceparent(claimed.trace_id, claimed.id)))
    body = unsealed(link_key, claimed.body) if _asks_people(claimed) else claimed.body
    return Message(claimed.content_type, body, tuple(headers), claimed.query or "")


def _asks_people(claimed: Claim) -> bool:
    """Whether it is a message of ours with a link that approves: no other is sent with a secret in it."""
    return claimed.purpose == "approval"


def _next(claimed: Claim, outcome: Outcome, now: int) -> Next:
    tried = Tried(outcome.delivered, outcome.permanent, outcome.detail, outcome.retry_after_s, claimed.tries + 1)
    return after_attempt(tried, now, claimed.expires_ns, _jitter())


def _jitter() -> float:
    return random.uniform(-1, 1)  # noqa: S311 - spreads retries


def no_sink(engine: Engine, destination: str) -> int:
    """End what is due for a destination that the configuration no longer has; how many."""
    reason, ended = f"the configuration has no {destination}", 0
    with writing(engine) as connection:
        now = now_ns(connection)
        while claimed := deliveries.claim(connection, destination, now, LEASE_NS, 100):
            for one in claimed:
                attempt = Attempt(now, 0, None, reason, b"")
                deliveries.finish(connection, one, attempt, Next(Status.DEAD, reason))
            ended += len(claimed)
    return ended

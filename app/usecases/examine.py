"""Sends made-up events to the receiver that runs, as a registry would, and says of each step how it went."""

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from app.domain.access import EVERYTHING
from app.domain.events import MADE_UP
from app.envelopes.made_up import Ping, made_up
from app.outbound import Answer, Call, Door, OutboundError, Url
from app.store.engine import Engine, reading
from app.store.queries import events
from app.store.queries.events import EventFilter
from app.store.queries.paging import Paging

TRIES = 5


@dataclass(frozen=True, slots=True)
class Step:
    """`ok` None: it could not be tried. `advice`: what to do about it, or what to mind; empty where nothing is."""

    step: str
    ok: bool | None
    detail: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Sender:
    """An origin's sender as it is played. `prove` gives the headers that prove a body, for the event's id.

    `timeout_ms`: how long such a sender waits for an answer; None where that is not known.
    """

    origin: str
    kind: str
    host: str
    url: Url
    timeout_ms: int | None
    prove: Callable[[bytes, str], Mapping[str, str]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sent:
    ping: Ping
    answer: Answer


def examine(engine: Engine, door: Door, sender: Sender) -> Iterator[Step]:
    """One step after the other, as far as each makes sense after the one before."""
    sent: list[Sent] = []
    try:
        for ping in _pings(sender):
            sent.append(Sent(ping, door.send(_call(sender, ping))))
            if sent[-1].answer.status != 202:
                break
    except OutboundError as error:
        yield Step("reach", False, f"{sender.url.shown}: {error}", "start the receiver: tagtrail up")
        return
    yield Step("reach", True, sender.url.shown)
    accepted = _accepted(sent[-1].answer)
    yield accepted
    if accepted.ok:
        yield _in_time(sender, [one.answer.duration_ns / 1e6 for one in sent])
        yield _stored(engine, sender, sent)


def _pings(sender: Sender) -> Iterator[Ping]:
    """Each is another event: a repeat is answered faster."""
    run = uuid.uuid4().hex[:8]
    for number in range(1, TRIES + 1):
        tag = f"ping-{run}-{number}"
        digest = f"sha256:{hashlib.sha256(tag.encode()).hexdigest()}"
        yield Ping(str(uuid.uuid4()), tag, digest, sender.host, time.time_ns())


def _call(sender: Sender, ping: Ping) -> Call:
    received = made_up(sender.kind, ping)
    headers = {**received.headers, **sender.prove(received.body, ping.id)}
    return Call("POST", sender.url, headers, received.body)


_ADVICE = {
    401: "the receiver has another secret for it: restart it if the secret was changed, or run this command with the "
    "environment and the configuration that the receiver was started with",
    404: "the receiver doesn't know it: run this command with the --data and --config that the receiver was started "
    "with; it follows a change of tagtrail.yml within some seconds",
    421: "the receiver doesn't know the host by which it is reached: list it under web: hosts:",
    429: "too many proofs failed from this address: try again in a minute",
    503: "the receiver's database is away, or rules don't let it use this origin: see its log",
}


def _accepted(answer: Answer) -> Step:
    if answer.status != 202:
        advice = _ADVICE.get(answer.status, "this is no answer of Tagtrail's receiver: see what listens there")
        return Step("accept", False, f"HTTP {answer.status}{_said(answer, 'detail')}", advice)
    if reason := _said(answer, "reason"):
        return Step("accept", False, f"quarantined{reason}", "set the kind of the origin to what its registry is")
    return Step("accept", True, f"HTTP {answer.status}: the proof holds, and the event could be read")


def _said(answer: Answer, member: str) -> str:
    """A text of the answer's JSON, to stand behind what happened."""
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError):
        return ""
    told = value.get(member) if isinstance(value, dict) else None
    return f": {told[:300]}" if isinstance(told, str) else ""


def _in_time(sender: Sender, took_ms: Sequence[float]) -> Step:
    middle = median(took_ms)
    detail = f"answered in {min(took_ms):.1f} ms at best, {middle:.1f} ms in the middle of {len(took_ms)} tries"
    if sender.timeout_ms is None:
        return Step("time", True, f"{detail}; how long {sender.kind} waits is not known")
    detail = f"{detail}; {sender.kind} waits {sender.timeout_ms} ms"
    if middle < sender.timeout_ms:
        return Step("time", True, detail)
    return Step("time", False, detail, "give the sender more time, and Tagtrail's database a faster disk")


def _stored(engine: Engine, sender: Sender, sent: Sequence[Sent]) -> Step:
    asked = [EventFilter(origin=sender.origin, repository=MADE_UP, tag=one.ping.tag) for one in sent]
    with reading(engine) as connection:
        pages = [events.page(connection, EVERYTHING, one, Paging(1)) for one in asked]
    found = [line for page in pages for line in page.items]
    if len(found) == len(sent):
        return Step("store", True, f"all {len(found)} are events of {sender.origin}, the last with seq {found[-1].seq}")
    return Step(
        "store",
        False,
        f"{len(found)} of {len(sent)} are in this command's database",
        f"let ignore: of the origin leave out neither {MADE_UP} nor ping-*; and let this command and the receiver "
        "have the same DATABASE_URL and --data",
    )

"""Asks a registry for the digests that its events did not give, and takes in what it answers (DESIGN decision 7).

A promise is leased while the registry is asked: its time is set to when another may try. No transaction waits for an
answer.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from app.domain.asking import (
    GAVE_UP,
    NOT_CONFIGURED,
    OVERTAKEN,
    asking,
    next_wait_ns,
    resolved,
    resolved_id,
    unresolved,
)
from app.domain.changes import TagKey
from app.domain.digests import Descriptor
from app.domain.errors import InvalidNameError, TagtrailError
from app.domain.events import Event, Report
from app.domain.origins import ASKING
from app.domain.text import printable
from app.domain.times import SECOND_NS
from app.envelopes import Reading
from app.pausepoints import pause
from app.remote.client import RemoteRegistry
from app.store import events, outbox
from app.store.engine import Connection, Engine, clock, now_ns, reading, writing
from app.store.outbox import Promise
from app.usecases.ingest import Parcel, Policy, ingest

log = logging.getLogger(__name__)

MOST_AT_ONCE = 8
LEASE_NS = 300 * SECOND_NS
"""Longer than the calls of one question can take: HEAD, GET, and a token for each."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a registry said at `asked_ns`: the manifest, or why there is none. `final`: asking again won't help."""

    asked_ns: int
    found: Descriptor | None
    failure: str = ""
    final: str | None = None


def resolve(engine: Engine, registry: str, remote: RemoteRegistry | None, policy: Policy) -> bool:
    """Ask `registry` all that is due; `remote` None: it may not be asked. True if there is something to fan out."""
    promised, clock_ns = False, clock(engine)
    with ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="resolve") as threads:
        while claimed := _claim(engine, registry):
            answers = threads.map(partial(_ask, remote, clock_ns), [event for _promise, event in claimed])
            for (promise, event), answer in zip(claimed, answers, strict=True):
                promised |= _settle(engine, promise, event, answer, policy)
    return promised


def _claim(engine: Engine, registry: str) -> list[tuple[Promise, Event]]:
    """Promises that are due, with the pushes they are about; those that were kept before a crash end here."""
    with writing(engine) as connection:
        while True:
            now = now_ns(connection)
            taken = outbox.take(connection, outbox.resolve_lane(registry), now, MOST_AT_ONCE)
            found = events.by_seq(connection, [promise.event_seq for promise in taken])
            open_ones = _open(connection, taken, found)
            outbox.kept(connection, [promise for promise in taken if promise not in open_ones])
            outbox.postpone(connection, open_ones, now + LEASE_NS)
            if open_ones or not taken:
                return [(promise, found[promise.event_seq]) for promise in open_ones]


def _open(connection: Connection, taken: Sequence[Promise], found: dict[int, Event]) -> list[Promise]:
    ids = {seq: resolved_id(event.origin, event.event_id) for seq, event in found.items()}
    known = events.known(connection, {ASKING: set(ids.values())}) if ids else {}
    return [one for one in taken if one.event_seq in ids and (ASKING, ids[one.event_seq]) not in known]


def _ask(remote: RemoteRegistry | None, clock_ns: Callable[[], int], event: Event) -> _Answer:
    asked_ns = clock_ns()
    if remote is None:
        return _Answer(asked_ns, None, f"registries: names no {event.registry}", NOT_CONFIGURED)
    try:
        found = remote.head_manifest(event.report.repository, event.report.tag or "")
    except InvalidNameError as error:
        return _Answer(asked_ns, None, str(error), GAVE_UP)
    except TagtrailError as error:
        return _Answer(asked_ns, None, str(error))
    return _Answer(asked_ns, found, "" if found else "the registry has no such tag")


def _settle(engine: Engine, promise: Promise, event: Event, answer: _Answer, policy: Policy) -> bool:
    """Take in what was learnt, or wait. True if there is something to fan out."""
    pause("resolve.asked")
    wait_ns = next_wait_ns(answer.asked_ns - event.received_ns)
    report = _learnt(engine, event, answer, last=wait_ns is None)
    if report is None:
        with writing(engine) as connection:
            outbox.postpone(connection, [promise], now_ns(connection) + (wait_ns or 0))
        return False
    promised = ingest(engine, [Parcel(asking(event.registry), Reading((report,)), answer.asked_ns)], policy)
    pause("resolve.taken-in")
    with writing(engine) as connection:
        outbox.kept(connection, [promise])
    return promised


def _learnt(engine: Engine, event: Event, answer: _Answer, *, last: bool) -> Report | None:
    """What there is to take in; None: ask again. A tag that has news since tells nothing of the older push."""
    key = TagKey(event.registry, event.report.repository, event.report.tag or "")
    with reading(engine) as connection:
        overtaken = events.has_news_since(connection, key, event.time_ns)
    if overtaken:
        return unresolved(event, OVERTAKEN, "the tag was pushed or deleted again", answer.asked_ns)
    if answer.found is not None:
        return resolved(event, answer.found, answer.asked_ns)
    why = answer.final or (GAVE_UP if last else None)
    shown = printable(f"{key.registry}/{key.repository}:{key.tag}")
    if why is None:
        log.info("%s: no digest yet: %s", shown, printable(answer.failure))
        return None
    log.warning("%s stays without a digest (%s): %s", shown, why, printable(answer.failure))
    return unresolved(event, why, answer.failure, answer.asked_ns)

"""Takes in what senders told: events, history and promises in one transaction (DESIGN decisions 1 to 8)."""

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from app.domain.asking import lacks_digest
from app.domain.events import MADE_UP, Event, Numbers, accept
from app.domain.filters import is_unheard
from app.domain.origins import Origin
from app.envelopes import Reading, Received
from app.pausepoints import pause
from app.store import events, head, heard, origins, outbox, quarantine, repositories
from app.store.engine import Connection, Engine, may_retry, writing
from app.store.heard import Span
from app.store.origins import Tally
from app.store.quarantine import Rejected
from app.usecases import anonymous, history
from app.usecases.anonymous import ASK_AFTER_NS

TRIES = 5
MOST_EVENTS = 1000
"""In one transaction: others wait for their turn meanwhile."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One authentic request, read: what it tells and, where `rejected` is set, what goes into quarantine."""

    origin: Origin
    reading: Reading
    received_ns: int
    rejected: Rejected | None = None

    @property
    def weight(self) -> int:
        """How much it adds to a transaction: its events, or one row of the quarantine."""
        return max(1, len(self.reading.reports))

    @property
    def made_up(self) -> bool:
        """Whether the doctor sent it, and not the registry: then it is no sign that the registry is alive."""
        reports = self.reading.reports
        return bool(reports) and all(report.repository == MADE_UP for report in reports)


def parts(parcel: Parcel) -> list[Parcel]:
    """`parcel` in pieces of which each fits a transaction; what goes into quarantine is in the last.

    Who sends all of it again, because a later piece was not committed, repeats the earlier ones.
    """
    reports = parcel.reading.reports
    starts = range(0, len(reports), MOST_EVENTS) or range(1)
    pieces = [
        replace(parcel, reading=Reading(reports[at : at + MOST_EVENTS], parcel.reading.faults), rejected=None)
        for at in starts
    ]
    return [*pieces[:-1], replace(pieces[-1], rejected=parcel.rejected)]


@dataclass(frozen=True, slots=True)
class Policy:
    """What ingest needs to know of the rules: how old a change may be to act, and whether pulls fan out at all."""

    max_age_ns: int
    pulls_fan_out: bool = False


@dataclass(slots=True)
class _Sorted:
    new: list[Event] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    tallies: dict[str, Tally] = field(default_factory=dict)

    def tally(self, parcel: Parcel) -> Tally:
        """Where to count what is in `parcel`; nowhere that is kept, if it is made up."""
        found = Tally() if parcel.made_up else self.tallies.setdefault(parcel.origin.name, Tally())
        found.last_received_ns = max(found.last_received_ns, parcel.received_ns)
        return found


def ingest(engine: Engine, parcels: Sequence[Parcel], policy: Policy) -> bool:
    """Commit all of `parcels` or raise (UnavailableError: nothing was kept). True if there is something to fan out."""
    for attempt in range(TRIES):
        try:
            with writing(engine) as connection:
                promised = _take_in(connection, parcels, policy)
                pause("ingest.before-commit")
        except Exception as error:
            if attempt == TRIES - 1 or not may_retry(error):
                raise
        else:
            return promised
    raise AssertionError("unreachable")


def _take_in(connection: Connection, parcels: Sequence[Parcel], policy: Policy) -> bool:
    at = head.lock(connection)
    found = _sort(connection, parcels)
    numbered = [replace(event, seq=at.seq + ordinal) for ordinal, event in enumerate(found.new, 1)]
    promised: list[str] = []
    if numbered:
        now_ns = max(parcel.received_ns for parcel in parcels)
        at = events.add(connection, at, numbered)
        repositories.note(connection, numbered)
        promised = history.extend(connection, numbered, now_ns, policy.max_age_ns)
        if policy.pulls_fan_out:
            promised += [f"{outbox.EVENT}{event.seq}" for event in numbered if event.report.action == "pull"]
        outbox.add(connection, outbox.FAN_OUT, promised, now_ns)
        _promise_to_ask(connection, numbered, now_ns + ASK_AFTER_NS)
        head.advance(connection, at)
    heard.add(connection, _numbers(parcels))
    quarantine.add(connection, found.rejected)
    origins.count(connection, found.tallies)
    return bool(promised)


def _numbers(parcels: Sequence[Parcel]) -> list[Span]:
    """What `parcels` tell of the journals of registries like ours: also what is not stored was told.

    What is announced as parked is not missed: its sender lists it, and sends it when somebody says so.
    """
    reports = [(parcel.origin.name, report) for parcel in parcels for report in parcel.reading.reports]
    return [
        Span(origin, report.journal, one.after, one.upto)
        for origin, report in reports
        if report.journal and report.sequence and report.previous is not None and report.previous < report.sequence
        for one in (Numbers(report.previous, report.sequence), *report.parked)
    ]


def _promise_to_ask(connection: Connection, numbered: Sequence[Event], not_before_ns: int) -> None:
    """The relay rings for these: nobody waits for them by the millisecond."""
    lacking = [event for event in numbered if lacks_digest(event)]
    for registry in sorted({event.registry for event in lacking}):
        subjects = [f"{outbox.EVENT}{event.seq}" for event in lacking if event.registry == registry]
        outbox.add(connection, outbox.resolve_lane(registry), subjects, not_before_ns)


def _sort(connection: Connection, parcels: Sequence[Parcel]) -> _Sorted:
    """Tell the new events from repeats, and from others that use a known id for something else."""
    found = _Sorted()
    told = anonymous.name(connection, [_accepted(parcel) for parcel in parcels])
    seen = events.known(connection, _ids(told))
    for parcel, accepted in zip(parcels, told, strict=True):
        tally = found.tally(parcel)
        tally.ignored += len(parcel.reading.reports) - len(accepted)
        if parcel.rejected is not None:
            found.rejected.append(parcel.rejected)
            tally.quarantined += 1
        for event in accepted:
            before = seen.setdefault((event.origin, event.event_id), event.report.raw)
            if before is event.report.raw:
                found.new.append(event)
                tally.events += 1
            elif same_content(before, event.report.raw):
                tally.repeats += 1
            else:
                found.rejected.append(_conflict(event))
                tally.quarantined += 1
    return found


def _ids(told: Sequence[Sequence[Event]]) -> dict[str, set[str]]:
    ids: dict[str, set[str]] = {}
    for accepted in told:
        for event in accepted:
            ids.setdefault(event.origin, set()).add(event.event_id)
    return ids


def _accepted(parcel: Parcel) -> list[Event]:
    origin = parcel.origin
    return [
        accept(report, origin.name, origin.registries, parcel.received_ns)
        for report in parcel.reading.reports
        if not is_unheard(origin.unheard, report)
    ]


def same_content(one: bytes, other: bytes) -> bool:
    """Whether two events are the same JSON, however it is spaced."""
    try:
        return one == other or bool(json.loads(one) == json.loads(other))
    except RecursionError:  # it could be read when less of the stack was in use
        return False


def _conflict(event: Event) -> Rejected:
    detail = f"event id {event.event_id} is known with other content"
    return reject(event.origin, Received(event.report.raw), event.received_ns, ("id-conflict", detail))


def reject(
    origin: str, received: Received, received_ns: int, why: tuple[str, str], content_type: str | None = None
) -> Rejected:
    """A quarantine row for a body that is at hand as a whole. `why`: (reason, detail)."""
    body, (reason, detail) = received.body, why
    return Rejected(
        id=uuid.uuid4().hex,
        origin=origin,
        received_ns=received_ns,
        reason=reason,
        detail=detail,
        content_type=content_type,
        headers=dump_headers(received.headers),
        length=len(body),
        sha256=hashlib.sha256(body).hexdigest(),
        body=body,
    )


def dump_headers(headers: Mapping[str, str]) -> str | None:
    """As the quarantine keeps them: a JSON object, or None where there are none."""
    return json.dumps(dict(headers)) if headers else None

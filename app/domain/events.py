"""One fact that a registry told: who did what to which content, when."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum

ACTIONS = ("push", "pull", "mount", "delete", "observe")
"""What may happen to content. `observe` is what Tagtrail learnt by asking (DESIGN decision 7)."""


class Scope(StrEnum):
    """How far an event reaches into the history of tags; the dialect says it, the fold never guesses (decision 6)."""

    TAG = "tag"
    MANIFEST = "manifest"
    REPOSITORY = "repository"


class Provenance(StrEnum):
    """How something is known: told by its registry, concluded from a wider event, or learnt by asking (decision 8)."""

    OBSERVED = "observed"
    DERIVED = "derived"
    RESOLVED = "resolved"
    RECONCILED = "reconciled"


@dataclass(frozen=True, slots=True)
class Numbers:
    """after < n <= upto, of a journal."""

    after: int
    upto: int


@dataclass(frozen=True, slots=True)
class Report:
    """An event as a dialect read it: what the sender claims, before an origin vouches for any of it.

    `id` and `time_ns` (nanoseconds since 1970, UTC) are None where the source gives none. `host` is the registry's
    name as the payload has it, never a key. `repository` is empty where the event is about none. `tag` is a tag or
    None: dialects turn a "tag" that is a digest into None and say so in `flags`. Of a delete only what its scope takes
    is here: a tag without digest, or a digest without tag. `raw` holds the exact bytes of this one event, or of the
    body that tells several at once: `ordinal` counts these. `sequence` is its number in `journal`, and
    `previous` that of the one told before it; `parked` are those of which it says that they are kept back.
    """

    raw: bytes
    action: str
    scope: Scope | None
    repository: str
    id: str | None = None
    ordinal: int | None = None
    time_ns: int | None = None
    host: str | None = None
    tag: str | None = None
    digest: str | None = None
    media_type: str | None = None
    size: int | None = None
    from_repository: str | None = None
    actor: str | None = None
    request_id: str | None = None
    request_addr: str | None = None
    request_method: str | None = None
    user_agent: str | None = None
    source_addr: str | None = None
    source_instance: str | None = None
    sequence: int | None = None
    journal: str | None = None
    previous: int | None = None
    parked: tuple[Numbers, ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Order:
    """Where an event stands in history: (time, sequence of our own registry, event id, origin); decision 5."""

    time_ns: int
    sequence: int
    event_id: str
    origin: str


@dataclass(frozen=True, slots=True)
class TagEvent:
    """As much of a stored event as the history of tags needs.

    Scope TAG: `tag` now points to `digest`, or is gone where `digest` is None. Scope MANIFEST: `digest` is gone and
    every tag on it. Scope REPOSITORY: everything is gone. `provenance` is how this is known of the tag it names.
    """

    order: Order
    scope: Scope
    tag: str | None
    digest: str | None
    actor: str | None
    provenance: Provenance = Provenance.OBSERVED


def provenance(flags: Collection[str]) -> Provenance:
    """How an event with these flags is known: those that Tagtrail made by asking say so."""
    asked = (known for known in (Provenance.RESOLVED, Provenance.RECONCILED) if known in flags)
    return next(asked, Provenance.OBSERVED)


MIN_TIME_NS = 946_684_800_000_000_000
"""2000-01-01: no container registry is older, so an earlier time is a default value (GHCR sends year 1)."""
MAX_AHEAD_NS = 24 * 3600 * 1_000_000_000
"""A source's clock may run ahead this much before its time counts as one that can't be true."""


TIME_MISSING, TIME_IMPLAUSIBLE = "time-missing", "time-implausible"
"""Flags of events whose time is that of their receipt."""


def accepted_time(claimed_ns: int | None, received_ns: int) -> tuple[int, tuple[str, ...]]:
    """The time that an event gets for good, and a flag where it isn't the source's own (decision 5)."""
    if claimed_ns is None:
        return received_ns, (TIME_MISSING,)
    if not MIN_TIME_NS <= claimed_ns <= received_ns + MAX_AHEAD_NS:
        return received_ns, (TIME_IMPLAUSIBLE,)
    return claimed_ns, ()


def registry_name(host: str | None, names: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The registry that an origin's event is about: never a name which the origin doesn't list (decision 4)."""
    if host is None:
        return names[0], ()
    same = next((name for name in names if name.lower() == host.lower()), None)
    return (same, ()) if same else (names[0], ("foreign-host",))


@dataclass(frozen=True, slots=True)
class Event:
    """A report that an origin vouches for, as it is stored. `event_id` is unique within the origin (decision 3)."""

    origin: str
    event_id: str
    registry: str
    time_ns: int
    received_ns: int
    flags: tuple[str, ...]
    report: Report
    seq: int = 0

    @property
    def order(self) -> Order:
        return Order(self.time_ns, self.report.sequence or 0, self.event_id, self.origin)


MADE_UP = "tagtrail/doctor"
"""The repository of the events that `tagtrail origin doctor` makes up: they are kept, and have no part in history."""
BODY_ID = "body:"
"""Prefix of the id of an event to which its source gave none; the digest of its bytes follows, and when it came."""


def accept(report: Report, origin: str, registries: tuple[str, ...], received_ns: int) -> Event:
    """What becomes of a report once its sender is proven: registry, time and id are settled for good."""
    time_ns, time_flags = accepted_time(report.time_ns, received_ns)
    registry, host_flags = registry_name(report.host, registries)
    event_id = report.id or BODY_ID + hashlib.sha256(report.raw).hexdigest()
    if report.ordinal is not None:
        event_id = f"{event_id}#{report.ordinal}"
    flags = (*report.flags, *time_flags, *host_flags)
    if report.repository == MADE_UP:
        report, flags = replace(report, scope=None), (*flags, "made-up")
    return Event(origin, event_id, registry, time_ns, received_ns, flags, report)

"""What a registry's answer means for the history of a tag, when it is asked about all it has. Pure."""

import json
from dataclasses import dataclass, field

from app.domain.asking import OBSERVE
from app.domain.changes import ABSENT, UNKNOWN, TagState
from app.domain.events import Provenance, Report, Scope
from app.domain.times import SECOND_NS, rfc3339

FRESH_NS = 60 * SECOND_NS
"""An answer that contradicts a younger event is asked again: the two may have passed each other."""
RECONCILE = "reconcile"
"""Flag of the event that says that a registry was walked; PARTIAL is another where something was left out."""
PARTIAL = "partial"


@dataclass(frozen=True, slots=True)
class Seen:
    """Where a tag pointed when the registry was asked at `asked_ns`: a digest or ABSENT."""

    repository: str
    tag: str
    points_to: str
    asked_ns: int
    media_type: str | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """Events say `before`, the registry says `after`. It came about between `since_ns` (or ever) and `until_ns`."""

    repository: str
    tag: str
    before: str
    after: str
    since_ns: int | None
    until_ns: int


@dataclass(slots=True)
class Walked:
    """What came of walking a registry. `moving`: tags that changed while they were asked about, and are left alone.

    `catalog`: the registry told all its repositories. `gaps`: (journal, after, up to) of the events that never came,
    which this walk makes good.
    """

    run: str
    origin: str
    registry: str
    began_ns: int
    repository_pattern: str | None = None
    repositories: int = 0
    tags: int = 0
    differences: list[Difference] = field(default_factory=list)
    moving: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    catalog: bool = False
    gaps: list[tuple[str, int, int]] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        return not (self.failures or self.moving or self.repository_pattern)

    @property
    def closes_gaps(self) -> bool:
        """Whether nothing is left that an event which never came could have told: no repository that nobody knows."""
        return self.complete and self.catalog


def difference(known: TagState | None, seen: Seen) -> Difference | None:
    """What `seen` adds to what events told of its tag; None: they agree. A tag that nobody ever had is no news."""
    before = known.points_to if known is not None else UNKNOWN
    if seen.points_to == before or (known is None and seen.points_to == ABSENT):
        return None
    since_ns = known.last_ns if known is not None else None
    return Difference(seen.repository, seen.tag, before, seen.points_to, since_ns, seen.asked_ns)


def is_fresh(known: TagState | None, seen: Seen) -> bool:
    """Whether the last event of the tag is too young to be contradicted. It may be of the future: clocks differ."""
    return known is not None and seen.asked_ns - known.last_ns < FRESH_NS


def reconciled(walked: Walked, found: Difference, seen: Seen) -> Report:
    """The event that brings history to what the registry says. When the tag came there is only known as a span."""
    told = {
        "asked": rfc3339(seen.asked_ns),
        "since": None if found.since_ns is None else rfc3339(found.since_ns),
        "until": rfc3339(found.until_ns),
        "registry": walked.registry,
        "repository": seen.repository,
        "tag": seen.tag,
        "before": found.before,
        "after": found.after,
        "origin": walked.origin,
        "run": walked.run,
    }
    return Report(
        raw=json.dumps(told).encode(),
        action=OBSERVE,
        scope=Scope.TAG,
        repository=seen.repository,
        id=f"{RECONCILE}:{walked.run}:{len(walked.differences)}",
        time_ns=seen.asked_ns,
        tag=seen.tag,
        digest=None if seen.points_to == ABSENT else seen.points_to,
        media_type=seen.media_type,
        size=seen.size,
        flags=(Provenance.RECONCILED.value,),
    )


def record(walked: Walked, ended_ns: int) -> Report:
    """The event that says that the registry was walked, and how far. It changes no history."""
    told = {
        "began": rfc3339(walked.began_ns),
        "ended": rfc3339(ended_ns),
        "origin": walked.origin,
        "registry": walked.registry,
        "run": walked.run,
        "pattern": walked.repository_pattern,
        "repositories": walked.repositories,
        "tags": walked.tags,
        "differences": len(walked.differences),
        "moving": walked.moving,
        "failures": walked.failures,
        "catalog": walked.catalog,
        "gaps": walked.gaps,
    }
    return Report(
        raw=json.dumps(told).encode(),
        action=OBSERVE,
        scope=None,
        repository="",
        id=f"{RECONCILE}:{walked.run}",
        time_ns=walked.began_ns,
        flags=(RECONCILE,) if walked.complete else (RECONCILE, PARTIAL),
    )

"""What Tagtrail learns by asking a registry, as reports of its own (DESIGN decision 7). Pure.

Their raw bytes are JSON that says when was asked and why; their flags say how the answer is known.
"""

import hashlib
import json
from typing import Any

from app.domain.digests import Descriptor
from app.domain.events import MADE_UP, Event, Provenance, Report, Scope
from app.domain.origins import ASKING, Origin
from app.domain.times import SECOND_NS, rfc3339

OBSERVE = "observe"
UNRESOLVED = "unresolved"
"""Flag of an event that says that a digest could not be learnt; a second flag says why."""
NOT_CONFIGURED, OVERTAKEN, GAVE_UP = "not-configured", "overtaken", "gave-up"
GIVE_UP_AFTER_NS = 86_400 * SECOND_NS
"""A push whose registry could not be asked for so long stays without a digest."""
_SHORTEST_WAIT_NS = SECOND_NS
_LONGEST_WAIT_NS = 3600 * SECOND_NS


def asking(registry: str) -> Origin:
    """The origin under which what was learnt about `registry` is taken in."""
    return Origin(ASKING, ASKING, (registry,))


def lacks_digest(event: Event) -> bool:
    """Whether its registry has to be asked where the tag points that `event` says was pushed."""
    report = event.report
    named = report.repository not in ("", MADE_UP) and bool(report.tag)
    return report.action == "push" and named and report.digest is None


def resolved(cause: Event, found: Descriptor, asked_ns: int) -> Report:
    """The digest that `cause` did not give, at the time of that push."""
    told = {"mediaType": found.media_type, "digest": str(found.digest), "size": found.size}
    return Report(
        raw=_raw(_asked(cause, asked_ns) | told),
        action=OBSERVE,
        scope=Scope.TAG,
        repository=cause.report.repository,
        id=_id_after(cause),
        time_ns=cause.time_ns,
        tag=cause.report.tag,
        digest=str(found.digest),
        media_type=found.media_type or None,
        size=found.size,
        actor=cause.report.actor,
        flags=(Provenance.RESOLVED.value,),
    )


def unresolved(cause: Event, why: str, detail: str, asked_ns: int) -> Report:
    """That the digest of `cause` will not be known; it changes no history."""
    return Report(
        raw=_raw(_asked(cause, asked_ns) | {"why": why, "detail": detail}),
        action=OBSERVE,
        scope=None,
        repository=cause.report.repository,
        id=_id_after(cause),
        time_ns=asked_ns,
        tag=cause.report.tag,
        actor=cause.report.actor,
        flags=(UNRESOLVED, why),
    )


def resolved_id(origin: str, event_id: str) -> str:
    """Derived from the push, so that what is learnt of it twice is a repeat (decision 3)."""
    return "resolve:" + hashlib.sha256(f"{origin}\n{event_id}".encode()).hexdigest()[:32]


def next_wait_ns(age_ns: int) -> int | None:
    """How long after a failure to ask again about a push that came `age_ns` ago; None: not any more."""
    if age_ns >= GIVE_UP_AFTER_NS:
        return None
    return min(max(age_ns, _SHORTEST_WAIT_NS), _LONGEST_WAIT_NS)


def _id_after(cause: Event) -> str:
    return resolved_id(cause.origin, cause.event_id)


def _asked(cause: Event, asked_ns: int) -> dict[str, Any]:
    return {
        "asked": rfc3339(asked_ns),
        "registry": cause.registry,
        "repository": cause.report.repository,
        "tag": cause.report.tag,
        "cause": {"origin": cause.origin, "id": cause.event_id, "seq": cause.seq},
    }


def _raw(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode()

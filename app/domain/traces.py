"""One id from a push to the last message about it, and the line of steps between them."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from app.domain.origins import ASKING


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened. `lag_ns`: since the step that led to it; None where either has no time of its own.

    `kind` is one word; `text` says it in a line. `event` is a seq.
    """

    kind: str
    text: str
    time_ns: int | None = None
    lag_ns: int | None = None
    duration_ns: int | None = None
    event: int | None = None
    change: str | None = None
    delivery: str | None = None
    destination: str | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """What became of one event. `time_ns` is the registry's; `event` None: it is kept no longer."""

    trace_id: str
    origin: str
    event_id: str
    event: int | None
    time_ns: int
    registry: str
    repository: str
    tag: str | None
    digest: str | None
    steps: tuple[Step, ...]


def trace_id(origin: str, event_id: str) -> str:
    """32 hex digits, as W3C Trace Context has them, of the event that a change comes from."""
    return hashlib.sha256(f"{len(origin)}:{origin}{event_id}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def root(origin: str, event_id: str, raw: bytes | None) -> tuple[str, str]:
    """(origin, id) of the event that began it: what was asked belongs to the push that made us ask."""
    if origin != ASKING or raw is None:
        return origin, event_id
    cause = json.loads(raw).get("cause")
    return (cause["origin"], cause["id"]) if cause else (origin, event_id)


def traceparent(trace: str, delivery_id: str) -> str:
    """W3C Trace Context, §3.2: version, trace, parent (here the delivery, so that it is the same at each attempt)."""
    return f"00-{trace}-{hashlib.sha256(delivery_id.encode()).hexdigest()[:16]}-01"


def in_line(trunk: Iterable[Step], branches: Iterable[Sequence[Step]]) -> tuple[Step, ...]:
    """All steps with their distances; each branch begins where the trunk ends."""
    steps = list(_spaced(trunk, None))
    fork_ns = next((step.time_ns for step in reversed(steps) if step.time_ns is not None), None)
    return (*steps, *(step for branch in branches for step in _spaced(branch, fork_ns)))


def _spaced(steps: Iterable[Step], last_ns: int | None) -> Iterable[Step]:
    for step in steps:
        known = step.time_ns is not None and last_ns is not None
        yield replace(step, lag_ns=step.time_ns - last_ns) if known else step  # type: ignore[operator]
        last_ns = last_ns if step.time_ns is None else step.time_ns

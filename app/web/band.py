"""A tag's digests over time, as a strip of rectangles."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.changes import ABSENT
from app.store.queries.changes import ChangeLine

TONES = 4
THINNEST = 0.4
"""Percent: a digest that stayed for a second in a year is still seen."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of time: `left` and `width` in percent. The same digest has the same `tone`; None: absent."""

    left: float
    width: float
    tone: int | None
    change: ChangeLine
    until_ns: int


def band(newest_first: Sequence[ChangeLine], until_ns: int) -> list[Segment]:
    """From the first of the changes to `until_ns`; empty where there is nothing to compare."""
    lines = [line for line in reversed(newest_first) if line.kind != "void"]
    if len(lines) < 2:
        return []
    start_ns = lines[0].time_ns
    whole = max(until_ns - start_ns, 1)
    ends = [*(line.time_ns for line in lines[1:]), max(until_ns, lines[-1].time_ns)]
    tones = {digest: number % TONES for number, digest in enumerate(dict.fromkeys(line.after for line in lines))}
    segments = []
    for line, end_ns in zip(lines, ends, strict=True):
        left, width = (100 * (line.time_ns - start_ns) / whole, 100 * (end_ns - line.time_ns) / whole)
        tone = None if line.after == ABSENT else tones[line.after]
        shown = max(width, THINNEST)
        segments.append(Segment(round(min(left, 100 - shown), 3), round(shown, 3), tone, line, end_ns))
    return segments

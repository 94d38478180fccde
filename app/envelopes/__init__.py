"""What senders say, turned into reports: one file a dialect. Never raises for what a body holds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.domain.events import Report
from app.envelopes import distribution


@dataclass(frozen=True, slots=True)
class Reading:
    """A body as a dialect read it: what could be read, and one line for each thing that couldn't."""

    reports: tuple[Report, ...] = ()
    faults: tuple[str, ...] = ()


DIALECTS: Mapping[str, Callable[[bytes], tuple[list[Report], list[str]]]] = {"distribution": distribution.parse}
"""Kinds of origin, as configuration names them."""


def parse(kind: str, body: bytes) -> Reading:
    """Read `body` as the dialect `kind` (a key of DIALECTS)."""
    reports, faults = DIALECTS[kind](body)
    return Reading(tuple(reports), tuple(faults))

"""Bodies that hold several events: each with a text of its own, or told as a whole and counted."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from json import JSONDecodeError

from app.envelopes.reading import Reading, Received
from app.envelopes.slices import NotAnEnvelopeError
from app.envelopes.wire import FaultError, Said, decoded, placed, report, storable_value

Cut = Callable[[str], list[tuple[str, object]]]
"""(source text, value) of each event in the text of a body; raises as `slices.members` does."""


def one_by_one(received: Received, cut: Cut, told: Callable[[object], Said]) -> Reading:
    """The events that could be read, each with its exact bytes, and a line for each that couldn't: one spoils no other.

    `told` says what one event means, or raises FaultError.
    """
    try:
        found = _cut(received.body, cut)
    except FaultError as error:
        return Reading(faults=(str(error),))
    reports, faults = [], []
    for ordinal, (text, value) in enumerate(found):
        try:
            said = placed(told(storable_value(value, text)))
            reports.append(report(text.encode("utf-8"), said))
        except FaultError as error:
            faults.append(f"event {ordinal}: {error}")
    return Reading(tuple(reports), tuple(faults))


def _cut(body: bytes, cut: Cut) -> list[tuple[str, object]]:
    text = decoded(body)
    try:
        return cut(text)
    except JSONDecodeError as error:
        raise FaultError(f"not JSON: {error.msg} at character {error.pos}") from None
    except (RecursionError, ValueError) as error:
        kind = "not an envelope" if isinstance(error, NotAnEnvelopeError) else "not readable JSON"
        raise FaultError(f"{kind}: {str(error)[:200]}") from None


def numbered(said: Sequence[Said]) -> Sequence[Said]:
    """Events of one body that is told as a whole, with their ordinals where there are several."""
    if len(said) < 2:
        return said
    return [replace(one, ordinal=ordinal) for ordinal, one in enumerate(said)]

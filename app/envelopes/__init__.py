"""What senders say, turned into reports: one file a dialect. Never raises for what a body holds."""

from collections.abc import Mapping

from app.domain.origins import AUTO
from app.envelopes import distribution
from app.envelopes.reading import Dialect, Reading, Received
from app.envelopes.wire import FaultError, value_of

__all__ = ["DIALECTS", "KEPT_HEADERS", "KINDS", "Reading", "Received", "parse"]

DIALECTS: Mapping[str, Dialect] = {
    "distribution": distribution.DIALECT,
}
"""Kinds of origin, as configuration names them, in the order in which `auto` asks them."""
KINDS = (*sorted(DIALECTS), AUTO)
KEPT_HEADERS = frozenset(header for dialect in DIALECTS.values() for header in dialect.headers)
"""Headers that matter when a body is read again; none carries a secret."""


def parse(kind: str, received: Received) -> Reading:
    """Read what was received as the dialect `kind` (of KINDS)."""
    found = _recognised(received) if kind == AUTO else kind
    if isinstance(found, Reading):
        return found
    return DIALECTS[found].read(received)


def _recognised(received: Received) -> str | Reading:
    try:
        value = value_of(received.body)
    except FaultError as error:
        return Reading(faults=(str(error),))
    for kind, dialect in DIALECTS.items():
        if dialect.recognises(received, value):
            return kind
    return Reading(faults=("no known sender talks like this; give the origin its kind:",))

"""What senders say, turned into reports: one file a dialect. Never raises for what a body holds."""

from collections.abc import Mapping

from app.domain.origins import AUTO, GENERIC, Expressions
from app.envelopes import (
    acr,
    aliyun,
    angos,
    cloudevents,
    distribution,
    dockerhub,
    ecr,
    gar,
    generic,
    ghcr,
    gitea,
    harbor,
    jfrog,
    msr,
    nexus,
    quay,
    zot,
)
from app.envelopes.reading import Dialect, Reading, Received
from app.envelopes.wire import FaultError, value_of

__all__ = ["DIALECTS", "KEPT_HEADERS", "KINDS", "TELLING_HEADERS", "Reading", "Received", "parse"]

DIALECTS: Mapping[str, Dialect] = {
    "acr": acr.DIALECT,
    "aliyun": aliyun.DIALECT,
    "angos": angos.DIALECT,
    "distribution": distribution.DIALECT,
    "dockerhub": dockerhub.DIALECT,
    "ecr": ecr.DIALECT,
    "gar": gar.DIALECT,
    "ghcr": ghcr.DIALECT,
    "gitea": gitea.DIALECT,
    "harbor": harbor.DIALECT,
    "jfrog": jfrog.DIALECT,
    "msr": msr.DIALECT,
    "nexus": nexus.DIALECT,
    "quay": quay.DIALECT,
    "zot": zot.DIALECT,
}
"""Kinds of origin that `auto` tells apart, as configuration names them; the order doesn't matter."""
KINDS = (*sorted(DIALECTS), AUTO)
"""Kinds that can be used as they are; `generic` wants expressions."""
KEPT_HEADERS = frozenset(header for dialect in DIALECTS.values() for header in dialect.headers)
"""Headers that matter when a body is read again; none carries a secret."""
TELLING_HEADERS = frozenset((*cloudevents.HEADERS, *gar.DIALECT.headers))
"""Those that say what happened, or which event it is. A signature of the body doesn't cover them."""


def parse(kind: str, received: Received, expressions: Expressions | None = None) -> Reading:
    """Read what was received as the dialect `kind` (of KINDS), or as `generic` with an origin's `expressions`.

    Something comes of every body: events, an answer, or at least one fault.
    """
    found = _read(kind, received, expressions)
    if found.reports or found.faults or found.answer is not None:
        return found
    return Reading(faults=("it tells of nothing",))


def _read(kind: str, received: Received, expressions: Expressions | None) -> Reading:
    if kind == GENERIC:
        return generic.read(received, expressions)
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

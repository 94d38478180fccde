"""Reads a quarantined body again, as today's dialect reads it."""

import json
from dataclasses import dataclass

from app.domain.origins import Origin
from app.envelopes import Received, parse
from app.store import actions, quarantine
from app.store.actions import Action
from app.store.engine import Engine, now_ns, reading, writing
from app.usecases.ingest import Parcel, Policy, ingest, parts


@dataclass(frozen=True, slots=True)
class Retried:
    """What came of one body: `events` were taken in, or `why` it stays."""

    id: str
    events: int
    why: str | None


def retry(engine: Engine, identity: str, origin: Origin | None, policy: Policy, by: str) -> Retried:
    """Take in what can be read of a quarantined body now; it is resolved if nothing of it is unreadable any more.

    `by` is who says so, as the log of actions names people.
    """
    with reading(engine) as connection:
        rejected = quarantine.get(connection, identity)
    if rejected is None:
        return Retried(identity, 0, "there is no such entry")
    if rejected.reason != "unreadable":
        return Retried(identity, 0, f"{rejected.reason} can't be mended by reading again")
    if origin is None:
        return Retried(identity, 0, f"the origin {rejected.origin!r} is not configured any more")
    headers = json.loads(rejected.headers) if rejected.headers else {}
    found = parse(origin.kind, Received(rejected.body, headers), origin.expressions)
    for part in parts(Parcel(origin, found, rejected.received_ns)):
        ingest(engine, [part], policy)
    retried = Retried(identity, len(found.reports), found.faults[0] if found.faults else None)
    with writing(engine) as connection:
        if retried.why is None:
            quarantine.resolve(connection, identity, now_ns(connection))
        detail = {"events": retried.events, "stays": retried.why}
        actions.add(connection, Action(by, "quarantine.retry", identity, detail))
    return retried

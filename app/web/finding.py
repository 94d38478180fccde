"""What answers for the single things that the API serves: each asked with a scope, None where there is nothing."""

from dataclasses import dataclass, fields

from app.domain.access import AccessScope
from app.domain.changes import TagKey
from app.domain.digests import Digest
from app.settings import Settings
from app.store.engine import Connection
from app.store.queries import deliveries, digests, events, moments, quarantine, traces
from app.store.queries.changes import Moment
from app.store.queries.deliveries import DeliveryStory
from app.store.queries.digests import DigestStory
from app.store.queries.moments import MomentFilter
from app.store.queries.quarantine import QuarantineLine
from app.store.queries.traces import Traces
from app.usecases.explain import Explanation, explain, seen_from
from app.web.parameters import DigestParameters, MomentParameters, Parameters


@dataclass(frozen=True, slots=True)
class QuarantineEntry(QuarantineLine):
    """`body`: as much as was kept."""

    body: bytes


def moment(connection: Connection, seen: AccessScope, asked: MomentParameters) -> Moment | None:
    key = TagKey(asked.registry, asked.repository, asked.tag)
    return moments.one(connection, seen, key, MomentFilter(asked.at_ns, known_ns=asked.known_ns))


def digest(connection: Connection, seen: AccessScope, asked: DigestParameters, digest: str) -> DigestStory | None:
    return digests.story(connection, seen, str(Digest.parse(digest)), asked.limit, asked.known_ns)


def delivery(connection: Connection, seen: AccessScope, _asked: Parameters, identity: str) -> DeliveryStory | None:
    return deliveries.one(connection, seen, identity)


def traces_of(connection: Connection, seen: AccessScope, _asked: Parameters, identity: str) -> Traces | None:
    return traces.find(connection, seen, identity)


def explained(
    connection: Connection, seen: AccessScope, _asked: Parameters, identity: str, settings: Settings
) -> Explanation | None:
    return seen_from(seen, explain(connection, settings.rules, identity, settings.protected))


def quarantined(connection: Connection, seen: AccessScope, _asked: Parameters, identity: str) -> QuarantineEntry | None:
    found = quarantine.one(connection, seen, identity)
    if found is None:
        return None
    line, body = found
    return QuarantineEntry(**{field.name: getattr(line, field.name) for field in fields(line)}, body=body)


def event_bytes(connection: Connection, seen: AccessScope, seq: int) -> bytes | None:
    found = events.one(connection, seen, seq)
    return found and found[1]


def quarantined_bytes(connection: Connection, seen: AccessScope, identity: str) -> bytes | None:
    found = quarantine.one(connection, seen, identity)
    return found and found[1]

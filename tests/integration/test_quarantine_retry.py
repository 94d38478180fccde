"""What could not be read is read again when a dialect has learnt to (decision 1)."""

import pytest
from sqlalchemy import Engine, func, select

from app.domain.origins import Origin
from app.envelopes import Reading, Received
from app.store import quarantine, schema
from app.store.engine import reading
from app.usecases.ingest import Parcel, Policy, ingest, reject
from app.usecases.retry_quarantine import retry

ORIGIN = Origin("prod", "distribution", ("registry.example",))
POLICY = Policy(max_age_ns=3600 * 10**9)
READABLE = b'{"events":[{"id":"1","action":"pull","target":{"repository":"a"}}]}'


def quarantined(engine: Engine, body: bytes) -> str:
    """The id of a body that an older dialect could not read."""
    rejected = reject("prod", Received(body), 1_700_000_000_000_000_000, ("unreadable", "an older dialect"))
    ingest(engine, [Parcel(ORIGIN, Reading(), rejected.received_ns, rejected)], POLICY)
    return rejected.id


def test_what_can_be_read_now_is_taken_in_and_resolved(engine: Engine) -> None:
    identity = quarantined(engine, READABLE)
    done = retry(engine, identity, ORIGIN, POLICY, "os:alice")
    assert (done.events, done.why) == (1, None)
    with reading(engine) as connection:
        assert quarantine.unresolved(connection) == []
        assert connection.execute(select(schema.events.c.event_id)).scalars().all() == ["1"]


def test_twice_is_once(engine: Engine) -> None:
    identity = quarantined(engine, READABLE)
    retry(engine, identity, ORIGIN, POLICY, "os:alice")
    retry(engine, identity, ORIGIN, POLICY, "os:alice")
    with reading(engine) as connection:
        assert connection.execute(select(func.count()).select_from(schema.events)).scalar_one() == 1


@pytest.mark.parametrize(
    ("body", "origin", "why"), [(b"{", ORIGIN, "not JSON"), (READABLE, None, "'prod' is not configured any more")]
)
def test_what_stays_says_why(engine: Engine, body: bytes, origin: Origin | None, why: str) -> None:
    identity = quarantined(engine, body)
    done = retry(engine, identity, origin, POLICY, "os:alice")
    assert done.why is not None
    assert why in done.why
    with reading(engine) as connection:
        assert quarantine.unresolved(connection) == [identity]

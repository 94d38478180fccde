"""The made history of `python -m bench history`: what it writes in bulk is what ingest writes of the same bodies."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from builders import an_event, take_in
from sqlalchemy import Engine, select

from app.domain.fan_out import MAX_AGE_NS, NO_RULE, PENDING
from app.envelopes import Received, parse
from app.store import schema
from app.store.engine import make_engine, reading
from app.store.migrate import upgrade
from app.usecases.ingest import Parcel, Policy, ingest
from app.usecases.verify import verify
from bench.bulk import fill
from bench.told import ORIGINS, Deed, body, told
from bench.world import World

EVENTS = 2000


def said(_what: str, _done: int, _of: int) -> None:
    pass


@pytest.fixture(scope="module")
def deeds() -> list[Deed]:
    return list(World(EVENTS).deeds())


def rows(engine: Engine, name: str) -> list[Mapping[str, Any]]:
    table = schema.metadata.tables[name]
    with reading(engine) as connection:
        found = connection.execute(select(table).order_by(*table.primary_key.columns))
        return [dict(row._mapping) for row in found]


def test_every_body_is_read_as_it_was_made(deeds: Sequence[Deed]) -> None:
    for deed in deeds:
        event = told(deed)
        reading_ = parse(ORIGINS[deed.origin].kind, Received(body(event)))
        assert not reading_.faults
        assert reading_.reports == (event.report,)


def test_there_is_something_of_everything(deeds: Sequence[Deed]) -> None:
    counts = {action: sum(deed.action == action for deed in deeds) for action in ("pull", "push", "delete")}
    assert counts["pull"] > 0.8 * EVENTS > counts["push"] > counts["delete"] > 0
    assert {deed.origin for deed in deeds} == ORIGINS.keys()
    assert any(deed.head for deed in deeds)
    assert any(deed.received_ns - deed.time_ns > 300 * 10**9 for deed in deeds), "late ones"


def test_ingest_would_have_written_the_same(engine: Engine, deeds: Sequence[Deed], tmp_path: Path) -> None:
    fill(engine, EVENTS, said)
    slow = make_engine(f"sqlite:///{tmp_path}/slow.db")
    upgrade(slow)
    for deed in deeds:
        origin, event = ORIGINS[deed.origin], told(deed)
        parcel = Parcel(origin, parse(origin.kind, Received(body(event))), deed.received_ns)
        ingest(slow, [parcel], Policy(MAX_AGE_NS))
    for name in ("events", "links", "tags", "repositories", "heard", "origins", "head"):
        assert rows(engine, name) == rows(slow, name), name
    written = [row | {"fan_out": row["fan_out"].replace(PENDING, NO_RULE)} for row in rows(slow, "changes")]
    assert rows(engine, "changes") == written
    assert {row["kind"] for row in written} >= {"created", "moved", "removed", "restored"}
    slow.dispose()


def test_it_is_proven_and_goes_on(engine: Engine) -> None:
    fill(engine, EVENTS, said)
    assert verify(engine, said).findings == ()
    take_in(engine, an_event(id="behind"), received=20_000_000)
    verdict = verify(engine, said)
    assert (verdict.findings, verdict.last) == ((), EVENTS + 1)
    assert rows(engine, "changes") != []


def test_its_indexes_are_the_schema_s(engine: Engine) -> None:
    from app.store.migrate import check

    fill(engine, 100, said)
    check(engine)

"""Numbers of our registry's journal that never came: shown, and made good by what comes late or by reconciling."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from builders import HOST, PROD, A, B, an_event, take_in
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from listener import Listener, Reply
from sqlalchemy import Engine, delete, select

from app.cli import main
from app.domain.filters import Unheard
from app.domain.origins import Origin
from app.outbound import Door
from app.remote.client import RemoteRegistry
from app.store import heard, schema
from app.store.engine import reading, writing
from app.store.heard import Span
from app.usecases.ingest import Policy
from app.usecases.reconcile import Asked, Means, reconcile


def numbered(sequence: int, previous: int | None = None, journal: str = "j1", **over: object) -> dict[str, object]:
    previous = sequence - 1 if previous is None else previous
    told = {"journal": journal, "sequence": sequence, "previous": previous}
    return an_event(second=sequence, **over) | {"tagtrail": told}


def gaps(engine: Engine) -> list[tuple[str, int, int]]:
    with reading(engine) as connection:
        return [(gap.journal, gap.after, gap.upto) for gap in heard.gaps(connection, PROD.name)]


def test_what_never_came_is_a_gap_until_it_comes(engine: Engine) -> None:
    take_in(engine, numbered(1), numbered(2), numbered(5))
    assert gaps(engine) == [("j1", 2, 4)]
    take_in(engine, numbered(4))
    assert gaps(engine) == [("j1", 2, 3)]
    take_in(engine, numbered(3))
    assert gaps(engine) == []


def test_what_an_endpoint_does_not_want_is_no_gap(engine: Engine) -> None:
    take_in(engine, numbered(1), numbered(7, previous=1))
    assert gaps(engine) == []


def test_what_is_announced_as_parked_is_no_gap(engine: Engine) -> None:
    """Its sender has it, and lists it; what was lost beside is missed all the same."""
    announcing = numbered(9)
    announcing["tagtrail"] |= {"parked": [{"after": 1, "upto": 4}, {"after": 6, "upto": 8}]}  # type: ignore[operator]
    take_in(engine, numbered(1), announcing)
    assert gaps(engine) == [("j1", 4, 6)]
    take_in(engine, numbered(4, previous=1), numbered(5), numbered(6))
    assert gaps(engine) == []


def test_what_an_origin_does_not_store_is_no_gap(engine: Engine) -> None:
    deaf = replace(PROD, unheard=Unheard(actions=frozenset({"pull"})))
    take_in(engine, numbered(1), numbered(2, action="pull"), numbered(3), origin=deaf)
    assert gaps(engine) == []
    with reading(engine) as connection:
        assert len(connection.execute(select(schema.events.c.seq)).all()) == 2


def test_each_journal_and_origin_has_numbers_of_its_own(engine: Engine) -> None:
    take_in(engine, numbered(1), numbered(9, journal="j2"))
    take_in(engine, numbered(4), origin=Origin("other", "distribution", (HOST,)))
    take_in(engine, numbered(3))
    assert gaps(engine) == [("j1", 1, 2)]


@pytest.mark.parametrize("told", [{"journal": "j1"}, {"sequence": 3}, {"journal": "j1", "sequence": 3, "previous": 3},
                                  {"journal": "j1", "sequence": 3, "previous": -1},
                                  {"journal": "j1", "sequence": 1, "previous": 0,
                                   "parked": [{"after": -1, "upto": 2}, {"after": 3, "upto": 3},
                                              {"after": 4, "upto": 2**63}]}])
def test_half_a_number_is_none(engine: Engine, told: dict[str, object]) -> None:
    take_in(engine, numbered(1), an_event() | {"tagtrail": told})
    with reading(engine) as connection:
        assert [tuple(row)[2:] for row in connection.execute(select(schema.heard))] == [(0, 1)]


spans = st.lists(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 6)), max_size=4), max_size=6)


@settings(max_examples=60)
@given(spans)
def test_any_order_and_repetition_leaves_out_what_was_never_told(
    engine: Engine, groups: list[list[tuple[int, int]]]
) -> None:
    told: set[int] = set()
    with writing(engine) as connection:
        connection.execute(delete(schema.heard))
        for group in groups:
            heard.add(connection, [Span("o", "j", after, after + length) for after, length in group])
            told.update(number for after, length in group for number in range(after + 1, after + length + 1))
        found = heard.gaps(connection)
    missing = {number for gap in found for number in range(gap.after + 1, gap.upto + 1)}
    assert missing == set(range(min(told, default=0), max(told, default=0))) - told
    assert len(found) == sum(number - 1 not in missing for number in missing), "a gap is one span"


def walk(engine: Engine, *, tags: list[str], closes_gaps: bool = True) -> bool:
    """Reconcile with a registry of one repository; whether the walk was complete."""

    def answer(heard: object) -> Reply:
        path = str(getattr(heard, "path", ""))
        if path == "/v2/_catalog":
            return Reply(200, {}, b'{"repositories": ["shop/web"]}')
        if path.endswith("/tags/list"):
            return Reply(200, {}, json.dumps({"tags": tags}).encode())
        there = path.rpartition("/")[2] in ("stable", "missed")
        return Reply(200, {"Docker-Content-Digest": B, "Content-Length": "7"}) if there else Reply(404)

    with Listener(answer=answer) as listener, Door() as door:
        means = Means(engine, RemoteRegistry(door, listener.url), Policy(0))
        return reconcile(Asked(PROD.name, HOST, closes_gaps=closes_gaps), means, "os:ann").complete


def test_a_whole_walk_closes_the_gap_and_says_so(engine: Engine) -> None:
    take_in(engine, numbered(1, digest=A), numbered(4, digest=A))
    assert not walk(engine, tags=["stable", "broken"])
    assert walk(engine, tags=["stable"], closes_gaps=False)
    assert gaps(engine) == [("j1", 1, 3)]
    assert walk(engine, tags=["stable", "missed"])
    assert gaps(engine) == []
    with reading(engine) as connection:
        query = select(schema.events.c.raw).where(schema.events.c.flags == "reconcile").order_by(schema.events.c.seq)
        records = [json.loads(raw) for raw in connection.execute(query).scalars()]
    assert [record["gaps"] for record in records] == [[], [["j1", 1, 3]]]


def test_gaps_are_listed(
    engine: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("TAGTRAIL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TAGTRAIL_CONFIG", str(tmp_path / "tagtrail.yml"))
    (tmp_path / "tagtrail.yml").write_text("origins: {prod: {kind: distribution, insecure: test}}\n")
    take_in(engine, numbered(1), numbered(4))
    done = CliRunner().invoke(main, ["origin", "list", "--json"])
    assert [(row["origin"], row["gaps"]) for row in json.loads(done.stdout)] == [("prod", 2)]

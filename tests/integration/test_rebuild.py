"""History made again from events alone is the history that was there, and starts nothing (decision 9)."""

from collections.abc import Iterator
from typing import Any

import pytest
from acting import DEPLOY, Stage
from builders import A, B, an_event, take_in
from listener import Listener
from sqlalchemy import Engine, Table, delete, select, update

from app.outbound import Door
from app.store import schema
from app.store.engine import reading, writing
from app.usecases.rebuild import rebuild


@pytest.fixture
def stage(engine: Engine) -> Iterator[Stage]:
    with Listener() as listener, Door() as door:
        yield Stage(engine, door, listener)


def rows(engine: Engine, table: Table) -> list[dict[str, Any]]:
    with reading(engine) as connection:
        query = select(table).order_by(*table.primary_key.columns)
        return [dict(row._mapping) for row in connection.execute(query)]


def history(engine: Engine) -> list[list[dict[str, Any]]]:
    return [rows(engine, schema.changes), rows(engine, schema.tags)]


def again(engine: Engine, *, dry_run: bool = False) -> list[str]:
    done = rebuild(engine, "os:alice", lambda _done, _of: None, dry_run=dry_run)
    return [str(finding) for finding in done.findings]


def test_all_that_was_deleted_comes_back_with_what_is_known_of_it(stage: Stage) -> None:
    """Told changes stay told; nothing is promised or sent anew."""
    stage.happen(60, digest=A)
    stage.fan_out()
    stage.happen(50, digest=B)
    stage.fan_out()
    stage.deliver()
    stage.fan_out()  # how the deploys ended is told to nobody here
    changes_, tags_, sent = *history(stage.engine), stage.deliveries()
    with writing(stage.engine) as connection:
        connection.execute(delete(schema.changes))
        connection.execute(delete(schema.tags))
    assert len(again(stage.engine)) == 3
    assert history(stage.engine) == [changes_, tags_]
    assert rows(stage.engine, schema.outbox) == []
    assert stage.fan_out() == set()
    assert stage.deliver(DEPLOY) == 0
    assert stage.deliveries() == sent
    (action,) = rows(stage.engine, schema.actions)
    assert (action["actor"], action["verb"]) == ("os:alice", "audit.rebuild")


def test_what_nobody_was_told_is_never_told_later(stage: Stage) -> None:
    stage.happen(60, digest=A)
    with writing(stage.engine) as connection:
        connection.execute(delete(schema.changes))
    again(stage.engine)
    assert stage.outcomes() == [("created", "superseded: rebuilt")]


def test_a_dry_run_writes_nothing(engine: Engine) -> None:
    take_in(engine, an_event())
    with writing(engine) as connection:
        connection.execute(update(schema.changes).values(actor="mallory"))
    was = history(engine)
    found = again(engine, dry_run=True)
    assert found == [f"changes {was[0][0]['id']}: changed (actor)"]
    assert history(engine) == was
    assert rows(engine, schema.actions) == []


def test_a_line_that_was_moved_to_another_repository_comes_back(engine: Engine) -> None:
    """Both ways round: the repository from which it was taken may be folded before or after the other."""
    take_in(engine, an_event(repository="a", actor="one"), an_event(repository="z", actor="other"))
    was = history(engine)
    for taken, given_to in (("a", "z"), ("z", "a")):
        with writing(engine) as connection:
            this = schema.changes.c.repository == taken
            connection.execute(update(schema.changes).where(this).values(repository=given_to))
        assert again(engine) != []
        assert history(engine) == was

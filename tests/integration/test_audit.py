"""What was changed, removed or added behind Tagtrail's back is found and named (issue 3, 6)."""

from collections.abc import Callable
from typing import Any

import pytest
from builders import A, B, C, an_event, take_in
from sqlalchemy import Connection, Engine, delete, insert, select, update

from app.domain.chain import ACTION, COLUMNS, EVENT, GENESIS, link
from app.domain.checkpoints import Checkpoint, SigningKey
from app.store import actions, head, schema
from app.store.actions import Action
from app.store.engine import reading, writing
from app.usecases.verify import NoSuchLinkError, Verdict, verify

events, changes, tags, links = schema.events, schema.changes, schema.tags, schema.links


def quiet(_what: str, _done: int, _of: int) -> None:
    pass


def found(engine: Engine, *checkpoints: Checkpoint) -> list[str]:
    return [str(finding) for finding in verify(engine, quiet, checkpoints=checkpoints).findings]


@pytest.fixture
def told(engine: Engine) -> Engine:
    """Six events, of which the third was pulled only, and an operator's action between them: seqs 1 to 7."""
    take_in(
        engine,
        an_event(id="e1", digest=A),
        an_event(id="e2", digest=B, second=5),
        an_event(id="e3", action="pull", digest=B, second=6),
    )
    with writing(engine) as connection:
        actions.add(connection, Action("os:alice", "origin.add", "prod", {"kind": "distribution"}))
    take_in(
        engine,
        an_event(id="e5", digest=C, second=9, tag="other"),
        an_event(id="e6", digest=C, second=8),
        an_event(id="e7", action="delete", digest=None, second=20, tag="other"),
    )
    return engine


def test_what_nobody_touched_is_whole(told: Engine) -> None:
    verdict = verify(told, quiet)
    assert verdict == Verdict(1, 7, at(told).hex(), before=0, repositories=1, checkpoints=0, findings=())
    assert verify(told, quiet, since_seq=4) == Verdict(5, 7, verdict.chain, 0, 1, 0, ())


def at(engine: Engine) -> bytes:
    with reading(engine) as connection:
        return head.now(connection).chain


def test_nothing_at_all_is_whole_too(engine: Engine) -> None:
    assert found(engine) == []


def test_the_chain_covers_every_column() -> None:
    """A column that is added to one of the tables needs a new form: this is where one learns of it."""
    assert COLUMNS[EVENT, 1] == tuple(schema.events.c.keys())
    assert COLUMNS[ACTION, 1] == tuple(schema.actions.c.keys())


OTHERS: dict[str, Any] = {"seq": 99, "scope": None, "raw": b"{}", "flags": "time-missing"}


@pytest.mark.parametrize("column", COLUMNS[EVENT, 1])
def test_an_event_of_which_a_column_was_changed_is_named(told: Engine, column: str) -> None:
    number = events.c[column].type.python_type is int
    value = OTHERS.get(column, 12345 if number else "forged")
    with writing(told) as connection:
        connection.execute(update(events).where(events.c.seq == 2).values({column: value}))
    wanted = "events 2: removed" if column == "seq" else f"events 2: changed ({column})"
    assert found(told) == [wanted]


@pytest.mark.parametrize("column", COLUMNS[ACTION, 1][1:])
def test_an_action_of_which_a_column_was_changed_is_named(told: Engine, column: str) -> None:
    value = 12345 if column == "time_ns" else "{}"
    with writing(told) as connection:
        connection.execute(update(schema.actions).values({column: value}))
    assert found(told) == [f"actions 4: changed ({column})"]

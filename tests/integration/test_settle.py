"""What comes together goes out together: one deploy for one digest (issue 4)."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from acting import ALERT, DEPLOY, Stage, rule
from builders import A, B, C
from listener import Listener
from sqlalchemy import Engine

from app.domain.fields import NAMES
from app.domain.settling import Settle
from app.domain.times import SECOND_NS
from app.outbound import Door, Url
from app.settings.templates import Template
from app.sinks.request import Request, Shape
from app.store import deliveries, indexes, windows
from app.store.engine import reading, writing
from app.store.sent import sent_tags
from app.store.windows import Place, Waiting
from app.usecases.fan_out import fan_out
from app.usecases.settle import settle

SETTLED = Settle(2 * SECOND_NS, 30 * SECOND_NS)


@pytest.fixture
def stage(engine: Engine) -> Iterator[Stage]:
    with Listener() as listener, Door() as door:
        yield Stage(engine, door, listener, rules=[rule(alert=True)], settled=SETTLED)


def test_nothing_goes_before_the_window_closes(stage: Stage) -> None:
    stage.happen()
    assert stage.fan_out() == set()
    assert stage.settle() == 0
    assert stage.deliveries() == []
    assert stage.outcomes() == [("created", "done")]
    stage.pass_time()
    assert stage.settle() == 1
    assert [row.status for row in stage.deliveries()] == ["pending"]
    assert stage.rows("window_changes", "subject") != []  # the channel's
    assert stage.settle(ALERT) == 1
    assert stage.rows("windows", "id") == stage.rows("window_changes", "subject") == []


def test_three_tags_of_one_digest_are_one_deploy(stage: Stage) -> None:
    for tag in ("2", "2.1", "2.1.0"):
        stage.happen(tag=tag)
        stage.fan_out()
    stage.pass_time()
    stage.settle()
    (made,) = stage.deliveries()
    assert (made.digest, made.repository) == (A, "shop/web")
    assert [row.tag for row in stage.rows("delivery_changes", "tag")] == ["2", "2.1", "2.1.0"]
    data = json.loads(made.body)["data"]
    assert [data["tag"], *(also["tag"] for also in data["also"])] == ["2", "2.1", "2.1.0"]


def test_what_a_tag_left_behind_is_superseded_and_the_present_is_sent(stage: Stage) -> None:
    stage.happen(ago_s=2, digest=A)
    stage.fan_out()
    stage.happen(ago_s=1, digest=B)
    stage.fan_out()
    stage.pass_time()
    stage.settle()
    made = {row.digest: (row.status, row.reason, row.next_attempt_ns is None) for row in stage.deliveries()}
    assert made == {A: ("superseded", "superseded: the tag moved on", True), B: ("pending", None, False)}
    assert stage.deliver() == 1
    assert stage.moves() == [("tag.moved", "stable", B)]


def test_a_channel_is_told_all_of_it_in_one_message(stage: Stage) -> None:
    stage.happen(ago_s=3, digest=A)
    stage.fan_out()
    stage.happen(ago_s=2, digest=B)
    stage.happen(ago_s=1, repository="shop/api")
    stage.rules = [rule(alert=True, repository="shop/*")]
    stage.fan_out()
    stage.pass_time()
    stage.settle(ALERT)
    (made,) = stage.deliveries()
    assert len(json.loads(made.body)["blocks"]) == 3
    assert made.digest is None


def test_each_repository_has_its_own_window(stage: Stage) -> None:
    stage.rules = [rule(repository="shop/*")]
    for repository in ("shop/web", "shop/api"):
        stage.happen(repository=repository)
    stage.fan_out()
    assert [row.repository for row in stage.rows("windows", "repository")] == ["shop/api", "shop/web"]
    stage.pass_time()
    assert stage.settle() == 2
    assert len(stage.deliveries()) == 2


@pytest.mark.parametrize(("joined_at", "closes_at"), [((0,), 2), ((0, 1), 3), ((0, 1, 29), 30), ((0, 29, 31), 30)])
def test_a_window_stays_open_while_more_comes_but_not_for_ever(
    engine: Engine, joined_at: tuple[int, ...], closes_at: int
) -> None:
    place = Place(DEPLOY, "registry.example", "shop/web")
    for second in joined_at:
        with writing(engine) as connection:
            windows.join(connection, place, [Waiting(f"at-{second}", "web", "1")], second * SECOND_NS, SETTLED)
    with reading(engine) as connection:
        assert windows.due_destinations(connection, closes_at * SECOND_NS - 1) == set()
        assert windows.due_destinations(connection, closes_at * SECOND_NS) == {DEPLOY}


def test_the_same_is_not_awaited_twice(stage: Stage) -> None:
    stage.happen()
    stage.fan_out()
    (change,) = stage.rows("changes", "id")
    with writing(stage.engine) as connection:
        assert windows.waiting_already(connection, [change.id]) == {(change.id, DEPLOY), (change.id, ALERT)}
        with pytest.raises(windows.TakenError):
            windows.join(connection, Place(DEPLOY), [Waiting(change.id, "web", "1")], time.time_ns(), SETTLED)


def test_a_step_back_is_refused_and_said_why(stage: Stage) -> None:
    stage.rules = [rule(deploy=True)]
    for tag, digest in (("2.1.0", A), ("2.0.9", B)):
        stage.happen(tag=tag, digest=digest)
        stage.fan_out()
        stage.pass_time()
        stage.settle()
        stage.deliver()
    assert [(row.digest, row.status, row.reason) for row in stage.deliveries()] == [
        (A, "delivered", None), (B, "superseded", "refused: downgrade from 2.1.0"),
    ]  # fmt: skip
    assert stage.moves() == [("tag.created", "2.1.0", A)]


def test_a_template_that_fails_on_a_change_ends_its_delivery_and_nothing_else(stage: Stage) -> None:
    shape = Shape(body=Template.parse("{{ actor[99] }}", NAMES))
    fan = replace(stage.fan, sinks=stage.sinks | {DEPLOY: Request(stage.door, Url.parse(stage.listener.url), shape)})
    stage.happen()
    fan_out(stage.engine, fan)
    stage.pass_time()
    assert settle(stage.engine, fan, DEPLOY, {}) == settle(stage.engine, fan, ALERT, {}) == 1
    status = {row.destination: (row.status, row.reason) for row in stage.deliveries()}
    assert status[ALERT] == ("pending", None)
    assert status[DEPLOY][0] == "dead"
    assert status[DEPLOY][1].startswith("the template fails: ")


def index_with_part(stage: Stage) -> None:
    """A deploy of an index under `2`, to which what `2-amd64` says belongs."""
    for tag, digest in (("2-amd64", B), ("2", A)):
        stage.happen(tag=tag, digest=digest)
        stage.fan_out()
    with writing(stage.engine) as connection:
        indexes.add(connection, {A: {B}, B: ()})
    stage.pass_time()
    stage.settle()


def test_a_part_that_is_still_there_keeps_no_index_alive_that_is_past(stage: Stage) -> None:
    index_with_part(stage)
    assert [row.digest for row in stage.deliveries()] == [A]
    stage.happen(tag="2", digest=C)
    assert stage.deliver() == 0
    assert [(row.status, row.reason) for row in stage.deliveries()] == [("superseded", "superseded: the tag moved on")]


def test_an_index_is_confirmed_by_its_own_tags(stage: Stage) -> None:
    index_with_part(stage)
    (made,) = stage.deliveries()
    with reading(stage.engine) as connection:
        assert deliveries.present_tags(connection, made.id) == ["2"]
        assert sent_tags(connection, (DEPLOY, made.registry, made.repository)) == ["2"]

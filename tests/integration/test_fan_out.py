"""From changes to messages: only the present acts, and each (change, destination) once (decisions 9 and 12)."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from acting import ALERT, DEPLOY, MAX_AGE_NS, Stage, rule
from builders import A, B, C
from listener import Listener
from sqlalchemy import Engine

from app.domain.deliveries import Status
from app.domain.rules import DEFAULT_KINDS
from app.outbound import Door
from app.store import deliveries, outbox
from app.store.deliveries import TakenError
from app.store.engine import writing
from app.usecases.ingest import Policy

EVERY_KIND = DEFAULT_KINDS | {"removed"}
BOTH = frozenset({"observed", "derived"})


@pytest.fixture
def stage(engine: Engine) -> Iterator[Stage]:
    with Listener() as listener, Door() as door:
        yield Stage(engine, door, listener)


def test_a_move_is_told_to_each_destination_of_its_rules(stage: Stage) -> None:
    stage.rules = [rule("web", alert=True), rule("again", alert=True)]
    stage.happen()
    assert stage.fan_out() == {DEPLOY, ALERT}
    made = stage.deliveries()
    assert sorted((row.destination, row.purpose, row.rule, row.status, row.tries) for row in made) == [
        (ALERT, "alert", "web", "pending", 0), (DEPLOY, "deploy", "web", "pending", 0),
    ]
    assert all(row.id.startswith("msg_") and "." not in row.id for row in made)
    assert stage.outcomes() == [("created", "done")]
    assert stage.rows("outbox", "id") == []
    links = stage.rows("delivery_changes", "destination")
    assert [(row.kind, row.before, row.after, row.tag) for row in links] == [("created", "unknown", A, "stable")] * 2
    (deploy,) = [row for row in made if row.destination == DEPLOY]
    assert b'"link":"http://tagtrail.example/tag?registry=registry.example%3A5000&repository=shop%2Fweb' in deploy.body


def test_what_no_rule_matches_is_told_to_nobody(stage: Stage) -> None:
    stage.rules = [rule(repository="shop/api")]
    stage.happen()
    assert stage.fan_out() == set()
    assert stage.outcomes() == [("created", "no rule matches")]


def test_a_push_of_what_is_there_is_no_change(stage: Stage) -> None:
    stage.happen(ago_s=2)
    stage.happen(ago_s=1)
    stage.fan_out()
    assert [row.status for row in stage.deliveries()] == ["pending"]


def test_what_is_too_old_starts_nothing(stage: Stage) -> None:
    stage.happen(ago_s=MAX_AGE_NS / 1e9 + 1)
    assert stage.rows("outbox", "id") == []
    assert stage.fan_out() == set()
    assert stage.outcomes() == [("created", "superseded: too old")]


def test_what_grew_too_old_in_the_queue_starts_nothing(stage: Stage) -> None:
    stage.policy = Policy(10 * MAX_AGE_NS)
    stage.happen(ago_s=MAX_AGE_NS / 1e9 + 1)
    assert len(stage.rows("outbox", "id")) == 1
    assert stage.fan_out() == set()
    assert stage.outcomes() == [("created", "superseded: too old")]


def test_what_came_late_starts_nothing(stage: Stage) -> None:
    stage.happen(ago_s=1, digest=B)
    stage.happen(ago_s=10, digest=C)
    stage.fan_out()
    assert stage.outcomes() == [("created", "superseded: late"), ("moved", "done")]
    assert [row.after for row in stage.rows("delivery_changes", "subject")] == [B]


def test_of_two_moves_that_wait_only_the_present_is_told(stage: Stage) -> None:
    stage.happen(ago_s=2, digest=A)
    stage.happen(ago_s=1, digest=B)
    stage.fan_out()
    assert stage.outcomes() == [("created", "superseded: the tag moved on"), ("moved", "done")]
    assert [row.after for row in stage.rows("delivery_changes", "subject")] == [B]


def test_what_died_with_its_manifest_is_told_where_a_rule_asks(stage: Stage) -> None:
    stage.happen(ago_s=3)
    stage.fan_out()
    stage.happen(ago_s=2, action="delete", tag=None)
    stage.rules = [rule(kinds=EVERY_KIND), rule("asks", deploy=False, alert=True, kinds=EVERY_KIND, provenances=BOTH)]
    assert stage.fan_out() == {ALERT}
    assert [row.rule for row in stage.deliveries()] == ["web", "asks"]


@pytest.mark.parametrize("provenances", [frozenset({"observed"}), frozenset({"derived"}), BOTH])
def test_a_removal_that_is_confirmed_is_told_once(stage: Stage, provenances: frozenset[str]) -> None:
    stage.rules = [rule(kinds=EVERY_KIND, provenances=provenances)]
    stage.happen(ago_s=3)
    stage.fan_out()
    stage.happen(ago_s=2, action="delete", tag=None)
    stage.fan_out()
    stage.happen(ago_s=1, action="delete", digest=None)
    stage.fan_out()
    assert [row.kind for row in stage.rows("delivery_changes", "subject") if row.kind == "removed"] == ["removed"]
    assert stage.outcomes()[-1] == ("removed", "done")


def test_what_was_told_stays_told_when_the_tag_moves_on(stage: Stage) -> None:
    stage.rules = [rule(kinds=EVERY_KIND, provenances=BOTH)]
    stage.happen(ago_s=3)
    stage.happen(ago_s=2, action="delete", tag=None)
    stage.fan_out()
    stage.happen(ago_s=1, action="delete", digest=None)
    stage.happen(digest=B)
    stage.fan_out()
    assert [outcome for _kind, outcome in stage.outcomes()] == ["superseded: the tag moved on", "done", "done"]


def test_pulls_are_told_only_where_a_rule_asks(stage: Stage) -> None:
    stage.happen(action="pull")
    assert stage.rows("outbox", "id") == []
    stage.policy = Policy(MAX_AGE_NS, pulls_fan_out=True)
    stage.rules = [rule(), rule("pulls", deploy=False, alert=True, kinds=frozenset({"pulled"}))]
    stage.happen(action="pull")
    assert stage.fan_out() == {ALERT}
    (link,) = stage.rows("delivery_changes", "subject")
    assert (link.subject, link.kind, link.before, link.after) == ("event:2", "pulled", A, A)


def test_a_rule_may_name_origin_registry_and_tags(stage: Stage) -> None:
    stage.rules = [rule(origin="prod", registry="registry.example:5000", repository="shop/*", tag="v*")]
    for name in ("v1", "latest"):
        stage.happen(tag=name)
    stage.fan_out()
    assert [row.tag for row in stage.rows("delivery_changes", "subject")] == ["v1"]


def test_many_fan_outs_at_once_tell_each_change_once(stage: Stage) -> None:
    stage.rules = [rule(alert=True)]
    for number in range(60):
        stage.happen(tag=f"t{number}")
    failures: list[BaseException] = []

    def work() -> None:
        try:
            stage.fan_out()
        except BaseException as error:  # noqa: BLE001 - reported below
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert {outcome for _kind, outcome in stage.outcomes()} == {"done"}
    assert len(stage.deliveries()) == len(stage.rows("delivery_changes", "subject")) == 120
    assert stage.rows("outbox", "id") == []


def test_a_promise_given_twice_is_kept_once(stage: Stage) -> None:
    stage.happen()
    (change,) = stage.rows("changes", "id")
    for _ in range(2):
        with writing(stage.engine) as connection:
            outbox.add(connection, outbox.FAN_OUT, [change.id], 0)
        stage.fan_out()
    assert len(stage.deliveries()) == 1
    assert stage.outcomes() == [("created", "done")]


def test_the_database_refuses_a_second_message_about_the_same(stage: Stage) -> None:
    stage.happen()
    stage.fan_out()
    (row,) = stage.deliveries()
    (link,) = stage.rows("delivery_changes", "subject")
    new = deliveries.NewDelivery(**{name: getattr(row, name) for name in deliveries.NewDelivery.__dataclass_fields__})
    new = replace(new, status=Status(new.status))
    told = deliveries.Link(**{name: getattr(link, name) for name in deliveries.Link.__dataclass_fields__})
    with pytest.raises(TakenError), writing(stage.engine) as connection:
        deliveries.add(connection, [new], [told])


def test_a_promise_waits_for_its_time(stage: Stage) -> None:
    stage.happen()
    (change,) = stage.rows("changes", "id")
    stage.fan_out()
    with writing(stage.engine) as connection:
        outbox.add(connection, outbox.FAN_OUT, [change.id], 2**62)
        assert outbox.due_lanes(connection, 2**62 - 1) == set()
        assert outbox.due_lanes(connection, 2**62) == {"fan_out"}
    stage.fan_out()
    assert len(stage.rows("outbox", "id")) == 1

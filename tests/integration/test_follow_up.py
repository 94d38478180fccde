"""How a deploy ended is told to the channels of its rule, once for each end."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from acting import ALERT, DEPLOY, Stage, rule
from builders import HOST, A, B
from listener import Listener, Reply
from sqlalchemy import Engine

from app.domain.access import EVERYTHING
from app.domain.changes import TagKey
from app.domain.settling import Settle
from app.domain.times import SECOND_NS
from app.outbound import Door
from app.usecases.deliver import no_sink
from app.usecases.make_redeploys import make_redeploys
from app.usecases.redeliver import redeliver
from app.usecases.redeploy import Wanted, ask


@pytest.fixture
def stage(engine: Engine) -> Iterator[Stage]:
    with Listener() as listener, Door() as door:
        yield Stage(engine, door, listener, rules=[rule(alert=True)], following=[ALERT])


def followed(stage: Stage) -> list[Any]:
    """The alerts that tell of deploys, as (first line, second line)."""
    stage.fan_out()
    stage.deliver(ALERT)
    texts = [block["text"]["text"] for one in stage.told("/chat") for block in json.loads(one.body)["blocks"]]
    return [tuple(text.split("\n")[:2]) for text in texts if "by trigger" in text]


def short(digest: str, base: str = "http://tagtrail.example") -> str:
    return f"<{base}/digests/{digest}|{digest[7:19]}>"


def test_a_deploy_that_went_well_is_told(stage: Stage) -> None:
    stage.happen()
    stage.fan_out()
    assert stage.deliver() == 1
    (deploy,) = [row for row in stage.deliveries() if row.destination == DEPLOY]
    assert followed(stage) == [
        (
            "*deployed* `registry.example:5000/shop/web:stable`",
            f"`unknown` → {short(A)} by trigger `web`, 1 try: `HTTP 200`",
        )
    ]
    assert f"<http://tagtrail.example/deliveries/{deploy.id}|Details>" in stage.told("/chat")[-1].body.decode()
    assert {row.trace_id for row in stage.deliveries()} == {deploy.trace_id}, "from push to the last message"
    assert followed(stage) == followed(stage), "once"
    assert len(stage.told("/chat")) == 2


def test_each_end_is_told_once(stage: Stage) -> None:
    stage.happen()
    stage.fan_out()
    stage.listener.reply(Reply(410), Reply(200))
    stage.deliver()
    ((first, how),) = followed(stage)
    assert first.startswith("*deploy-failed* ")
    assert how.endswith("1 try: `HTTP 410`")
    (deploy,) = [row for row in stage.deliveries() if row.destination == DEPLOY]
    for _ in range(2):
        redeliver(stage.engine, deploy.id, "os:alice")
        stage.deliver()
    assert [text.split(" ")[0] for text, _how in followed(stage)] == ["*deploy-failed*", "*deployed*"]


def test_a_failure_that_is_tried_again_is_no_end(stage: Stage) -> None:
    stage.happen()
    stage.fan_out()
    stage.listener.reply(Reply(500), Reply(200))
    stage.deliver()
    assert followed(stage) == []
    stage.make_due()
    stage.deliver()
    ((first, how),) = followed(stage)
    assert (first.split(" ")[0], how.split(", ")[1]) == ("*deployed*", "2 tries: `HTTP 200`")


def test_what_waited_and_was_superseded_is_told(stage: Stage) -> None:
    stage.happen(ago_s=2, digest=A)
    stage.fan_out()
    stage.happen(ago_s=1, digest=B)
    stage.deliver()
    ((first, how),) = followed(stage)
    assert first.startswith("*deploy-superseded* ")
    assert how.endswith("0 tries: `superseded: the tag moved on`")


def test_a_copy_and_a_lost_destination_are_told_too(stage: Stage) -> None:
    stage.happen()
    stage.fan_out()
    stage.deliver()
    (deploy,) = [row for row in stage.deliveries() if row.destination == DEPLOY]
    redeliver(stage.engine, deploy.id, "os:alice", as_new=True)
    no_sink(stage.engine, DEPLOY)
    told = followed(stage)
    assert [text.split(" ")[0] for text, _how in told] == ["*deployed*", "*deploy-failed*"]
    assert told[1][0].endswith("shop/web:stable`")


def test_tags_of_one_deploy_are_one_message(stage: Stage) -> None:
    stage.settled = Settle(SECOND_NS, SECOND_NS)
    for tag in ("2", "2.1", "2.1.0"):
        stage.happen(tag=tag)
        stage.fan_out()
    stage.pass_time()
    stage.settle()
    stage.deliver()
    stage.fan_out()
    stage.pass_time()
    stage.settle(ALERT)
    ((first, _how),) = followed(stage)
    assert first == "*deployed* `registry.example:5000/shop/web:2`, `2.1`, `2.1.0`"
    assert len(stage.told("/chat")) == 1, "the changes and their deploy came together"


def test_the_channels_of_all_rules_that_led_to_it_are_told(stage: Stage) -> None:
    """Each tag came by a rule of its own; the delivery is of the first."""
    stage.rules = [rule("first", tag="2"), rule("second", tag="2.1", alert=True)]
    stage.settled = Settle(SECOND_NS, SECOND_NS)
    for tag in ("2", "2.1"):
        stage.happen(tag=tag)
        stage.fan_out()
    stage.pass_time()
    stage.settle()
    (deploy,) = [row for row in stage.deliveries() if row.destination == DEPLOY]
    assert deploy.rule == "first"
    stage.deliver()
    stage.fan_out()
    stage.pass_time()
    stage.settle(ALERT)
    ((first, _how),) = followed(stage)
    assert first == "*deployed* `registry.example:5000/shop/web:2`, `2.1`"
    assert stage.told("/chat")[-1].body.count(b"rule `second`") == 2


def test_the_end_of_a_redeploy_says_who_asked_for_it(stage: Stage) -> None:
    for digest in (A, B):
        stage.happen(digest=digest)
        stage.fan_out()
        stage.deliver()
    ask(stage.engine, EVERYTHING, stage.rules, Wanted(TagKey(HOST, "shop/web", "stable"), A, None), "os:carol")
    make_redeploys(stage.engine, stage.fan)
    stage.deliver()
    first, how = followed(stage)[-1]
    assert first == "*deployed* `registry.example:5000/shop/web:stable`"
    assert how.startswith(f"{short(B)} → {short(A)} by trigger `web`")
    assert "by `os:carol` at " in stage.told("/chat")[-1].body.decode()
    assert "told by `prod`" in stage.told("/chat")[-1].body.decode()


@pytest.mark.parametrize("rules", [[rule()], [rule(deploy=False, alert=True, name="other"), rule()]])
def test_others_are_not_told(stage: Stage, rules: Any) -> None:
    stage.rules = rules
    stage.happen()
    stage.fan_out()
    stage.deliver()
    assert followed(stage) == []


def test_who_wants_none_gets_none(stage: Stage) -> None:
    stage.following = []
    stage.happen()
    stage.fan_out()
    stage.deliver()
    assert followed(stage) == []
    assert stage.rows("outbox", "id") == [], "the promise is kept by telling nobody"

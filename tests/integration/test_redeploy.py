"""The way back: an earlier digest, sent by hand."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from acting import DEPLOY, PROD, Stage, rule
from builders import A, B, C
from listener import Listener
from sqlalchemy import Engine

from app.domain.access import EVERYTHING, AccessScope
from app.domain.changes import TagKey
from app.domain.times import SECOND_NS
from app.outbound import Door
from app.store import actions
from app.store.engine import now_ns, reading
from app.usecases.make_redeploys import make_redeploys
from app.usecases.redeliver import redeliver
from app.usecases.redeploy import NoWayBackError, Plan, Wanted, ask, plan

KEY = TagKey(PROD.registries[0], "shop/web", "stable")


@pytest.fixture
def stage(engine: Engine) -> Iterator[Stage]:
    """Where A was deployed twenty minutes ago, and B ten minutes ago."""
    with Listener() as listener, Door() as door:
        stage = Stage(engine, door, listener, unproven=["prod"], rules=[rule(confirm=False)])
        for ago_s, digest in ((1200, A), (600, B)):
            stage.happen(ago_s, digest=digest)
            stage.fan_out()
            stage.deliver()
        yield stage


def go_back(stage: Stage, digest: str | None = A, ago_s: int | None = None, trigger: str | None = None) -> Plan:
    with reading(stage.engine) as connection:
        at_ns = None if ago_s is None else now_ns(connection) - ago_s * SECOND_NS
    return ask(stage.engine, EVERYTHING, stage.rules, Wanted(KEY, digest, at_ns, trigger), "os:alice")


def test_an_earlier_digest_is_sent_though_the_tag_moved_on(stage: Stage) -> None:
    planned = go_back(stage)
    assert make_redeploys(stage.engine, stage.fan) == {DEPLOY}
    assert stage.deliver() == 1
    assert stage.moves()[-1] == ("tag.redeployed", "stable", A)
    data = json.loads(stage.told()[-1].body)["data"]
    assert (data["before"], data["actor"], data["rule"]) == (B, "os:alice", "web")
    (send,) = planned.sends
    (made,) = [row for row in stage.deliveries() if row.id == send.id]
    assert (made.status, made.cause, made.digest, made.rule_version) == ("delivered", "manual", A, "0123456789ab")
    assert stage.told()[-1].headers["webhook-id"] == send.id
    assert make_redeploys(stage.engine, stage.fan) == set()


def test_what_it_was_at_a_moment(stage: Stage) -> None:
    assert go_back(stage, None, ago_s=900).digest == A
    assert go_back(stage, None, ago_s=300).digest == B
    with pytest.raises(NoWayBackError, match="nothing was known of this tag; its history"):
        go_back(stage, None, ago_s=3000)


def test_it_may_be_asked_for_again_and_again(stage: Stage) -> None:
    for _ in range(2):
        go_back(stage)
    make_redeploys(stage.engine, stage.fan)
    assert stage.deliver() == 2
    assert [after for _type, _tag, after in stage.moves()] == [A, B, A, A]


def test_it_is_written_down_who_sent_what_where(stage: Stage) -> None:
    planned = go_back(stage)
    with reading(stage.engine) as connection:
        (done,) = actions.all_of(connection, "redeploy")
    assert (done.actor, done.subject) == ("os:alice", "registry.example:5000/shop/web:stable")
    assert (done.detail["before"], done.detail["digest"]) == (B, A)
    assert [send["id"] for send in done.detail["sends"]] == [send.id for send in planned.sends]


def test_a_dry_run_promises_nothing(stage: Stage) -> None:
    with reading(stage.engine) as connection:
        planned = plan(connection, EVERYTHING, stage.rules, Wanted(KEY, A, None))
    assert [send.destination for send in planned.sends] == [DEPLOY]
    assert make_redeploys(stage.engine, stage.fan) == set()


def test_only_what_was_there_and_only_where_a_rule_leads(stage: Stage) -> None:
    with pytest.raises(NoWayBackError, match="nobody has told of sha256:c"):
        go_back(stage, C)
    with pytest.raises(NoWayBackError, match="no rule deploys shop/web:stable to 'other'; its rules deploy to: web"):
        go_back(stage, trigger="other")
    assert go_back(stage, trigger="web").sends
    stage.rules = [rule(tag="v*")]
    with pytest.raises(NoWayBackError, match="no rule deploys shop/web:stable;"):
        go_back(stage)


def test_nobody_goes_back_to_what_they_can_not_see(stage: Stage) -> None:
    other = AccessScope.parse(["registry.example:5000/other"])
    with pytest.raises(NoWayBackError, match="nobody has told"):
        ask(stage.engine, other, stage.rules, Wanted(KEY, A, None), "token:x")


def test_a_digest_of_another_tag_of_the_repository(stage: Stage) -> None:
    stage.happen(tag="edge", digest=C)
    assert go_back(stage, C).before == B


def test_a_rule_that_asks_for_approval_is_not_asked_again(stage: Stage) -> None:
    stage.rules = [replace(rule(), approve_ns=SECOND_NS)]
    go_back(stage)
    make_redeploys(stage.engine, stage.fan)
    assert stage.deliver() == 1


def test_a_destination_that_is_gone_ends_it(stage: Stage) -> None:
    (send,) = go_back(stage).sends
    make_redeploys(stage.engine, replace(stage.fan, sinks={}))
    assert [row.reason for row in stage.deliveries() if row.id == send.id] == [f"the configuration has no {DEPLOY}"]


def test_it_can_be_sent_again_as_any_delivery(stage: Stage) -> None:
    (send,) = go_back(stage).sends
    make_redeploys(stage.engine, stage.fan)
    stage.deliver()
    redeliver(stage.engine, send.id, "os:bob", as_new=True)
    assert stage.deliver() == 1

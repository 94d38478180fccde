"""What was given up: sent again all at once, or dropped for a reason that is kept."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from acting import ALERT, DEPLOY, Stage, rule
from builders import A, B
from listener import Listener, Reply
from sqlalchemy import Engine, Row, update

from app.domain.access import EVERYTHING, AccessScope
from app.domain.changes import TagKey
from app.domain.times import SECOND_NS
from app.outbound import Door
from app.store import actions, schema
from app.store.engine import reading, writing
from app.store.queries.deliveries import Failed
from app.usecases import redeliver_failed as bulk
from app.usecases.approve import Word, decide
from app.usecases.drop import NotDeadError, drop
from app.usecases.make_redeploys import make_redeploys
from app.usecases.redeliver import UnknownDeliveryError, redeliver
from app.usecases.redeliver_failed import Given, find_failed, redeliver_failed
from app.usecases.redeploy import Wanted, ask

ALWAYS = Failed(0, 2**62)


@pytest.fixture
def stage(engine: Engine) -> Iterator[Stage]:
    with Listener() as listener, Door() as door:
        yield Stage(engine, door, listener)


@pytest.fixture
def dead(stage: Stage) -> Stage:
    """With three deploys that were given up, and a destination that answers again."""
    for number in range(3):
        stage.happen(tag=f"v{number}")
    give_up(stage)
    return stage


def give_up(stage: Stage) -> None:
    """Fan out and fail for good, one after the other; then answer again."""
    stage.listener.reply(Reply(410))
    stage.fan_out()
    stage.deliver()
    stage.listener.reply(Reply(200))


def by_id(stage: Stage) -> dict[str, Row[tuple[object, ...]]]:
    return {row.id: row for row in stage.deliveries()}


def statuses(stage: Stage) -> list[str]:
    return [row.status for row in stage.deliveries()]


def fail_at(stage: Stage, ended: dict[str, int]) -> None:
    """Have the last attempt of each have ended at so many seconds."""
    with writing(stage.engine) as connection:
        for identity, second in ended.items():
            query = update(schema.attempts).where(schema.attempts.c.delivery_id == identity)
            connection.execute(query.values(started_ns=(second - 1) * SECOND_NS, duration_ns=SECOND_NS))
        connection.execute(update(schema.deliveries).values(made_ns=1))


def again(stage: Stage, failed: Failed = ALWAYS, scope: AccessScope = EVERYTHING) -> list[Given]:
    return redeliver_failed(stage.engine, find_failed(stage.engine, scope, failed), "os:alice")


def test_all_that_failed_goes_again_with_its_id_and_bytes(dead: Stage) -> None:
    first = [(heard.headers["webhook-id"], heard.body) for heard in dead.told()]
    made = [row.id for row in dead.deliveries()]
    assert again(dead) == [Given(one, DEPLOY) for one in made], "the oldest first"
    dead.deliver()
    second = [(heard.headers["webhook-id"], heard.body) for heard in dead.told()[3:]]
    assert sorted(first) == sorted(second)
    assert statuses(dead) == ["delivered"] * 3
    assert again(dead) == [], "there is nothing left"


def test_what_failed_outside_of_the_time_stays(dead: Stage) -> None:
    one, two, three = by_id(dead)
    fail_at(dead, {one: 100, two: 200, three: 300})
    found = find_failed(dead.engine, EVERYTHING, Failed(200 * SECOND_NS, 300 * SECOND_NS))
    assert [given.id for given in found] == [two], "the first moment is in it, the last one is not"
    assert {one.id for one in again(dead, Failed(101 * SECOND_NS, 10**18))} == {two, three}
    assert sorted(statuses(dead)) == ["dead", "pending", "pending"]


def test_what_was_given_up_untried_failed_when_it_was_made(dead: Stage) -> None:
    with writing(dead.engine) as connection:
        connection.execute(schema.attempts.delete())
        connection.execute(update(schema.deliveries).values(made_ns=7))
    assert find_failed(dead.engine, EVERYTHING, Failed(0, 7)) == []
    assert len(find_failed(dead.engine, EVERYTHING, Failed(7, 8))) == 3


def test_a_deploy_whose_tag_moved_on_is_superseded_and_no_way_back(stage: Stage) -> None:
    stage.happen(ago_s=2, digest=A)
    give_up(stage)
    stage.happen(ago_s=1, digest=B)
    stage.fan_out()
    assert len(again(stage)) == 1
    stage.deliver()
    assert [after for _type, _tag, after in stage.moves()] == [A, B]
    assert statuses(stage) == ["superseded", "delivered"]


def test_also_one_that_somebody_had_sent_by_hand(dead: Stage) -> None:
    dead.listener.reply(Reply(410))
    for identity in by_id(dead):
        redeliver(dead.engine, identity, "os:bob")
        dead.deliver()
    assert len(again(dead)) == 3
    assert {row.cause for row in dead.deliveries()} == {"scheduled"}


def test_a_way_back_that_failed_is_not_meant_and_an_original_stands_for_its_copies(stage: Stage) -> None:
    stage.happen(ago_s=2, digest=A)
    give_up(stage)
    (first,) = by_id(stage)
    stage.listener.reply(Reply(410))
    redeliver(stage.engine, first, "os:bob", as_new=True)
    stage.deliver()
    back = Wanted(TagKey("registry.example:5000", "shop/web", "stable"), A, None)
    ask(stage.engine, EVERYTHING, stage.rules, back, "os:bob")
    make_redeploys(stage.engine, stage.fan)
    stage.deliver()
    assert statuses(stage) in (["dead", "dead", "pending"], ["dead", "dead", "dead"])
    stage.change(status="dead", next_attempt_ns=None)
    assert find_failed(stage.engine, EVERYTHING, ALWAYS) == [Given(first, DEPLOY)]


def test_what_nobody_approved_did_not_fail(stage: Stage) -> None:
    stage.rules = [replace(rule(), approve_ns=3600 * SECOND_NS)]
    stage.happen()
    stage.fan_out()
    stage.deliver()
    (identity,) = by_id(stage)
    decide(stage.engine, identity, Word(False, "os:alice"))
    stage.deliver()
    assert statuses(stage) == ["dead"]
    assert find_failed(stage.engine, EVERYTHING, ALWAYS) == []


def test_alerts_go_in_the_order_in_which_they_were_made(stage: Stage) -> None:
    stage.rules = [rule(deploy=False, alert=True)]
    for number in range(4):
        stage.happen(tag=f"v{number}")
    stage.fan_out()
    stage.change(status="dead", next_attempt_ns=None)
    made = [row.id for row in stage.deliveries()]
    assert [one.id for one in again(stage)] == made
    stage.deliver(ALERT)
    told = [json.loads(heard.body)["text"] for heard in stage.told("/chat")]
    assert [next(f"v{number}" for number in range(4) if f"v{number}" in text) for text in told] == [
        "v0", "v1", "v2", "v3",
    ]  # fmt: skip


def test_many_go_in_several_transactions_each_in_the_log(dead: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "MOST_AT_ONCE", 2)
    heard: list[int] = []
    found = find_failed(dead.engine, EVERYTHING, ALWAYS)
    redeliver_failed(dead.engine, found, "os:alice", heard.append)
    assert heard == [2, 3]
    with reading(dead.engine) as connection:
        done = actions.all_of(connection, "delivery.redeliver-failed")
    assert [(one.actor, one.subject, len(one.detail["sent"])) for one in done] == [
        ("os:alice", DEPLOY, 2), ("os:alice", DEPLOY, 1),
    ]  # fmt: skip


def test_what_somebody_else_sent_meanwhile_is_left_alone(dead: Stage) -> None:
    found = find_failed(dead.engine, EVERYTHING, ALWAYS)
    redeliver(dead.engine, found[0].id, "os:bob")
    assert redeliver_failed(dead.engine, found, "os:alice") == list(found[1:])


def test_a_scope_reaches_only_its_own(dead: Stage) -> None:
    assert find_failed(dead.engine, AccessScope.parse(["registry.example:5000/other"]), ALWAYS) == []
    assert len(find_failed(dead.engine, AccessScope.parse(["registry.example:5000/shop/*"]), ALWAYS)) == 3


def test_a_dropped_one_keeps_why_and_who(dead: Stage) -> None:
    identity, *_others = by_id(dead)
    was = by_id(dead)[identity].reason
    drop(dead.engine, identity, "os:alice", "deployed by hand")
    assert (by_id(dead)[identity].status, by_id(dead)[identity].reason) == (
        "dropped", "by os:alice: deployed by hand",
    )  # fmt: skip
    with reading(dead.engine) as connection:
        (done,) = actions.all_of(connection, "delivery.drop")
    assert (done.actor, done.subject, done.detail) == (
        "os:alice", identity, {"reason": "deployed by hand", "was": was},
    )  # fmt: skip
    assert identity not in {one.id for one in again(dead)}
    redeliver(dead.engine, identity, "os:bob")
    assert by_id(dead)[identity].status == "pending", "who names it may send it still"


def test_only_what_is_dead_can_be_dropped(stage: Stage) -> None:
    stage.happen()
    stage.fan_out()
    (identity,) = by_id(stage)
    with pytest.raises(NotDeadError, match=f"{identity} is pending; only what is dead can be dropped"):
        drop(stage.engine, identity, "os:alice", "so")
    with pytest.raises(UnknownDeliveryError):
        drop(stage.engine, "msg_x", "os:alice", "so")
    assert statuses(stage) == ["pending"]

"""What holds deliveries back: pauses, closed hours, and a configuration that rests."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from acting import ALERT, DEPLOY, LIFE_NS, Stage, rule
from builders import A, B
from listener import Listener, Reply
from sqlalchemy import Engine, update

from app.domain.access import AccessScope
from app.domain.holds import EVERYTHING
from app.domain.openings import Opening
from app.domain.times import SECOND_NS
from app.outbound import Door
from app.store import actions, schema
from app.store.engine import now_ns, reading, writing
from app.store.queries.deliveries import Failed
from app.usecases.pauses import UnknownScopeError, Wanted, pause, resume, scopes
from app.usecases.redeliver import redeliver
from app.usecases.redeliver_failed import find_failed, redeliver_failed

DAY_MINUTES = 24 * 60


@pytest.fixture
def stage(engine: Engine) -> Iterator[Stage]:
    with Listener() as listener, Door() as door:
        yield Stage(engine, door, listener, rules=[rule(alert=True)])


def hold(stage: Stage, scope: str, until_ns: int | None = None, reason: str | None = None) -> None:
    known = scopes(stage.rules, stage.sinks)
    pause(stage.engine, Wanted(scope, until_ns, reason), known, "os:alice")


def move(stage: Stage, digest: str = A, ago_s: float = 0) -> None:
    stage.happen(ago_s, digest=digest)
    stage.fan_out()
    stage.deliver(DEPLOY)
    stage.deliver(ALERT)


def states(stage: Stage) -> dict[str, tuple[str, str | None]]:
    return {row.destination: (row.status, row.reason) for row in stage.deliveries()}


def now(stage: Stage) -> int:
    with reading(stage.engine) as connection:
        return now_ns(connection)


@pytest.mark.parametrize("scope", [EVERYTHING, DEPLOY])
def test_a_pause_holds_deploys_and_people_are_told(stage: Stage, scope: str) -> None:
    hold(stage, scope, reason="the cluster moves")
    move(stage)
    assert (len(stage.told()), len(stage.told("/chat"))) == (0, 1)
    assert states(stage)[DEPLOY] == ("pending", f"held: os:alice paused {scope}: the cluster moves")
    assert stage.outcomes() == [("created", "done")], "history goes on"
    assert stage.deliver() == 0, "it is not looked at again and again"
    resume(stage.engine, scope, "os:bob")
    assert stage.deliver() == 1
    assert states(stage)[DEPLOY] == ("delivered", None)
    assert stage.moves() == [("tag.created", "stable", A)]


def test_a_pause_of_a_rule_holds_all_that_it_sends(stage: Stage) -> None:
    hold(stage, "rule:web")
    move(stage)
    assert stage.listener.heard == []
    assert {status for status, _reason in states(stage).values()} == {"pending"}
    resume(stage.engine, "rule:web", "os:bob")
    assert (stage.deliver(), stage.deliver(ALERT)) == (1, 1)


def test_a_pause_of_a_channel_holds_no_deploy(stage: Stage) -> None:
    hold(stage, ALERT)
    move(stage)
    assert (len(stage.told()), len(stage.told("/chat"))) == (1, 0)


def test_what_moved_on_while_it_was_held_is_superseded(stage: Stage) -> None:
    hold(stage, EVERYTHING)
    move(stage, A, ago_s=2)
    move(stage, B, ago_s=1)
    resume(stage.engine, EVERYTHING, "os:bob")
    stage.deliver()
    assert stage.moves() == [("tag.moved", "stable", B)]
    made = {row.digest: row.status for row in stage.deliveries() if row.purpose == "deploy"}
    assert made == {A: "superseded", B: "delivered"}


def test_what_is_held_does_not_expire_and_has_all_its_time_afterwards(stage: Stage) -> None:
    hold(stage, EVERYTHING)
    move(stage)
    stage.change(expires_ns=1)
    resume(stage.engine, EVERYTHING, "os:bob")
    stage.listener.reply(Reply(500))
    before = now(stage)
    assert stage.deliver() == 1
    (held,) = [row for row in stage.deliveries() if row.purpose == "deploy"]
    assert (held.status, held.held_ns) == ("pending", None)
    assert before + LIFE_NS <= held.expires_ns <= now(stage) + LIFE_NS


def test_a_pause_ends_by_itself(stage: Stage) -> None:
    until_ns = now(stage) + 3600 * SECOND_NS
    hold(stage, EVERYTHING, until_ns)
    move(stage)
    (held,) = [row for row in stage.deliveries() if row.purpose == "deploy"]
    assert held.next_attempt_ns == until_ns
    hold(stage, EVERYTHING, until_ns=now(stage) + 1)
    stage.make_due()
    assert stage.deliver() == 1


def test_by_hand_goes_past_a_rule_that_rests_and_not_past_a_stop(stage: Stage) -> None:
    stage.rules = [rule()]
    hold(stage, "rule:web")
    move(stage)
    (held,) = stage.deliveries()
    redeliver(stage.engine, held.id, "os:alice")
    assert stage.deliver() == 1
    hold(stage, EVERYTHING)
    redeliver(stage.engine, held.id, "os:alice")
    assert stage.deliver() == 0


def test_a_rule_that_the_configuration_pauses(stage: Stage) -> None:
    stage.rules = [replace(rule(), paused=True)]
    move(stage)
    assert states(stage)[DEPLOY] == ("pending", "held: the configuration pauses rule web")
    stage.rules = [rule()]
    stage.make_due()
    assert stage.deliver() == 1


def test_closed_hours_hold_until_they_open(stage: Stage) -> None:
    today = datetime.fromtimestamp(now(stage) / SECOND_NS, UTC).weekday()
    opening = Opening(frozenset({(today + 2) % 7}), 9 * 60, 17 * 60, "UTC")
    stage.rules = [replace(rule(alert=True), windows=(opening,))]
    move(stage)
    (held,) = [row for row in stage.deliveries() if row.purpose == "deploy"]
    opens = datetime.fromtimestamp(held.next_attempt_ns / SECOND_NS, UTC)
    assert (opens.weekday(), opens.hour, opens.minute) == ((today + 2) % 7, 9, 0)
    assert held.reason == f"held: its rule opens at {opens:%Y-%m-%dT%H:%M:%SZ}"
    assert len(stage.told("/chat")) == 1
    stage.rules = [replace(rule(), windows=(Opening(frozenset(range(7)), 0, DAY_MINUTES, "UTC"),))]
    stage.make_due()
    assert stage.deliver() == 1


def test_who_paused_and_resumed_is_written_down(stage: Stage) -> None:
    hold(stage, "rule:web", reason="why not")
    resume(stage.engine, "rule:web", "token:ops")
    with reading(stage.engine) as connection:
        (paused,), (resumed,) = actions.all_of(connection, "pause"), actions.all_of(connection, "resume")
    assert (paused.actor, paused.subject) == ("os:alice", "rule:web")
    assert paused.detail == {"until": None, "reason": "why not"}
    assert (resumed.actor, resumed.subject) == ("token:ops", "rule:web")


def test_only_what_there_is_can_be_paused(stage: Stage) -> None:
    with pytest.raises(UnknownScopeError, match=r"did you mean 'rule:web'\?"):
        hold(stage, "rule:wep")
    with pytest.raises(UnknownScopeError, match="'rule:web' is not paused"):
        resume(stage.engine, "rule:web", "os:alice")


# What is newer


def made(stage: Stage) -> dict[str, tuple[str, str | None]]:
    return {row.digest: (row.status, row.reason) for row in stage.deliveries() if row.purpose == "deploy"}


def release(stage: Stage, tag: str, digest: str, ago_s: float) -> None:
    stage.happen(ago_s, tag=tag, digest=digest)
    stage.fan_out()


def test_an_older_version_that_waited_behind_a_failure_does_not_follow_a_newer_one(stage: Stage) -> None:
    stage.listener.reply(Reply(500), Reply(200))
    release(stage, "2.1.0", A, 2)
    assert stage.deliver() == 1
    release(stage, "2.1.1", B, 1)
    stage.make_due()
    stage.deliver()
    assert made(stage) == {A: ("superseded", "refused: downgrade from 2.1.1"), B: ("delivered", None)}
    assert [after for _type, _tag, after in stage.moves()] == [A, B]


def test_nor_one_that_was_held_or_given_up(stage: Stage) -> None:
    hold(stage, EVERYTHING)
    release(stage, "2.1.0", A, 2)
    stage.deliver()
    release(stage, "2.1.1", B, 1)
    resume(stage.engine, EVERYTHING, "os:bob")
    stage.deliver()
    assert [after for _type, _tag, after in stage.moves()] == [B]
    with writing(stage.engine) as connection:
        connection.execute(update(schema.deliveries).where(schema.deliveries.c.digest == A).values(status="dead"))
    found = find_failed(stage.engine, AccessScope(None), Failed(0, 2**62))
    assert len(redeliver_failed(stage.engine, found, "os:alice")) == 1
    stage.deliver()
    assert [after for _type, _tag, after in stage.moves()] == [B]
    (old,) = [row.id for row in stage.deliveries() if row.digest == A]
    redeliver(stage.engine, old, "os:alice")
    stage.deliver()
    assert [after for _type, _tag, after in stage.moves()] == [B, A], "who names it by hand knows"


@pytest.mark.parametrize(
    ("tags", "said", "went"),
    [
        (("2.1.0", "2.1.1"), {"allow_downgrade": True}, [A, B]),
        (("main", "edge"), {}, [A, B]),
        (("2.1.0", "edge"), {}, [A, B]),
    ],
)
def test_what_has_no_order_or_may_step_back_goes(
    stage: Stage, tags: tuple[str, str], said: dict[str, bool], went: list[str]
) -> None:
    stage.rules = [rule(**said)]
    for at, (tag, digest) in enumerate(zip(tags, (A, B), strict=True)):
        release(stage, tag, digest, 2 - at)
    stage.deliver()
    assert sorted(after for _type, _tag, after in stage.moves()) == went


def test_a_newer_one_that_nobody_approved_hinders_nothing(stage: Stage) -> None:
    release(stage, "2.1.0", A, 2)
    stage.rules = [replace(rule(), approve_ns=3600 * SECOND_NS)]
    release(stage, "2.1.1", B, 1)
    stage.deliver()
    assert [after for _type, _tag, after in stage.moves()] == [A]

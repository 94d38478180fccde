"""Messages on their way: claimed under a lease, the same at every try, ended for a reason (decisions 9, 11 and 12)."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from acting import ALERT, DEPLOY, LIFE_NS, Stage, rule
from builders import A, B
from destinations import alerts, deploys
from listener import Heard, Listener, Reply
from sqlalchemy import Engine

from app.domain.deliveries import Next, Status
from app.domain.times import SECOND_NS
from app.outbound import Door
from app.sinks.sink import Message, Outcome
from app.store import deliveries, due
from app.store.deliveries import Attempt, Claim
from app.store.engine import now_ns, reading, writing
from app.usecases.deliver import LEASE_NS, deliver, no_sink
from app.usecases.redeliver import UnknownDeliveryError, redeliver


@pytest.fixture
def stage(engine: Engine) -> Iterator[Stage]:
    with Listener() as listener, Door() as door:
        yield Stage(engine, door, listener)


@pytest.fixture
def waiting(stage: Stage) -> Stage:
    """With one deploy that is due."""
    stage.happen()
    stage.fan_out()
    return stage


def now(stage: Stage) -> int:
    with reading(stage.engine) as connection:
        return now_ns(connection)


def without_time(heard: Heard) -> tuple[str, dict[str, str], bytes]:
    varying = ("webhook-timestamp", "webhook-signature")
    return heard.path, {name: value for name, value in heard.headers.items() if name not in varying}, heard.body


def test_a_message_arrives_signed_and_is_not_sent_again(waiting: Stage) -> None:
    assert waiting.deliver() == 1
    assert waiting.deliver() == 0
    (deploy,) = deploys(waiting.listener)  # checks the signature
    (row,) = waiting.deliveries()
    (attempt,) = waiting.rows("attempts", "fence")
    assert (deploy.id, deploy.body, deploy.after) == (row.id, row.body, A)
    assert (row.status, row.next_attempt_ns, row.tries, row.reason) == ("delivered", None, 1, None)
    assert (attempt.status, attempt.detail, attempt.cause) == (200, "HTTP 200", "scheduled")
    assert 0 < attempt.duration_ns < 10 * SECOND_NS


def test_every_attempt_sends_the_same_bytes_under_the_same_id(waiting: Stage) -> None:
    waiting.listener.reply(Reply(500, body=b"no"), Reply(503), Reply(200))
    for _ in range(3):
        waiting.make_due()
        waiting.deliver()
    first, second, third = waiting.told()
    assert without_time(first) == without_time(second) == without_time(third)
    assert len(deploys(waiting.listener)) == 3, "each with a signature that is right"
    (row,) = waiting.deliveries()
    assert (row.status, row.tries) == ("delivered", 3)
    tried = [(attempt.status, attempt.answer) for attempt in waiting.rows("attempts", "fence")]
    assert tried == [(500, b"no"), (503, b""), (200, b"")]


def test_a_failure_is_tried_again_later(waiting: Stage) -> None:
    waiting.listener.reply(Reply(500))
    before = now(waiting)
    assert waiting.deliver() == 1
    (row,) = waiting.deliveries()
    assert (row.status, row.tries, row.reason, row.leased_until_ns) == ("pending", 1, "HTTP 500", 0)
    assert before + 0.8 * SECOND_NS <= row.next_attempt_ns <= now(waiting) + 1.2 * SECOND_NS


def test_a_destination_may_ask_for_patience(waiting: Stage) -> None:
    waiting.listener.reply(Reply(429, {"Retry-After": "120"}))
    before = now(waiting)
    waiting.deliver()
    (row,) = waiting.deliveries()
    assert before + 120 * SECOND_NS <= row.next_attempt_ns <= now(waiting) + 120 * SECOND_NS
    assert waiting.deliver() == 0


def test_a_destination_that_wants_no_more_of_it_is_not_asked_again(waiting: Stage) -> None:
    waiting.listener.reply(Reply(410))
    waiting.deliver()
    (row,) = waiting.deliveries()
    assert (row.status, row.reason, row.next_attempt_ns) == ("dead", "HTTP 410", None)


def test_a_redirect_is_a_failure_that_says_where_it_pointed(waiting: Stage) -> None:
    waiting.listener.reply(Reply(302, {"Location": "http://elsewhere.example/secret"}))
    waiting.deliver()
    (row,) = waiting.deliveries()
    assert row.status == "pending"
    assert row.reason.startswith("HTTP 302, a redirect to http://elsewhere.example/")
    assert "secret" not in row.reason


def test_what_failed_until_it_expired_is_dead(waiting: Stage) -> None:
    waiting.listener.reply(Reply(500))
    waiting.change(expires_ns=now(waiting) + SECOND_NS // 2)
    waiting.deliver()
    (row,) = waiting.deliveries()
    assert (row.status, row.next_attempt_ns) == ("dead", None)
    assert row.reason == "expired after 1 tries; the last: HTTP 500"


def test_what_the_configuration_no_longer_has_is_dead(waiting: Stage) -> None:
    assert no_sink(waiting.engine, DEPLOY) == 1
    (row,) = waiting.deliveries()
    assert (row.status, row.reason) == ("dead", f"the configuration has no {DEPLOY}")
    assert waiting.told() == []


def test_a_deploy_of_the_past_is_superseded_and_an_alert_is_told(stage: Stage) -> None:
    stage.rules = [rule(alert=True)]
    for ago_s, digest in ((2, A), (1, B)):
        stage.happen(ago_s, digest=digest)
        stage.fan_out()
    assert stage.deliver(DEPLOY) == 1
    assert stage.deliver(ALERT) == 2
    assert stage.moves() == [("tag.moved", "stable", B)]
    assert len(stage.told("/chat")) == 2
    deploys = [(row.status, row.reason, row.tries) for row in stage.deliveries() if row.purpose == "deploy"]
    assert deploys == [("superseded", "superseded: the tag moved on", 0), ("delivered", None, 1)]


# Claims


def claim(stage: Stage, now: int, lease_ns: int = LEASE_NS) -> Claim | None:
    with writing(stage.engine) as connection:
        return next(iter(deliveries.claim(connection, DEPLOY, now, lease_ns)), None)


def finish(stage: Stage, claimed: Claim, then: Next) -> bool:
    with writing(stage.engine) as connection:
        return deliveries.finish(connection, claimed, Attempt(1, 1, 200, "HTTP 200", b""), then)


def test_what_one_holds_nobody_else_gets_until_the_lease_ends(waiting: Stage) -> None:
    start = now(waiting)
    first = claim(waiting, start)
    assert first is not None
    assert claim(waiting, start + LEASE_NS - 1) is None
    with reading(waiting.engine) as connection:
        assert due.due_destinations(connection, start + LEASE_NS - 1) == set()
        assert due.due_destinations(connection, start + LEASE_NS) == {DEPLOY}
    second = claim(waiting, start + LEASE_NS)
    assert second is not None
    assert (second.id, second.body, second.fence) == (first.id, first.body, first.fence + 1)


def test_a_result_without_the_live_number_is_not_written(waiting: Stage) -> None:
    start = now(waiting)
    first, second = claim(waiting, start), claim(waiting, start + LEASE_NS)
    assert first is not None
    assert second is not None
    assert not finish(waiting, first, Next(Status.DEAD, "too late"))
    assert waiting.rows("attempts", "fence") == []
    assert [row.status for row in waiting.deliveries()] == ["pending"]
    assert finish(waiting, second, Next(Status.DELIVERED))
    assert [attempt.fence for attempt in waiting.rows("attempts", "fence")] == [second.fence]


def test_many_workers_at_once_send_each_message_once(stage: Stage) -> None:
    for number in range(40):
        stage.happen(tag=f"t{number}")
    stage.fan_out()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            stage.deliver()
        except BaseException as error:  # noqa: BLE001 - reported below
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(tag for _type, tag, _after in stage.moves()) == sorted(f"t{number}" for number in range(40))
    assert {row.status for row in stage.deliveries()} == {"delivered"}


class Dies:
    """A sink whose process ends while it sends."""

    def render(self, told: object) -> Message:
        raise AssertionError("what is sent was rendered before")

    def send(self, message_id: str, message: Message, now_s: int) -> Outcome:
        raise SystemExit


def test_what_a_dead_worker_held_is_sent_when_its_lease_ends(waiting: Stage) -> None:
    with pytest.raises(SystemExit):
        deliver(waiting.engine, replace(waiting.fan, sinks={DEPLOY: Dies()}), DEPLOY, {})
    assert waiting.deliver() == 0
    waiting.change(leased_until_ns=now(waiting))
    assert waiting.deliver() == 1
    (deploy,) = deploys(waiting.listener)
    (row,) = waiting.deliveries()
    assert (deploy.id, row.status) == (row.id, "delivered")


# Once more


@pytest.mark.parametrize("first", [200, 410])
def test_a_redelivery_sends_the_same_id_and_bytes(waiting: Stage, first: int) -> None:
    waiting.listener.reply(Reply(first), Reply(200))
    waiting.deliver()
    (row,) = waiting.deliveries()
    assert redeliver(waiting.engine, row.id, "os:alice") == row.id
    assert waiting.deliver() == 1
    one, other = waiting.told()
    assert without_time(one) == without_time(other)
    (row,) = waiting.deliveries()
    assert (row.status, row.tries) == ("delivered", 1)
    assert [attempt.cause for attempt in waiting.rows("attempts", "fence")] == ["scheduled", "manual"]


def test_a_redelivery_as_new_has_an_id_of_its_own(waiting: Stage) -> None:
    waiting.deliver()
    (old,) = waiting.deliveries()
    fresh = redeliver(waiting.engine, old.id, "os:alice", as_new=True)
    assert fresh != old.id
    waiting.deliver()
    one, other = deploys(waiting.listener)
    assert (one.id, other.id) == (old.id, fresh)
    assert one.body == other.body
    (copy,) = [row for row in waiting.deliveries() if row.id == fresh]
    assert (copy.redelivery_of, copy.status, copy.expires_ns) == (old.id, "delivered", copy.made_ns + LIFE_NS)


@pytest.mark.parametrize("as_new", [False, True])
def test_what_somebody_asked_for_is_tried_until_it_is_told(stage: Stage, as_new: bool) -> None:
    """Also a deploy of the past, and also behind a failure."""
    stage.happen(ago_s=2, digest=A)
    stage.fan_out()
    stage.happen(ago_s=1, digest=B)
    assert stage.deliver() == 0
    (row,) = stage.deliveries()
    assert row.status == "superseded"
    asked = redeliver(stage.engine, row.id, "os:alice", as_new=as_new)
    stage.listener.reply(Reply(500), Reply(200))
    assert stage.deliver() == 1
    with writing(stage.engine) as connection:
        connection.execute(
            deliveries.deliveries.update().where(deliveries.deliveries.c.id == asked).values(next_attempt_ns=1)
        )
    stage.wait_out()
    assert stage.deliver() == 1
    (row,) = [row for row in stage.deliveries() if row.id == asked]
    assert (row.status, row.tries) == ("delivered", 2)


def test_a_redelivery_in_mid_attempt_is_not_lost(waiting: Stage) -> None:
    held = claim(waiting, now(waiting))
    assert held is not None
    redeliver(waiting.engine, held.id, "os:alice")
    assert not finish(waiting, held, Next(Status.DEAD, "HTTP 410"))
    assert waiting.deliver() == 1
    assert [row.status for row in waiting.deliveries()] == ["delivered"]


def test_a_delivery_that_does_not_exist_is_told(stage: Stage) -> None:
    for as_new in (False, True):
        with pytest.raises(UnknownDeliveryError, match="no delivery 'msg_x'"):
            redeliver(stage.engine, "msg_x", "os:alice", as_new=as_new)


# Side by side


def test_a_trigger_gets_several_at_a_time_and_each_once(waiting: Stage) -> None:
    """One delivery is due already; nine more tags make ten, in two claims, and one request each."""
    for number in range(9):
        waiting.happen(tag=f"tag-{number}")
    waiting.fan_out()
    assert waiting.deliver() == 10
    told = deploys(waiting.listener)
    assert len({one.id for one in told}) == len(told) == 10
    assert {row.status for row in waiting.deliveries()} == {"delivered"}


def test_alerts_come_in_order(stage: Stage) -> None:
    stage.rules = [rule(deploy=False, alert=True)]
    for number in range(5):
        stage.happen(tag=f"tag-{number}")
    stage.fan_out()
    stage.deliver(ALERT)
    assert [text.split(":")[-1] for text in (one["text"] for one in alerts(stage.listener))] == [
        f"tag-{number}" for number in range(5)
    ]

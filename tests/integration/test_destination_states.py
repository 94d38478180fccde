"""Destinations that fail are left alone, however many deliveries wait for them, and nobody else notices."""

import threading
from collections.abc import Iterator

import pytest
from acting import ALERT, DEPLOY, Stage, rule
from builders import A
from listener import Listener, Reply
from sqlalchemy import Engine, Row, update

from app.domain.times import SECOND_NS
from app.domain.told import Notice
from app.outbound import Door, Url
from app.sinks.slack import Slack
from app.store import due, schema
from app.store.engine import now_ns, reading, writing
from app.usecases.deliver import Manners, deliver
from app.usecases.destinations import disable, enable
from app.usecases.tell_notice import tell_notice


@pytest.fixture
def stage(engine: Engine) -> Iterator[Stage]:
    with Listener() as listener, Door() as door:
        yield Stage(engine, door, listener)


@pytest.fixture
def many(stage: Stage) -> Stage:
    """With twelve deploys that are due."""
    for number in range(12):
        stage.happen(tag=f"v{number}")
    stage.fan_out()
    return stage


def state(stage: Stage, name: str = DEPLOY) -> Row[tuple[object, ...]]:
    (row,) = [one for one in stage.rows("destinations", "name") if one.name == name]
    return row


def statuses(stage: Stage) -> list[str]:
    return sorted(row.status for row in stage.deliveries())


def ringing(stage: Stage) -> set[str]:
    with reading(stage.engine) as connection:
        return due.due_destinations(connection, now_ns(connection))


def set_state(stage: Stage, **values: object) -> None:
    with writing(stage.engine) as connection:
        connection.execute(update(schema.destinations).values(**values))


def test_after_a_failure_one_probe_goes_and_the_others_wait(many: Stage) -> None:
    many.listener.reply(Reply(503))
    assert many.deliver() == 8, "what goes together"
    assert (state(many).state, state(many).failures) == ("backing off", 1)
    assert many.deliver() == 0
    assert ringing(many) == set(), "nobody rings for it meanwhile"
    many.wait_out()
    assert ringing(many) == {DEPLOY}
    assert many.deliver() == 1, "a probe"
    assert state(many).failures == 2
    many.listener.reply(Reply(200))
    many.make_due()
    assert many.deliver() == 12
    assert state(many).state == "open"
    assert statuses(many) == ["delivered"] * 12


def test_who_waits_for_a_destination_loses_no_tries(many: Stage) -> None:
    many.listener.reply(Reply(500))
    for _ in range(3):
        many.wait_out()
        many.deliver()
    tries = sorted(row.tries for row in many.deliveries())
    assert sum(tries) == 8 + 1 + 1
    assert tries[0] == 0


def test_one_message_that_cannot_be_taken_is_its_own_affair(many: Stage) -> None:
    many.listener.reply(Reply(422), Reply(400), Reply(413), Reply(200))
    many.deliver()
    assert statuses(many) == ["delivered"] * 9 + ["pending"] * 3
    assert state(many).state == "open"


def test_patience_that_one_is_asked_for_is_had_with_all(many: Stage) -> None:
    many.listener.reply(Reply(429, {"Retry-After": "120"}))
    many.deliver()
    with reading(many.engine) as connection:
        left_s = (state(many).not_before_ns - now_ns(connection)) / SECOND_NS
    assert 110 < left_s <= 120
    assert ringing(many) == set()


def test_who_wants_no_more_is_disabled_and_what_waits_is_kept(many: Stage) -> None:
    many.listener.reply(Reply(410))
    many.deliver()
    assert (state(many).state, state(many).reason) == ("disabled", "it wants no more: HTTP 410")
    many.wait_out()
    assert many.deliver() == 0
    assert ringing(many) == set()
    assert statuses(many) == ["dead"] * 8 + ["pending"] * 4


def test_what_waits_too_long_expires(many: Stage) -> None:
    many.listener.reply(Reply(410))
    many.deliver()
    many.change(expires_ns=1)
    assert ringing(many) == {DEPLOY}
    many.deliver()
    assert statuses(many) == ["dead"] * 12
    assert {row.reason for row in many.deliveries() if row.tries == 0} == {"expired after 0 tries"}
    assert len(many.listener.heard) == 8


def test_nothing_but_failures_disables(many: Stage, caplog: pytest.LogCaptureFixture) -> None:
    many.listener.reply(Reply(500))
    many.deliver()
    with reading(many.engine) as connection:
        set_state(many, failing_since_ns=now_ns(connection) - 3600 * SECOND_NS, not_before_ns=1)
    assert deliver(many.engine, many.fan, DEPLOY, {}, Manners(8, 3601 * SECOND_NS)) == 1
    assert state(many).state == "backing off"
    many.wait_out()
    assert deliver(many.engine, many.fan, DEPLOY, {}, Manners(8, 3600 * SECOND_NS)) == 1
    assert state(many).state == "disabled"
    assert f"{DEPLOY} is disabled: nothing but failures for 1 h; the last: HTTP 500" in caplog.text


def test_the_other_channels_say_once_that_one_is_disabled(many: Stage) -> None:
    many.listener.answer = lambda heard: Reply(410 if heard.path == "/deploy" else 200)
    chat = Slack(many.door, Url.parse(f"{many.listener.url}/chat"))
    deliver(many.engine, many.fan, DEPLOY, {}, Manners(3, told={ALERT: chat}))
    assert many.deliver(ALERT) == 1
    (said,) = many.told("/chat")
    assert b"trigger:web is disabled: it wants no more: HTTP 410" in said.body
    assert b"tagtrail destination enable trigger:web" in said.body
    with writing(many.engine) as connection:
        told = Notice("destination.disabled", DEPLOY, "again", 1, None)
        tell_notice(connection, {ALERT: chat}, told, f"destination.disabled {DEPLOY} {state(many).since_ns}")
    assert many.deliver(ALERT) == 0, "the same cause is told once"


def test_enabling_sends_what_has_waited(many: Stage) -> None:
    many.listener.reply(Reply(410), Reply(200))
    disable(many.engine, DEPLOY, "os:alice", "moving house")
    assert state(many).reason == "by os:alice: moving house"
    assert many.deliver() == 0
    enable(many.engine, DEPLOY, "os:bob")
    assert many.deliver() == 1
    assert state(many).state == "disabled", "the probe was told again that it wants no more"
    enable(many.engine, DEPLOY, "os:bob")
    many.deliver()
    assert (state(many).state, statuses(many)) == ("open", ["dead"] + ["delivered"] * 11)
    said = [(row.actor, row.verb, row.subject) for row in many.rows("actions", "seq")]
    assert said == [
        ("os:alice", "destination.disable", DEPLOY), ("os:bob", "destination.enable", DEPLOY),
        ("os:bob", "destination.enable", DEPLOY),
    ]  # fmt: skip


def test_two_workers_send_no_more_at_once_than_may_be_in_flight(many: Stage) -> None:
    """Each asks for all it may have; the listener counts how many are there at the same time."""
    here, most, lock = 0, 0, threading.Lock()

    def answer(_heard: object) -> Reply:
        nonlocal here, most
        with lock:
            here += 1
            most = max(most, here)
        many.listener.sleep(0.2)
        with lock:
            here -= 1
        return Reply()

    many.listener.answer = answer
    manners = Manners(3)

    def work() -> None:
        for _ in range(40):
            deliver(many.engine, many.fan, DEPLOY, {}, manners)
            if statuses(many) == ["delivered"] * 12:
                return
            many.listener.sleep(0.1)

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert statuses(many) == ["delivered"] * 12
    assert most == 3


def test_a_destination_that_fails_holds_up_no_other(engine: Engine) -> None:
    with Listener() as listener, Door() as door:
        stage = Stage(engine, door, listener, [rule(deploy=True, alert=True)])
        listener.answer = lambda heard: Reply(500 if heard.path == "/deploy" else 200)
        stage.happen(digest=A)
        stage.fan_out()
        stage.deliver()
        assert stage.deliver(ALERT) == 1
        assert (state(stage).state, state(stage, ALERT).state) == ("backing off", "open")

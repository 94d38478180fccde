"""Deploys that wait for somebody's word."""

import email
import re
from collections.abc import Iterator
from dataclasses import replace
from email.policy import SMTP

import pytest
from acting import ALERT, DEPLOY, Stage, rule
from builders import A, B, add_delivery
from listener import Listener, Reply
from mail_server import MailServer
from sqlalchemy import Engine, update

from app import outbound
from app.domain.deliveries import Status
from app.domain.times import SECOND_NS
from app.outbound import Door
from app.sinks.email import Email
from app.store import actions, schema
from app.store.engine import reading, writing
from app.usecases.approve import UndecidableError, Word, decide, of_link
from app.usecases.deliver import deliver
from app.usecases.fan_out import fan_out
from app.usecases.redeliver import redeliver

WITHIN_NS = 4 * 3600 * SECOND_NS


@pytest.fixture
def stage(engine: Engine) -> Iterator[Stage]:
    with Listener() as listener, Door() as door:
        careful = replace(rule(alert=True), approve_ns=WITHIN_NS)
        yield Stage(engine, door, listener, rules=[careful])


@pytest.fixture
def waiting(stage: Stage) -> Stage:
    """With one deploy that waits."""
    move(stage, ago_s=1)
    return stage


def move(stage: Stage, digest: str = A, ago_s: float = 0) -> None:
    stage.happen(ago_s, digest=digest)
    stage.fan_out()
    stage.deliver(DEPLOY)
    stage.deliver(ALERT)


def deploys(stage: Stage) -> list[tuple[str, str, str | None]]:
    return [(row.id, row.status, row.reason) for row in stage.deliveries() if row.purpose == "deploy"]


def secret_in(stage: Stage, number: int = 0) -> str:
    links = [re.search(r"/approve/([\w-]+)", heard.body.decode()) for heard in stage.told("/chat")]
    return [link[1] for link in links if link][number]


def test_nothing_goes_until_somebody_approves(waiting: Stage) -> None:
    ((identity, status, reason),) = deploys(waiting)
    assert (waiting.told(), status) == ([], "pending")
    assert reason is not None
    assert reason.startswith("waits for approval until ")
    decide(waiting.engine, identity, Word(True, "os:alice", "looks good"))
    assert waiting.deliver() == 1
    assert waiting.moves() == [("tag.created", "stable", A)]
    with reading(waiting.engine) as connection:
        (said,) = actions.all_of(connection, "approval.approved")
    assert (said.actor, said.subject, said.detail) == ("os:alice", identity, {"digest": A, "note": "looks good"})


def test_what_is_rejected_never_goes(waiting: Stage) -> None:
    ((identity, _status, _reason),) = deploys(waiting)
    decide(waiting.engine, identity, Word(False, "os:alice", "not on Fridays"))
    waiting.deliver()
    assert deploys(waiting) == [(identity, "dead", "rejected by os:alice: not on Fridays")]
    redeliver(waiting.engine, identity, "os:bob")
    fresh = redeliver(waiting.engine, identity, "os:bob", as_new=True)
    waiting.deliver()
    assert waiting.told() == []
    assert {identity: status for identity, status, _reason in deploys(waiting)} == {identity: "dead", fresh: "dead"}


def test_people_are_told_with_a_link_whose_secret_is_kept_nowhere(waiting: Stage) -> None:
    secret = secret_in(waiting)
    found = of_link(waiting.engine, secret)
    assert found is not None
    assert (found.delivery_id, found.digest) == (deploys(waiting)[0][0], A)
    for name in schema.metadata.tables:
        assert secret not in repr(waiting.rows(name)), name
    (stored,) = [row for row in waiting.deliveries() if row.purpose == "approval"]
    seal = re.search(rb"/approve/([\w-]{43})", stored.body)
    assert seal is not None
    assert of_link(waiting.engine, seal[1].decode()) is None, "what is stored opens nothing"


@pytest.mark.parametrize("host", ["x", "a-much-longer-name-of-our-pages.example"])
def test_a_mail_has_a_link_that_works(engine: Engine, stage: Stage, host: str) -> None:
    """Quoted-printable cuts it into two lines."""
    with MailServer() as server:
        where = outbound.MailServer("127.0.0.1", server.port, "none")
        mail = Email(stage.door, where, "tagtrail@example.com", ("ops@example.com",))
        fan = replace(stage.fan, sinks={**stage.sinks, ALERT: mail}, base_url=f"https://{host}")
        stage.happen()
        fan_out(engine, fan)
        assert deliver(engine, fan, ALERT, {}) == 2
    asked = next(read for one in server.heard if "May" in (read := whole_text(one.content)))
    links = re.findall(rf"https://{host}/approve/([\w-]+)", asked)
    assert len(links) == 2, "one in the text, one in HTML"
    ((identity, _status, _reason),) = deploys(stage)
    for secret in links:
        found = of_link(engine, secret)
        assert found is not None
        assert found.delivery_id == identity


def whole_text(content: object) -> str:
    """All that a reader of a mail has: text and HTML."""
    assert isinstance(content, bytes)
    parts = email.message_from_bytes(content, policy=SMTP).walk()
    return "\n".join(str(part.get_content()) for part in parts if not part.is_multipart())


def ask_again(stage: Stage) -> None:
    asks = schema.deliveries.c.purpose == "approval"
    with writing(stage.engine) as connection:
        connection.execute(update(schema.deliveries).where(asks).values(next_attempt_ns=1))
    stage.wait_out()
    assert stage.deliver(ALERT) == 1


def test_each_try_to_ask_sends_the_same_link_and_an_echo_of_it_is_not_kept(stage: Stage) -> None:
    stage.listener.reply(Reply(200), Reply(500))
    move(stage)
    ask_again(stage)
    assert secret_in(stage, 0) == secret_in(stage, 1)
    echo = next(heard.body for heard in stage.told("/chat") if b"/approve/" in heard.body)
    stage.listener.reply(Reply(500, body=echo))
    ask_again(stage)
    kept = [row.answer for row in stage.rows("attempts", "fence")]
    assert any(b"/approve/" in answer for answer in kept)
    assert not any(secret_in(stage).encode() in answer for answer in kept)


def test_a_name_that_looks_like_a_seal_becomes_no_secret(waiting: Stage) -> None:
    (stored,) = [row for row in waiting.deliveries() if row.purpose == "approval"]
    seal = stored.body.split(b"/approve/")[1][:43].decode()
    waiting.happen(repository=f"x/approve/{'a' * 43}", tag="stable")
    waiting.happen(tag=seal)
    waiting.fan_out()
    waiting.deliver(ALERT)
    assert sum(secret_in(waiting).encode() in heard.body for heard in waiting.told("/chat")) == 1


def test_nobody_said_anything_in_time(waiting: Stage) -> None:
    with writing(waiting.engine) as connection:
        connection.execute(update(schema.approvals).values(deadline_ns=1))
    waiting.make_due()
    waiting.deliver()
    ((identity, status, reason),) = deploys(waiting)
    assert (status, reason) == ("dead", "nobody approved it until 1970-01-01T00:00:00Z")
    with pytest.raises(UndecidableError, match="its time was over at 1970"):
        decide(waiting.engine, identity, Word(True, "os:alice"))
    assert of_link(waiting.engine, secret_in(waiting)) is None


def test_what_moved_on_before_it_was_approved_can_not_be(waiting: Stage) -> None:
    ((identity, _status, _reason),) = deploys(waiting)
    waiting.happen(digest=B)
    with pytest.raises(UndecidableError, match="the tag moved on"):
        decide(waiting.engine, identity, Word(True, "os:alice"))
    waiting.make_due()
    waiting.deliver()
    assert deploys(waiting) == [(identity, "superseded", "superseded: the tag moved on")]
    with pytest.raises(UndecidableError, match="it is superseded"):
        decide(waiting.engine, identity, Word(True, "os:alice"))


def test_what_moved_on_after_it_was_approved_does_not_go(waiting: Stage) -> None:
    ((identity, _status, _reason),) = deploys(waiting)
    decide(waiting.engine, identity, Word(True, "os:alice"))
    waiting.happen(digest=B)
    waiting.deliver()
    assert waiting.told() == []
    assert deploys(waiting)[0] == (identity, "superseded", "superseded: the tag moved on")


def test_a_decision_is_made_once(waiting: Stage) -> None:
    ((identity, _status, _reason),) = deploys(waiting)
    decide(waiting.engine, identity, Word(True, "os:alice"))
    with pytest.raises(UndecidableError, match="it is approved by os:alice already"):
        decide(waiting.engine, identity, Word(False, "os:bob"))
    with pytest.raises(UndecidableError, match="nothing waits for approval as 'msg_x'"):
        decide(waiting.engine, "msg_x", Word(True, "os:alice"))


def test_what_was_refused_says_why_nobody_is_asked(stage: Stage) -> None:
    add_delivery(stage.engine, "msg_1", status=Status.SUPERSEDED, reason="refused: downgrade from 2.0.0")
    with pytest.raises(UndecidableError, match=r"msg_1 asks for no approval; it is superseded: refused: downgrade fr"):
        decide(stage.engine, "msg_1", Word(True, "os:alice"))


def test_sending_by_hand_goes_past_nobody(waiting: Stage) -> None:
    ((identity, _status, _reason),) = deploys(waiting)
    redeliver(waiting.engine, identity, "os:bob")
    waiting.deliver()
    assert waiting.told() == []
    decide(waiting.engine, identity, Word(True, "os:alice"))
    assert waiting.deliver() == 1

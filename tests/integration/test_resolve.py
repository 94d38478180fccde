"""Where a source gives no digest, its registry is asked, and what it answers is an event (issue 3, decision 7)."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from acting import ALERT, DEPLOY, MAX_AGE_NS, Stage, rule
from builders import A, B
from listener import Listener, Reply
from peer import docker_registry
from sqlalchemy import Engine, Row, update

from app.domain.asking import GIVE_UP_AFTER_NS, next_wait_ns
from app.domain.times import SECOND_NS
from app.outbound import Door
from app.remote.client import RemoteRegistry
from app.remote.image import MANIFEST, make_image
from app.remote.push import push_image
from app.store import schema
from app.store.engine import writing
from app.usecases.resolve import resolve

REGISTRY = "registry.example:5000"
LANE = f"resolve:{REGISTRY}"
ASKS = frozenset({"observed", "resolved"})


@pytest.fixture
def stage(engine: Engine) -> Iterator[Stage]:
    with Listener() as listener, Door() as door:
        yield Stage(engine, door, listener)


@pytest.fixture
def asked() -> Iterator[Listener]:
    """A registry whose every tag points to A."""
    with Listener([answer(A)]) as listener:
        yield listener


def answer(digest: str, status: int = 200) -> Reply:
    return Reply(status, {"Docker-Content-Digest": digest, "Content-Type": MANIFEST, "Content-Length": "77"})


def make_due(stage: Stage) -> None:
    """The promises' time comes at once."""
    with writing(stage.engine) as connection:
        connection.execute(update(schema.outbox).values(not_before_ns=0))


def ask(stage: Stage, registry: Listener | str | None) -> bool:
    """Drain the lane, with a client for `registry`."""
    make_due(stage)
    url = registry.url if isinstance(registry, Listener) else registry
    remote = RemoteRegistry(stage.door, url) if url else None
    return resolve(stage.engine, REGISTRY, remote, stage.policy)


def observed(stage: Stage) -> list[Row[Any]]:
    return [row for row in stage.rows("events", "seq") if row.action == "observe"]


def waits_ns(stage: Stage) -> list[int]:
    return [row.not_before_ns - time.time_ns() for row in stage.rows("outbox", "id") if row.lane == LANE]


def test_a_real_registry_is_asked(stage: Stage, tmp_path: Path) -> None:
    image = make_image("v1")
    with docker_registry(tmp_path, "") as registry:
        push_image(RemoteRegistry(stage.door, registry), "shop/web", "stable", image)
        identity = stage.happen(ago_s=30, digest=None, actor="alice")
        assert [(row.lane, row.subject) for row in stage.rows("outbox", "id")] == [(LANE, "event:1")]
        assert ask(stage, registry)
    (event,) = observed(stage)
    (cause,) = [row for row in stage.rows("events", "seq") if row.event_id == identity]
    assert (event.origin, event.flags, event.scope) == ("tagtrail", "resolved", "tag")
    assert (event.registry, event.repository, event.tag, event.digest) == (
        REGISTRY, "shop/web", "stable", str(image.digest)
    )
    assert (event.actor, event.time_ns, event.size) == ("alice", cause.time_ns, len(image.manifest))
    (change,) = stage.rows("changes", "id")
    assert (change.kind, change.after, change.provenance, change.actor) == (
        "created", str(image.digest), "resolved", "alice"
    )
    assert json.loads(event.raw)["cause"] == {"origin": "prod", "id": identity, "seq": 1}
    assert [row for row in stage.rows("outbox", "id") if row.lane == LANE] == []


def test_our_own_time_comes_first(stage: Stage) -> None:
    """Some registries tell of a push before they write the tag: nobody asks in the first second."""
    stage.happen(digest=None)
    assert 0 < waits_ns(stage)[0] <= SECOND_NS


@pytest.mark.parametrize("over", [{"tag": None}, {"action": "pull"}, {"digest": A}, {"action": "delete"}])
def test_only_pushes_of_tags_without_a_digest_are_asked_about(stage: Stage, over: dict[str, Any]) -> None:
    stage.happen(**{"digest": None} | over)
    assert waits_ns(stage) == []


def test_what_was_resolved_is_told_where_a_rule_asks(stage: Stage, asked: Listener) -> None:
    stage.rules = [rule(), rule("asks", deploy=False, alert=True, provenances=ASKS)]
    stage.happen(digest=None)
    assert ask(stage, asked)
    assert stage.fan_out() == {ALERT}


@pytest.mark.parametrize(
    ("ago_s", "outcome"), [(60, "done"), (MAX_AGE_NS / 1e9 + 60, "superseded: too old")]
)
def test_a_deploy_from_what_was_resolved_is_of_the_present(
    stage: Stage, asked: Listener, ago_s: float, outcome: str
) -> None:
    stage.rules = [rule(provenances=ASKS)]
    stage.happen(ago_s=ago_s, digest=None)
    ask(stage, asked)
    assert stage.fan_out() == ({DEPLOY} if outcome == "done" else set())
    assert stage.outcomes() == [("created", outcome)]


def test_a_resolved_change_whose_tag_moved_on_is_not_deployed(stage: Stage, asked: Listener) -> None:
    stage.rules = [rule(provenances=ASKS)]
    stage.happen(ago_s=5, digest=None)
    ask(stage, asked)
    stage.happen(ago_s=1, digest=B)
    stage.fan_out()
    assert stage.outcomes() == [("created", "superseded: the tag moved on"), ("moved", "done")]
    stage.deliver()
    assert stage.moves() == [("tag.moved", "stable", B)]


@pytest.mark.parametrize("newer", [{"digest": B}, {"digest": None}, {"action": "delete", "digest": None}])
def test_a_push_with_news_after_it_is_not_guessed_at(stage: Stage, asked: Listener, newer: dict[str, Any]) -> None:
    stage.happen(ago_s=5, digest=None)
    stage.happen(ago_s=1, **newer)
    ask(stage, asked)
    first = observed(stage)[0]
    assert (first.flags, first.scope, first.digest) == ("unresolved overtaken", None, None)
    resolved = [row for row in observed(stage) if row.flags == "resolved"]
    assert len(resolved) == (newer == {"digest": None})
    assert waits_ns(stage) == []


def test_asking_twice_is_a_repeat(stage: Stage, asked: Listener) -> None:
    """A worker died after the answer was taken in and before its promise was crossed out."""
    stage.happen(digest=None)
    ask(stage, asked)
    with writing(stage.engine) as connection:
        connection.execute(schema.outbox.insert().values(lane=LANE, subject="event:1", not_before_ns=0))
    ask(stage, asked)
    assert len(observed(stage)) == 1
    assert len(asked.heard) == 1
    assert waits_ns(stage) == []
    assert stage.rows("quarantine", "id") == []


def test_a_failure_waits_as_long_as_the_push_is_old(stage: Stage, asked: Listener) -> None:
    asked.reply(Reply(503), answer(A))
    stage.happen(digest=None)
    assert not ask(stage, asked)
    assert observed(stage) == []
    assert 0 < waits_ns(stage)[0] <= 1.1 * SECOND_NS
    assert ask(stage, asked)
    assert [row.flags for row in observed(stage)] == ["resolved"]


def test_waits_grow_to_an_hour_and_end_after_a_day() -> None:
    age_ns, waits = 0, []
    while (wait_ns := next_wait_ns(age_ns)) is not None:
        waits.append(wait_ns // SECOND_NS)
        age_ns += wait_ns
    assert waits[:5] == [1, 1, 2, 4, 8]
    assert max(waits) == 3600
    assert len(waits) < 40
    assert GIVE_UP_AFTER_NS <= age_ns <= GIVE_UP_AFTER_NS + 3600 * SECOND_NS


@pytest.mark.parametrize("reply", [Reply(503), Reply(404), Reply(401), Reply(307, {"Location": "http://127.0.0.1:1/"})])
def test_after_a_day_it_is_given_up_with_the_reason(
    stage: Stage, asked: Listener, reply: Reply, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked.reply(reply)
    stage.happen(digest=None)
    tomorrow = time.time_ns() + GIVE_UP_AFTER_NS
    monkeypatch.setattr("app.usecases.resolve.clock", lambda _engine: lambda: tomorrow)
    assert not ask(stage, asked)
    (event,) = observed(stage)
    assert (event.flags, event.scope) == ("unresolved gave-up", None)
    assert json.loads(event.raw)["detail"]
    assert "shop/web:stable stays without a digest (gave-up)" in caplog.text
    assert waits_ns(stage) == []
    assert stage.rows("changes", "id") == stage.rows("tags", "tag") == []


def test_a_registry_that_is_not_configured_is_never_asked(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.happen(digest=None)
    assert not ask(stage, None)
    (event,) = observed(stage)
    assert event.flags == "unresolved not-configured"
    assert json.loads(event.raw)["detail"] == f"registries: names no {REGISTRY}"
    assert waits_ns(stage) == []
    assert "stays without a digest (not-configured)" in caplog.text


def test_a_host_that_a_payload_names_is_not_asked(stage: Stage, asked: Listener) -> None:
    """The origin's own registry is asked, whatever host the sender tells (decision 4)."""
    stage.happen(digest=None, host="127.0.0.1:1")
    ask(stage, asked)
    assert [row.registry for row in observed(stage)] == [REGISTRY]
    assert [heard.path for heard in asked.heard] == ["/v2/shop/web/manifests/stable"]


def test_many_at_once(stage: Stage, asked: Listener) -> None:
    for number in range(20):
        stage.happen(digest=None, tag=f"t{number}")
    assert ask(stage, asked)
    assert len(asked.heard) == len(observed(stage)) == len(stage.rows("tags", "tag")) == 20

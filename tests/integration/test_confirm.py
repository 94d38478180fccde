"""Nobody deploys on the word of a webhook alone: the registry is asked first (keel #347)."""

from collections.abc import Iterator

import pytest
from acting import Stage, rule
from builders import A, B
from listener import Listener, Reply
from sqlalchemy import Engine

from app.outbound import Door
from app.remote.client import RemoteRegistry
from app.remote.image import MANIFEST
from app.usecases.redeliver import redeliver

REGISTRY = "registry.example:5000"


def answer(digest: str, status: int = 200) -> Reply:
    return Reply(status, {"Docker-Content-Digest": digest, "Content-Type": MANIFEST, "Content-Length": "77"})


@pytest.fixture
def stage(engine: Engine) -> Iterator[Stage]:
    with Listener() as listener, Door() as door:
        yield Stage(engine, door, listener, rules=[rule(confirm=True)])


def ended(stage: Stage, *replies: Reply) -> tuple[str, str | None]:
    """(status, reason) after one try, where the registry answers so."""
    with Listener(list(replies)) as registry:
        stage.remotes = {REGISTRY: RemoteRegistry(stage.door, registry.url)}
        stage.happen()
        stage.fan_out()
        assert stage.deliver() == 1
        assert {(one.method, one.path) for one in registry.heard} == {("HEAD", "/v2/shop/web/manifests/stable")}
        (row,) = stage.deliveries()
        return row.status, row.reason and row.reason.replace(registry.url, "").replace(registry.url[7:], "HOST")


def test_what_the_registry_says_too_is_deployed(stage: Stage) -> None:
    assert ended(stage, answer(A)) == ("delivered", None)
    assert stage.moves() == [("tag.created", "stable", A)]


def test_what_the_registry_says_otherwise_is_not(stage: Stage) -> None:
    assert ended(stage, answer(B)) == ("superseded", f"superseded: the registry says that stable is {B}")
    assert stage.told() == []


def test_what_is_not_there_is_not(stage: Stage) -> None:
    assert ended(stage, Reply(404)) == ("superseded", "superseded: the registry says that stable is not there")
    assert stage.told() == []


def test_a_registry_that_cannot_say_is_asked_again(stage: Stage) -> None:
    assert ended(stage, Reply(503), answer(A)) == ("pending", "not confirmed: HOST: head manifest: 503")
    assert stage.told() == []
    (attempt,) = stage.rows("attempts", "fence")
    assert attempt.detail.startswith("not confirmed: ")


def test_one_that_may_not_be_asked_holds_it_back(stage: Stage) -> None:
    stage.happen()
    stage.fan_out()
    stage.deliver()
    (row,) = stage.deliveries()
    assert (row.status, row.reason) == ("pending", f"not confirmed: registries: names no {REGISTRY}")


def test_a_proven_sender_is_believed_and_an_unproven_one_is_not(stage: Stage) -> None:
    stage.rules = [rule()]
    stage.happen()
    stage.fan_out()
    stage.unproven = {"prod"}
    stage.happen(digest=B)
    stage.fan_out()
    stage.rules = [rule(confirm=False)]
    stage.happen(digest=A)
    stage.fan_out()
    assert [row.confirm for row in stage.deliveries()] == [False, True, False]


def test_who_asks_for_a_redelivery_is_not_doubted(stage: Stage) -> None:
    assert ended(stage, answer(B))[0] == "superseded"
    (row,) = stage.deliveries()
    redeliver(stage.engine, row.id, "os:alice")
    stage.deliver()
    assert stage.moves() == [("tag.created", "stable", A)]

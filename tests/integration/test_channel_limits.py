"""A channel with a limit gets fewer messages, not fewer changes."""

import json
from collections.abc import Iterator

import pytest
from acting import ALERT, Stage, rule
from listener import Listener
from sqlalchemy import Engine

from app.domain.limits import Limit
from app.domain.times import SECOND_NS
from app.outbound import Door


@pytest.fixture
def stage(engine: Engine) -> Iterator[Stage]:
    with Listener() as listener, Door() as door:
        limits = {ALERT: Limit(2, 60 * SECOND_NS)}
        yield Stage(engine, door, listener, rules=[rule(deploy=False, alert=True)], limits=limits)


def tell(stage: Stage, tag: str) -> None:
    stage.happen(tag=tag)
    stage.fan_out()
    stage.settle(ALERT)
    stage.deliver(ALERT)


def messages(stage: Stage) -> list[int]:
    """How many changes each tells."""
    return [len(json.loads(one.body)["blocks"]) for one in stage.told("/chat")]


def test_what_comes_over_the_limit_waits_and_goes_out_together(stage: Stage) -> None:
    for number in range(5):
        tell(stage, f"v{number}")
    assert messages(stage) == [1, 1]
    first, _second = stage.deliveries()
    (window,) = stage.rows("windows", "id")
    assert window.closes_ns == first.made_ns + 60 * SECOND_NS, "until the first of two is a minute old"
    stage.change(made_ns=first.made_ns - 60 * SECOND_NS)
    stage.pass_time()
    assert stage.settle(ALERT) == 1
    stage.deliver(ALERT)
    assert messages(stage) == [1, 1, 3]
    assert stage.rows("windows", "id") == []


def test_others_have_no_limit(stage: Stage) -> None:
    stage.limits = {"channel:other": Limit(1, 60 * SECOND_NS)}
    for number in range(3):
        tell(stage, f"v{number}")
    assert messages(stage) == [1, 1, 1]

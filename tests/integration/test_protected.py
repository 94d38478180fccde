"""Tags that nobody should move: people are told at once."""

from collections.abc import Iterator

import pytest
from acting import ALERT, Stage, rule
from builders import A, B
from destinations import alerts
from listener import Listener
from sqlalchemy import Engine

from app.domain.protected import Protected
from app.domain.settling import Settle
from app.domain.times import SECOND_NS
from app.outbound import Door


@pytest.fixture
def stage(engine: Engine) -> Iterator[Stage]:
    with Listener() as listener, Door() as door:
        yield Stage(
            engine,
            door,
            listener,
            rules=[rule(deploy=False, alert=True)],
            settled=Settle(60 * SECOND_NS, 60 * SECOND_NS),
            protected=Protected(None, (ALERT,), "abcdef012345"),
        )


def happen(stage: Stage, **what: object) -> None:
    stage.happen(**what)  # type: ignore[arg-type]
    stage.fan_out()
    stage.deliver(ALERT)


def test_a_release_that_moves_is_told_at_once_and_no_other(stage: Stage) -> None:
    happen(stage, ago_s=3, tag="v1.2.3", digest=A)
    happen(stage, ago_s=2, tag="stable", digest=A)
    happen(stage, ago_s=1, tag="v1.2.3", digest=B)
    (told,) = alerts(stage.listener)
    assert "moved" in told["text"]
    assert "v1.2.3" in told["text"]
    (made,) = stage.deliveries()
    assert (made.rule, made.rule_version, made.purpose) == ("protected", "abcdef012345", "alert")


def test_one_that_vanishes_is_told_too_and_by_no_second_message(stage: Stage) -> None:
    stage.rules = [rule(deploy=False, alert=True, kinds=frozenset({"removed"}))]
    happen(stage, ago_s=3, tag="v1.2.3", digest=A)
    happen(stage, ago_s=1, tag="v1.2.3", digest=None, action="delete")
    (told,) = alerts(stage.listener)
    assert "removed" in told["text"]
    assert stage.rows("windows") == []


def test_also_where_its_manifest_was_deleted(stage: Stage) -> None:
    """What is derived needs no rule that asks for it."""
    happen(stage, ago_s=3, tag="v1.2.3", digest=A)
    happen(stage, ago_s=1, tag=None, digest=A, action="delete")
    (told,) = alerts(stage.listener)
    assert "removed" in told["text"]

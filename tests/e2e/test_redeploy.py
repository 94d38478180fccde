"""The way back through real workers: the digest that a tag had then reaches the trigger once more (issue 4)."""

import json
import time
from pathlib import Path

import pytest
from destinations import ENVIRONMENT, config, deploys
from listener import Listener
from pushes import an_envelope, digest
from system import System, running, wait_until

from app.domain.times import rfc3339_nano

pytestmark = pytest.mark.e2e


def push(system: System, listener: Listener, number: int) -> None:
    """Of digest `number`, until it is deployed."""
    assert system.post(an_envelope(f"push-{number}", digest(number))) == 202
    wait_until(f"the deploy of {number}", lambda: [one.after for one in deploys(listener)][-1:] == [digest(number)])


def test_an_earlier_digest_reaches_the_trigger(tmp_path: Path) -> None:
    with Listener() as listener, running(tmp_path, config(listener), ENVIRONMENT) as system:
        push(system, listener, 1)
        then = rfc3339_nano(time.time_ns())
        push(system, listener, 2)
        planned = system.ask("redeploy", "shop/web:stable", "--as-of", then)
        assert (planned["digest"], planned["before"]) == (digest(1), digest(2))
        wait_until("the deploy", lambda: len(deploys(listener)) == 3)
        again = deploys(listener)[-1]
        assert (again.id, again.tag, again.before, again.after) == (
            planned["sends"][0]["id"], "stable", digest(2), digest(1),
        )  # fmt: skip
        assert json.loads(again.body)["type"] == "tag.redeployed"
        wait_until("its end", lambda: system.ask("deliveries", again.id)["delivery"]["status"] == "delivered")
        (done,) = [one for one in system.ask("audit", "log") if one.get("verb") == "redeploy"]
        assert done["subject"] == "local/shop/web:stable"
        (trace,) = system.ask("trace", again.id)["traces"]
        assert [step["destination"] for step in trace["steps"] if step["kind"] == "made"].count("trigger:web-prod") == 2

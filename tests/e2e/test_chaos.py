"""Killed at each step between a request and the endpoint's answer, nothing is lost and nothing is made up (issue 6).

`make chaos` kills two hundred times and more.
"""

import json
import os
import random
from collections import defaultdict
from itertools import cycle, islice
from pathlib import Path

import pytest
from chaos import KEEPER_STEPS, WEB_STEPS, Chaos, chaos

pytestmark = pytest.mark.e2e

KILLS = int(os.environ.get("TAGTRAIL_KILLS", "18"))
STEPS = (*WEB_STEPS, *KEEPER_STEPS)


@pytest.mark.parametrize("batch", [1, 10])
def test_kills_at_every_step(tmp_path: Path, batch: int) -> None:
    source = random.Random(batch)
    with chaos(tmp_path, batch=batch, seed=batch) as run:
        for step in islice(cycle(STEPS), KILLS // 2):
            run.kill_at(step, source)
        run.finish()
        check(run)


def check(run: Chaos) -> None:
    every_push_is_told(run)
    no_move_is_made_up(run)
    each_repository_is_told_in_order(run)
    ids_repeat_for_the_same_event(run)


def pushes(run: Chaos) -> dict[str, list[tuple[str, str]]]:
    """By repository, (tag, digest) of each push of a tag, in the order in which they first arrived."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    seen = set()
    for event in run.events:
        target = event["target"]
        if event["id"] not in seen and event["action"] == "push" and "tag" in target:
            seen.add(event["id"])
            found[target["repository"]].append((target["tag"], target["digest"]))
    return found


def every_push_is_told(run: Chaos) -> None:
    told = pushes(run)
    digests = {(event["target"]["repository"], event["target"]["digest"]) for event in run.events}
    for pusher in run.pushers:
        assert pusher.told
        assert not set(pusher.told) - set(told[pusher.repository])
        assert not {(pusher.repository, blob) for blob in pusher.blobs} - digests


def no_move_is_made_up(run: Chaos) -> None:
    root = run.folder / "registry/docker/registry/v2/repositories"
    for repository, moves in pushes(run).items():
        for tag, digest in moves:
            link = root / repository / "_manifests/tags" / tag / "index" / digest.replace(":", "/") / "link"
            assert link.read_text() == digest


def each_repository_is_told_in_order(run: Chaos) -> None:
    """As the client made its pushes, and by rising numbers; and the last one of a tag is what storage has."""
    told = pushes(run)
    for pusher in run.pushers:
        order = {move: place for place, move in reversed(list(enumerate(told[pusher.repository])))}
        places = [order[move] for move in pusher.told]
        assert places == sorted(places)
        for tag, digest in dict(told[pusher.repository]).items():
            current = run.folder / "registry/docker/registry/v2/repositories" / pusher.repository
            assert (current / "_manifests/tags" / tag / "current/link").read_text() == digest
    last: dict[str, int] = {}
    for event in run.events:
        number, repository = event["tagtrail"]["sequence"], event["target"]["repository"]
        if number > last.get(repository, 0):
            assert event["tagtrail"]["previous"] < number
            last[repository] = number
    numbers = {event["tagtrail"]["sequence"] for event in run.events}
    assert numbers == set(range(1, max(numbers) + 1)), "no number is missing"


def ids_repeat_for_the_same_event(run: Chaos) -> None:
    known: dict[str, str] = {}
    for event in run.events:
        text = json.dumps(event)
        assert known.setdefault(event["id"], text) == text

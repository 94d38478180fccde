"""What rules are said to have done with a history, beside what the same rules did when it came."""

import random
from collections import Counter
from collections.abc import Iterator

import pytest
from acting import ALERT, DEPLOY, Stage, rule
from listener import Listener
from sqlalchemy import Engine

from app.domain.conditions import Condition
from app.domain.downgrades import REFUSED
from app.domain.orders import Semver, Sorted
from app.domain.patterns import Regex
from app.domain.settling import Settle
from app.domain.times import SECOND_NS
from app.domain.versions import Range
from app.outbound import Door
from app.usecases.simulate import simulate

RULES = [
    rule("versions", tag=Semver(Range.parse(">=1"), "minor"), repository="shop/web"),
    rule("builds", tag=Sorted("numerical", extract=Regex("build-([0-9]+)")), alert=True),
    rule("gone", kinds=frozenset({"removed"}), deploy=False, alert=True),
    rule("first", condition=Condition.parse("before == 'unknown' && repository != 'shop/web'"), alert=True),
    rule("alice", actor="alice", tag="s*", allow_downgrade=True),
]
TAGS = ("1.0.0", "1.0.1", "1.1.0", "1.2.0-rc.1", "2.0.0", "build-7", "build-8", "build-30", "stable", "edge")
SETTLED = Settle(2 * SECOND_NS, 30 * SECOND_NS)


@pytest.fixture
def stage(engine: Engine) -> Iterator[Stage]:
    with Listener() as listener, Door() as door:
        yield Stage(engine, door, listener, rules=RULES, settled=SETTLED)


def lead(stage: Stage, chance: random.Random) -> None:
    """Bursts a minute apart, each settled before the next: of pushes, and of tags that go."""
    for burst in range(25):
        for place in range(chance.randint(1, 5)):
            said = {"tag": chance.choice(TAGS), "repository": chance.choice(["shop/web", "shop/api"])}
            said["actor"] = chance.choice(["alice", "bob"])
            ago_s = 3000 - 60 * burst - place / 10
            if chance.random() < 0.2:
                stage.happen(ago_s, action="delete", digest=None, **said)
            else:
                stage.happen(ago_s, digest=f"sha256:{chance.randint(1, 12):064x}", **said)
            stage.fan_out()
        stage.pass_time()
        for destination in (DEPLOY, ALERT):
            stage.settle(destination)


@pytest.mark.parametrize("seed", range(3))
def test_it_says_what_was_sent_and_what_was_not(stage: Stage, seed: int) -> None:
    lead(stage, random.Random(seed))
    live: Counter[tuple[str, str, str]] = Counter()
    for row in stage.deliveries():
        refused = (row.reason or "").startswith(REFUSED)
        live[row.rule, row.destination, "refused" if refused else row.status] += 1
    tried = simulate(stage.engine, RULES, dict.fromkeys((DEPLOY, ALERT), SETTLED), (None, None), lambda *_: None)
    said: Counter[tuple[str, str, str]] = Counter()
    for one in tried.rules:
        for would in one.destinations:
            sent = {
                "pending": would.sent.deliveries, "superseded": would.sent.superseded, "refused": would.sent.refused
            }
            said += Counter({(one.rule, would.destination, what): count for what, count in sent.items()})
    assert said == live
    assert {what for _rule, _destination, what in live} == {"pending", "superseded", "refused"}

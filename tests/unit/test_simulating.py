"""What rules would have done with a history, beside what is known of each part alone."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tellings import AFTER, BEFORE, told

from app.domain.openings import Opening
from app.domain.orders import Semver, Sorted
from app.domain.rules import Rule, When, mismatch
from app.domain.settling import Settle
from app.domain.simulating import Sent, Simulation
from app.domain.times import SECOND_NS
from app.domain.told import Told
from app.domain.versions import Range

DEPLOY, ALERT = "trigger:web", "channel:ops"
SETTLED = {DEPLOY: Settle(2 * SECOND_NS, 5 * SECOND_NS)}
BEGIN = 1_795_464_407 * SECOND_NS


def rule(name: str = "web", deploy: tuple[str, ...] = (DEPLOY,), alert: tuple[str, ...] = (), **own: Any) -> Rule:
    when = {key: own.pop(key) for key in list(own) if key in When.__dataclass_fields__}
    return Rule(name, When(**when), deploy, alert, "0123456789ab", **own)


def change(second: float, **over: Any) -> Told:
    return told(change_id=f"{second}-{over}", time_ns=BEGIN + int(second * SECOND_NS), **over)


def simulated(changes: Sequence[Told], rules: Sequence[Rule], settle: dict[str, Settle] | None = None) -> Simulation:
    simulation = Simulation(rules, SETTLED if settle is None else settle, {})
    for one in changes:
        simulation.take(one)
    simulation.end()
    return simulation


def sent(simulation: Simulation, name: str = "web", destination: str = DEPLOY) -> tuple[int, int, int, int]:
    """(sent, held, superseded, refused)."""
    found = simulation.sent.get((name, destination), Sent())
    return found.deliveries, found.held, found.superseded, found.refused


def test_tags_of_one_digest_that_come_together_are_one_deploy() -> None:
    together = [change(0, tag="1"), change(1, tag="1.2"), change(2, tag="latest")]
    assert sent(simulated(together, [rule()])) == (1, 0, 0, 0)
    assert sent(simulated([change(0, tag="1"), change(3, tag="1.2")], [rule()])) == (2, 0, 0, 0)


def test_a_window_stays_open_no_longer_than_its_longest() -> None:
    every_second = [change(second) for second in range(12)]
    assert sent(simulated(every_second, [rule()]))[0] == 3  # closed at 5, 10 and the end


def test_what_moves_on_within_the_window_is_superseded() -> None:
    assert sent(simulated([change(0, after=BEFORE), change(1, after=AFTER)], [rule()])) == (1, 0, 1, 0)


def test_what_no_rule_is_about_moves_a_tag_on_too() -> None:
    gone = [change(0), change(1, kind="removed", after="absent")]
    assert sent(simulated(gone, [rule()])) == (0, 0, 1, 0)


def test_without_a_window_each_change_is_sent() -> None:
    assert sent(simulated([change(0), change(0.1)], [rule()], {})) == (2, 0, 0, 0)


def test_a_downgrade_is_refused_and_a_larger_step_than_the_level() -> None:
    tags = ["2.0.0", "2.0.1", "1.9.0", "2.1.0", "3.0.0"]
    pushes = [change(10 * second, tag=tag, after=f"sha256:{second:064}") for second, tag in enumerate(tags)]
    semver = Range.parse(">=1")
    assert sent(simulated(pushes, [rule(tag=Semver(semver))])) == (4, 0, 0, 1)
    assert sent(simulated(pushes, [rule(tag=Semver(semver, "minor"))])) == (3, 0, 0, 2)
    assert sent(simulated(pushes, [rule(tag=Semver(semver), allow_downgrade=True)])) == (5, 0, 0, 0)
    examples = simulated(pushes, [rule(tag=Semver(semver))]).sent["web", DEPLOY].examples
    assert [one.outcome for one in examples] == ["sent", "sent", "refused: downgrade from 2.0.1"]


def test_of_versions_that_come_together_the_newest_goes() -> None:
    together = [change(second, tag=tag, after=tag) for second, tag in enumerate(["2.0.0", "1.9.0", "main"])]
    assert sent(simulated(together, [rule()])) == (2, 0, 0, 1)


def test_what_was_sent_is_what_any_rule_sent_as_in_the_database() -> None:
    """A tag without a place in one rule's order has one in the other's."""
    rules = [rule("builds", tag="build-*"), rule(tag=Sorted("alphabetical"))]
    pushes = [change(0, tag="build-7", after=BEFORE), change(10, tag="a", after=AFTER)]
    assert sent(simulated(pushes, rules)) == (0, 0, 0, 1)


def test_what_a_rule_holds_is_counted_apart() -> None:
    night = Opening(frozenset(range(7)), 0, 60, "UTC")  # BEGIN is 20:06
    for own in ({"windows": (night,)}, {"paused": True}, {"approve_ns": SECOND_NS}):
        assert sent(simulated([change(0)], [rule(**own)])) == (0, 1, 0, 0)


def test_a_destination_is_told_once_by_the_first_rule_that_names_it() -> None:
    simulation = simulated([change(0)], [rule(), rule("again", alert=(ALERT,))])
    assert simulation.matched == {"web": 1, "again": 1}
    assert (sent(simulation), sent(simulation, "again"), sent(simulation, "again", ALERT)) == (
        (1, 0, 0, 0), (0, 0, 0, 0), (1, 0, 0, 0),
    )  # fmt: skip


CHANGES = st.lists(
    st.builds(
        lambda gap, **over: (gap, over),
        st.floats(0, 4),
        tag=st.sampled_from(["a", "v1.0.0", "v1.1.0", "v2.0.0"]),
        after=st.integers(0, 3).map("sha256:{:064}".format),
        kind=st.sampled_from(["created", "moved", "removed"]),
        origin=st.sampled_from(["prod", "test"]),
    ),
    max_size=30,
)


@given(CHANGES)
def test_each_matched_change_is_in_one_message_and_each_rule_is_asked(
    steps: list[tuple[float, dict[str, Any]]],
) -> None:
    second, changes = 0.0, []
    for number, (gap, over) in enumerate(steps):
        second += gap
        changes.append(told(change_id=str(number), time_ns=BEGIN + int(second * SECOND_NS), **over))
    rules = [rule("v", tag="v*", origin="prod"), rule("all", alert=(ALERT,), kinds=frozenset({"moved", "removed"}))]
    simulation = simulated(changes, rules)
    expected = Counter(one.name for one in rules for each in changes if mismatch(one.when, each) is None)
    assert simulation.matched == dict(expected)
    by_destination = Counter()
    for (_name, destination), found in simulation.sent.items():
        by_destination[destination] += found.changes
        assert found.deliveries + found.superseded + found.refused <= found.changes
    matched = [each for each in changes if any(mismatch(one.when, each) is None for one in rules)]
    assert by_destination[DEPLOY] == len(matched)
    assert simulation.unmatched == len(changes) - len(matched)

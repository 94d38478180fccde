"""Rules that are asked once for many changes, beside rules that are asked for each."""

from dataclasses import fields
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tellings import AFTER, BEFORE, told

from app.domain import matching
from app.domain.conditions import NAMES, Condition
from app.domain.matching import Matching
from app.domain.orders import Semver, Sorted
from app.domain.patterns import Regex
from app.domain.rules import Rule, When, mismatch
from app.domain.told import Told
from app.domain.versions import Range

WHENS = (
    When(registry="*.example:5000"),
    When(origin="prod"),
    When(repository=Regex("shop/.*")),
    When(tag=Semver(Range.parse(">=1"))),
    When(tag=Sorted("numerical")),
    When(kinds=frozenset({"removed"})),
    When(provenances=frozenset({"reconciled"})),
    When(actor="a*"),
    When(actions=frozenset({"push"})),
    When(platform="linux/*"),
    When(every=(When(actor="alice"),), none=(When(tag="2"),)),
    When(some=(When(origin="test"), When(condition=Condition.parse("before == 'absent'")))),
    *(When(condition=Condition.parse(f"string({name}).contains('b')")) for name in NAMES if name != "time"),
    When(condition=Condition.parse("time > timestamp('2026-11-28T00:00:00Z')")),
)
RULES = [Rule(str(number), when, (), (), "1") for number, when in enumerate(WHENS)]
CHANGE = st.builds(
    told,
    change_id=st.integers().map(str),
    registry=st.sampled_from(["registry.example:5000", "other"]),
    repository=st.sampled_from(["shop/web", "base"]),
    tag=st.sampled_from(["a", "1.0.0", "2", None]),
    kind=st.sampled_from(["created", "moved", "removed"]),
    before=st.sampled_from([BEFORE, "absent"]),
    after=st.sampled_from([AFTER, "absent"]),
    actor=st.sampled_from(["alice", "bob", None]),
    origin=st.sampled_from(["prod", "test"]),
    provenance=st.sampled_from(["observed", "reconciled"]),
    action=st.sampled_from(["push", "delete", None]),
    platforms=st.sampled_from([None, frozenset({"linux/amd64"}), frozenset({"windows/amd64"})]),
    media_type=st.sampled_from(["b", "x", None]),
    time_ns=st.sampled_from([1_795_000_000_000_000_000, 1_797_000_000_000_000_000]),
)


def matching_of(changes: list[Told]) -> list[list[Rule]]:
    asked = Matching(RULES)
    return [asked.of(one) for one in changes]


@given(st.lists(CHANGE, max_size=30))
def test_it_says_what_each_rule_says(changes: list[Told]) -> None:
    assert matching_of(changes) == [[rule for rule in RULES if mismatch(rule.when, one) is None] for one in changes]


OTHER: dict[str, Any] = {
    "registry": "other", "repository": "base", "tag": "1.0.0", "kind": "removed", "before": "absent", "after": "absent",
    "actor": "bob", "origin": "test", "provenance": "reconciled", "action": "delete", "media_type": "b",
    "platforms": frozenset({"linux/amd64"}), "time_ns": 1_797_000_000_000_000_000,
}  # fmt: skip


@pytest.mark.parametrize("field", OTHER)
def test_changes_that_differ_in_one_thing_are_told_apart(field: str) -> None:
    one = told(action="push")
    other = told(**{"action": "push", field: OTHER[field]})
    assert matching_of([one, other]) == [matching_of([one])[0], matching_of([other])[0]]
    assert matching_of([one]) != matching_of([other])


def test_all_that_a_condition_may_name_is_among_them() -> None:
    known = {one.name for one in fields(Told)}
    assert {name if name in known else f"{name}_ns" for name in NAMES} <= set(OTHER)


def test_what_is_remembered_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "MOST_REMEMBERED", 2)
    changes = [told(tag=tag, actor=actor) for tag, actor in product(["a", "1.0.0", "2"], ["alice", "bob"])] * 2
    assert matching_of(changes) == [[rule for rule in RULES if mismatch(rule.when, one) is None] for one in changes]


def test_a_rule_is_asked_once_for_all_changes_of_a_sort(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def counted(condition: Condition, _told: Told) -> None:
        asked.append(condition.source)

    rules = [Rule(text, When(condition=Condition.parse(text)), (), (), "1") for text in ("tag == 'a'", "after != tag")]
    monkeypatch.setattr(Condition, "mismatch", counted)
    matches = Matching(rules)
    for number in range(5):
        assert matches.of(told(change_id=str(number), after=f"sha256:{number}")) == rules
    assert (asked.count("tag == 'a'"), asked.count("after != tag")) == (1, 5)

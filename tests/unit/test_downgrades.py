"""What may follow what was sent."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tellings import told

from app.domain.downgrades import have_order, in_order, overtaken
from app.domain.fan_out import MOVED_ON, PENDING
from app.domain.orders import Semver, Sorted, TagClause
from app.domain.rules import Rule, When
from app.domain.settling import Group, Member
from app.domain.versions import Range

MINOR = Semver(Range.parse("*"), level="minor")


def group(*tags: str, superseded: str | None = None) -> Group:
    digest = "sha256:" + tags[0].encode().hex().ljust(64, "0")
    return Group(tuple(Member(tag, told(tag=tag, after=digest), "web", "1", PENDING) for tag in tags), superseded)


def reasons(
    tags: Sequence[str], sent: Sequence[str], clause: TagClause | None = None, *, allow: bool = False
) -> list[str | None]:
    rule = Rule("web", When(tag=clause), ("trigger:web",), (), "1", allow_downgrade=allow)
    return [one.superseded for one in in_order([group(tag) for tag in tags], lambda _name: rule, sent)]


@pytest.mark.parametrize(
    ("tags", "sent", "clause", "why"),
    [
        (["2.1.0"], [], None, [None]),
        (["2.1.0"], ["2.0.9"], None, [None]),
        (["2.1.0"], ["2.1.0"], None, [None]),
        (["2.0.9"], ["2.1.0"], None, ["refused: downgrade from 2.1.0"]),
        (["2.0.9"], ["latest", "2.1.0", "1.0.0"], None, ["refused: downgrade from 2.1.0"]),
        (["latest"], ["2.1.0"], None, [None]),
        (["2.0.0", "2.1.0"], [], None, ["refused: downgrade from 2.1.0", None]),
        (["2.1.0", "2.0.0", "main"], ["1.0.0"], None, [None, "refused: downgrade from 2.1.0", None]),
        (["3.0.0", "2.2.0"], ["2.1.0"], MINOR, ["refused: not a minor move from 2.1.0", None]),
        (["build-9"], ["build-10"], Sorted("alphabetical"), [None]),
        (["7"], ["10"], Sorted("numerical"), ["refused: downgrade from 10"]),
        (["10"], ["7"], Sorted("numerical", descending=True), ["refused: downgrade from 7"]),
    ],
)
def test_a_step_back_is_refused(
    tags: list[str], sent: list[str], clause: TagClause | None, why: list[str | None]
) -> None:
    assert reasons(tags, sent, clause) == why


def test_what_waits_does_not_go_behind_what_is_newer() -> None:
    rule = Rule("web", When(), ("trigger:web",), (), "1")
    assert overtaken(rule, ["2.0.9", "latest"], ["edge", "2.1.0"]) == "refused: downgrade from 2.1.0"
    assert overtaken(rule, ["2.0.9", "2.2.0"], ["2.1.0"]) is None
    assert overtaken(rule, ["latest"], ["2.1.0"]) is None
    assert overtaken(rule, ["2.0.9"], []) is None
    assert overtaken(replace(rule, allow_downgrade=True), ["2.0.9"], ["2.1.0"]) is None


def test_unless_it_is_allowed() -> None:
    assert reasons(["2.0.9", "2.1.0"], ["3.0.0"], allow=True) == [None, None]


def test_what_was_superseded_anyway_keeps_its_reason_and_hinders_nothing() -> None:
    rule = Rule("web", When(), ("trigger:web",), (), "1")
    groups = [group("3.0.0", superseded=MOVED_ON), group("2.0.0")]
    assert [one.superseded for one in in_order(groups, lambda _name: rule, ["1.0.0"])] == [MOVED_ON, None]


def test_a_digest_counts_as_its_newest_tag() -> None:
    rule = Rule("web", When(), ("trigger:web",), (), "1")
    groups = [group("latest", "2.0.0", "2.1.0")]
    assert [one.superseded for one in in_order(groups, lambda _name: rule, ["2.0.5"])] == [None]


def test_without_the_rule_there_is_no_order() -> None:
    assert not have_order([group("2.0.0")], lambda _name: None)
    assert in_order([group("2.0.0")], lambda _name: None, ["3.0.0"]) == [group("2.0.0")]


def test_rules_with_orders_that_do_not_compare() -> None:
    rules = {
        "web": Rule("web", When(tag=Sorted("alphabetical")), (), (), "1"),
        "api": Rule("api", When(), (), (), "2"),
    }
    other = replace(group("1.0.0"), members=(replace(group("1.0.0").members[0], rule="api"),))
    assert [one.superseded for one in in_order([group("b"), other], rules.get, [])] == [None, None]


VERSIONS = st.tuples(*(st.integers(0, 3),) * 3).map(lambda parts: ".".join(map(str, parts)))


@given(st.lists(VERSIONS, max_size=5, unique=True), st.lists(VERSIONS, max_size=2))
def test_only_the_greatest_goes_and_only_if_it_is_no_step_back(tags: list[str], sent: list[str]) -> None:
    def key(tag: str) -> tuple[int, ...]:
        return tuple(int(part) for part in tag.split("."))

    gone = [tag for tag, why in zip(tags, reasons(tags, sent), strict=True) if why is None]
    greatest = max(tags, key=key, default=None)
    allowed = greatest is not None and (not sent or key(greatest) >= key(sent[0]))
    assert gone == ([greatest] if allowed else [])

"""Which tags a clause takes by their order, and which may follow which."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.orders import Semver, Sorted, TagClause, tag_mismatch
from app.domain.patterns import InvalidPatternError, Regex, glob_matches, matches, named_groups
from app.domain.rules import When, order_of, refusal
from app.domain.versions import Range

V2 = Range.parse(">=2 <3")
BUILDS = Sorted("numerical", extract=Regex(r"main-[0-9a-f]+-(\d+)"))


@pytest.mark.parametrize(
    ("clause", "tag", "why"),
    [
        (Semver(V2), "2.4.1", None),
        (Semver(V2), "v2.4.1", None),
        (Semver(V2), "3.0.1", "3.0.1 is not in >=2 <3"),
        (Semver(V2), "2.1.0-rc.1", "2.1.0-rc.1 is a prerelease"),
        (Semver(V2, prerelease=True), "2.1.0-rc.1", None),
        (Semver(V2), "latest", "latest is no semantic version"),
        (Semver(V2, force=True), "latest", None),
        (Semver(V2, force=True), "3.0.0", "3.0.0 is not in >=2 <3"),
        (BUILDS, "main-3f2a-12", None),
        (BUILDS, "main-12", r"main-12 has no number in main-[0-9a-f]+-(\d+)"),
        (Sorted("numerical"), "1.5", None),
        (Sorted("numerical"), "1.5.0", "1.5.0 has no number"),
        (Sorted("numerical"), "NaN", "NaN has no number"),
        (Sorted("alphabetical"), "anything", None),
        ("v*", "2", "2 does not match v*"),
        (Regex("v(?P<n>[0-9]+)"), "v12", None),
        (Regex("v[0-9]+"), "v12a", "v12a does not match the regex v[0-9]+"),
    ],
)
def test_a_clause_says_why_it_does_not_take_a_tag(clause: TagClause, tag: str, why: str | None) -> None:
    assert tag_mismatch(clause, tag) == why


@pytest.mark.parametrize(
    ("clause", "tag", "current", "why"),
    [
        (Semver(V2), "2.1.0", "2.0.9", None),
        (Semver(V2), "2.1.0", "2.1.0", None),
        (Semver(V2), "2.0.9", "2.1.0", "downgrade from 2.1.0"),
        (Semver(V2, "minor"), "2.1.0", "1.4.0", "not a minor move from 1.4.0"),
        (Semver(V2, "minor"), "2.1.0", "2.0.0", None),
        (Semver(V2, "patch"), "2.1.0", "2.0.9", "not a patch move from 2.0.9"),
        (Semver(V2, "patch"), "2.0.10", "v2.0.9", None),
        (Semver(V2, force=True), "latest", "2.1.0", None),
        (Semver(V2, force=True), "2.0.0", "latest", None),
        (Semver(V2, force=True), "2.0.0", "2.1.0", "downgrade from 2.1.0"),
        ("v*", "v1.9.9", "v2.0.0", "downgrade from v2.0.0"),
        (None, "v1.9.9", "v2.0.0", "downgrade from v2.0.0"),
        ("*", "stable", "v2.0.0", None),
        (BUILDS, "main-aa-9", "main-bb-10", "downgrade from main-bb-10"),
        (BUILDS, "main-aa-11", "main-bb-10", None),
        (Sorted("alphabetical"), "b", "a", None),
        (Sorted("alphabetical"), "a", "b", "downgrade from b"),
        (Sorted("alphabetical", descending=True), "a", "b", None),
        (Sorted("numerical", descending=True), "10", "9", "downgrade from 9"),
        (Semver(V2), "2.0.0", None, None),
    ],
)
def test_a_tag_may_follow_or_is_refused(
    clause: TagClause | None, tag: str, current: str | None, why: str | None
) -> None:
    assert refusal(When(tag=clause), tag, current) == why


CLAUSES: st.SearchStrategy[TagClause | None] = st.sampled_from(
    [Semver(V2, "patch"), Sorted("numerical"), Sorted("numerical", True), Sorted("alphabetical"), BUILDS, None, "*"]
)
TAGS = st.text(alphabet="0123456789.-abv", max_size=8)


@given(CLAUSES, TAGS, TAGS)
def test_of_two_tags_at_most_one_is_a_downgrade(clause: TagClause | None, one: str, other: str) -> None:
    when = When(tag=clause)
    down = [(refusal(when, *pair) or "").startswith("downgrade") for pair in ((one, other), (other, one))]
    comparable = order_of(when, one) is not None and order_of(when, other) is not None
    assert sum(down) == (comparable and order_of(when, one) != order_of(when, other))
    assert refusal(when, one, one) is None


@pytest.mark.parametrize(
    "source", ["(a", "a{2000}", "((a{100}){100}){100}", r"(a)\1", "(?=a)", "[", "a" * 1001, "\ud800"]
)
def test_what_is_no_regex_of_bounded_cost_is_refused(source: str) -> None:
    with pytest.raises(InvalidPatternError):
        Regex.parse(source)


@given(st.text(), st.text())
def test_any_text_is_a_regex_or_refused(source: str, text: str) -> None:
    with contextlib.suppress(InvalidPatternError):
        matches(Regex.parse(source), text)


def test_patterns_that_explode_elsewhere_take_no_time() -> None:
    hostile = "a" * 1024
    assert not matches(Regex("(a+)+b"), hostile)
    assert not glob_matches("*a*a*a*a*a*a*a*a*b", hostile)


@given(st.from_regex(r"[a-z]{1,5}/[a-z]{1,5}", fullmatch=True))
def test_named_groups_are_kept(repository: str) -> None:
    team, app = repository.split("/")
    assert named_groups(Regex("(?P<team>[a-z]+)/(?P<app>[a-z]+)(-(?P<not_there>x))?"), repository) == {
        "team": team, "app": app,
    }  # fmt: skip
    assert named_groups("shop/*", repository) == {}

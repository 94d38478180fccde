"""Which changes a rule is about."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tellings import told

from app.domain.patterns import glob_matches
from app.domain.rules import When, mismatch


@pytest.mark.parametrize(
    ("pattern", "matches", "misses"),
    [
        ("shop/web", ["shop/web"], ["shop/web2", "shop/we", "a/shop/web", "shop/web/a", "shop.web"]),
        ("shop/*", ["shop/web", "shop/"], ["shop", "shop/web/a", "shops/web"]),
        ("shop/**", ["shop/web", "shop/web/a"], ["shop", "shops/web"]),
        ("**/web", ["shop/web", "a/b/web"], ["web", "shop/web/"]),
        ("v?", ["v1", "v\n"], ["v", "v12", "v/"]),
        ("v1.*", ["v1.", "v1.2"], ["v12"]),
        ("*", ["", "latest", "a\nb"], ["a/b"]),
        ("**", ["", "a/b/c"], []),
        ("a[b]", ["a[b]"], ["ab"]),
        ("a+", ["a+"], ["aa"]),
    ],
)
def test_a_glob(pattern: str, matches: list[str], misses: list[str]) -> None:
    assert [text for text in (*matches, *misses) if glob_matches(pattern, text)] == matches


@given(st.text(alphabet="ab/.*?[]()\\", max_size=12))
def test_any_pattern_is_one_and_means_itself_without_stars(pattern: str) -> None:
    literal = not set(pattern) & set("*?")
    assert glob_matches(pattern, pattern) or not literal
    assert not glob_matches(pattern, pattern + "z") or "*" in pattern


def failing(when: When, **changed: Any) -> str | None:
    """The clause that a change fails on."""
    said = mismatch(when, told(**changed))
    return said and said.partition(":")[0]


@pytest.mark.parametrize(
    ("when", "clause"),
    [
        (When(), None),
        (When(registry="registry.example:5000"), None),
        (When(registry="registry.example"), "registry"),
        (When(origin="prod"), None),
        (When(origin="test"), "origin"),
        (When(repository="shop/*"), None),
        (When(repository="shop"), "repository"),
        (When(tag="st*"), None),
        (When(tag="v*"), "tag"),
        (When(kinds=frozenset({"created"})), "change"),
        (When(provenances=frozenset({"derived"})), "provenance"),
        (When(registry="other", tag="other"), "registry"),
    ],
)
def test_a_rule_names_the_first_clause_that_fails(when: When, clause: str | None) -> None:
    assert failing(when) == clause


@pytest.mark.parametrize("kind", ["removed", "pulled", "void"])
def test_removals_and_pulls_are_told_to_those_who_ask(kind: str) -> None:
    assert failing(When(), kind=kind) == "change"
    assert failing(When(kinds=frozenset({kind})), kind=kind) is None


@pytest.mark.parametrize("provenance", ["derived", "resolved", "reconciled"])
def test_what_nobody_saw_is_told_to_those_who_ask(provenance: str) -> None:
    assert failing(When(), provenance=provenance) == "provenance"
    assert failing(When(provenances=frozenset({provenance})), provenance=provenance) is None


def test_what_has_no_tag_matches_no_pattern_of_tags() -> None:
    assert failing(When(tag="**"), tag=None) == "tag"
    assert failing(When(), tag=None) is None

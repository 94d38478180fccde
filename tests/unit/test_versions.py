"""Semantic versions and ranges of them, against another library's reading of npm's ranges."""

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from semantic_version import NpmSpec
from semantic_version import Version as OtherVersion

from app.domain.versions import InvalidRangeError, Range, version_of

_NUMBER = st.integers(0, 3)
VERSIONS = st.tuples(_NUMBER, _NUMBER, _NUMBER).map(lambda parts: ".".join(map(str, parts)))
_PARTIALS = st.one_of(
    VERSIONS,
    st.tuples(_NUMBER, _NUMBER).map(lambda parts: f"{parts[0]}.{parts[1]}"),
    _NUMBER.map(str),
    _NUMBER.map(lambda number: f"{number}.x"),
    st.just("*"),
)
_TERMS = st.tuples(st.sampled_from(["", "=", ">=", "<=", ">", "<", "^", "~"]), _PARTIALS).filter(
    lambda term: term[1] != "*" or term[0] in ("", "=", ">=")  # the other library refuses ^* and <=*
)
_ALTERNATIVES = st.lists(_TERMS.map("".join), min_size=1, max_size=3).map(" ".join) | st.tuples(
    _PARTIALS.filter(lambda text: text != "*"), _PARTIALS.filter(lambda text: text != "*")
).map(" - ".join)
RANGES = st.lists(_ALTERNATIVES, min_size=1, max_size=2).map(" || ".join)


@given(RANGES, VERSIONS)
@example("^0.0.3", "0.0.4")
@example("^0.0", "0.1.0")
@example("~1", "1.9.0")
@example(">1.2", "1.2.3")
def test_a_range_says_what_npm_says(text: str, tag: str) -> None:
    version = version_of(tag)
    assert version is not None
    assert (version in Range.parse(text)) == NpmSpec(text).match(OtherVersion(tag))


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        (">=2 <3", ["2.0.0", "v2.9.9", "2.1.0-rc.1"], ["1.9.9", "3.0.0", "3.0.0-rc.1", "2.0.0-rc.1"]),
        (">= 2, < 3", ["2.0.0"], ["3.0.0"]),
        (">=v2.0.0-rc.1", ["2.0.0-rc.1", "2.0.0-rc.2", "2.0.0"], ["2.0.0-beta"]),
        ("~>1.2", ["1.2.9"], ["1.3.0"]),
        ("", ["0.0.0", "9.9.9"], []),
        ("1.2.3 - 2", ["1.2.3", "2.9.9"], ["1.2.2", "3.0.0"]),
        ("<2.0.0", ["1.9.9"], ["2.0.0", "2.0.0-rc.1"]),
        ("<=2.0.0-rc.2", ["2.0.0-rc.1"], ["2.0.0"]),
        ("1.2.3", ["1.2.3", "1.2.3_build.5"], ["1.2.4"]),
    ],
)
def test_a_range_as_people_write_it(text: str, inside: list[str], outside: list[str]) -> None:
    wanted = Range.parse(text)
    found = [tag for tag in (*inside, *outside) if (version := version_of(tag)) is not None and version in wanted]
    assert found == inside


@pytest.mark.parametrize(
    "text", ["latest", ">=", ">= <", "1.2.3.4", "01.2", "<*", ">x", "1.2.3-", "2 -3", "2 || x.y", "1.2.3-01"]
)
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(InvalidRangeError):
        Range.parse(text)


@given(st.text(alphabet="0123456789.xX*<>=^~v|- ,+abc", max_size=30) | st.text(max_size=600))
def test_any_text_is_a_range_or_refused_as_none(text: str) -> None:
    with contextlib.suppress(InvalidRangeError):
        assert Range.parse(text).text == text


@pytest.mark.parametrize(
    "tag", ["latest", "1", "1.2", "v1.2", "01.2.3", "1.2.3-", "1.2.3.4", "", "V1.2.3", "1.2.3-01", "1.2.3_"]
)
def test_a_tag_that_is_no_whole_version_has_none(tag: str) -> None:
    assert version_of(tag) is None


@given(st.text(alphabet="0123456789.-_vrc+", max_size=40) | st.text())
def test_any_tag_has_a_version_or_none(tag: str) -> None:
    version = version_of(tag)
    assert version is None or version_of(str(version)) == version

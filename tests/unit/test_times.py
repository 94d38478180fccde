"""Moments and spans, as registries and people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.times import SECOND_NS, parse_duration, parse_moment, parse_rfc3339, rfc3339, rfc3339_nano

NOON = 1_785_499_200 * SECOND_NS
"""2026-07-31T12:00:00Z."""
YEAR_1 = -62_135_596_800 * SECOND_NS
YEAR_10000 = 253_402_300_800 * SECOND_NS


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("2026-07-31T12:00:00Z", NOON),
        ("2026-07-31t12:00:00z", NOON),
        ("2026-07-31 12:00:00", NOON),
        ("2026-07-31T12:00:00.000000001Z", NOON + 1),
        ("2026-07-31T12:00:00.123456789Z", NOON + 123_456_789),
        ("2026-07-31T12:00:00.5Z", NOON + 500_000_000),
        ("2026-07-31T12:00:00.1234567899Z", NOON + 123_456_789),
        ("2026-07-31T17:30:00+05:30", NOON),
        ("2026-07-31T17:30:00.25+0530", NOON + 250_000_000),
        ("2026-07-31T04:00:00-08:00", NOON),
        ("2026-08-01T11:59:00+23:59", NOON),
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.5Z", -SECOND_NS // 2),
        ("0001-01-01T00:00:00Z", YEAR_1),
        ("0001-01-01T00:00:00+14:00", YEAR_1 - 14 * 3600 * SECOND_NS),
        ("9999-12-31T23:59:59.999999999Z", YEAR_10000 - 1),
        ("2016-12-31T23:59:60Z", 1_483_228_799 * SECOND_NS),
    ],
)
def test_a_moment_is_read_to_the_nanosecond(text: str, time_ns: int) -> None:
    assert parse_rfc3339(text) == time_ns


@pytest.mark.parametrize(
    "text",
    [
        "", "yesterday", "2026-07-31", "2026-07-31T12:00", "2026-02-30T12:00:00Z", "2026-07-31T24:00:01Z",
        "2026-07-31T12:60:00Z", "2026-07-31T12:00:61Z", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z",
        "2026-07-31T12:00:00+24:00", "2026-07-31T12:00:00.Z", "1785499200", "2026-07-31T12:00:00Z\x00",
        "٢٠٢٦-07-31T12:00:00Z", "2026-07-31T12:00:00.٣Z",
    ],
)
def test_what_is_no_moment_is_none(text: str) -> None:
    assert parse_rfc3339(text) is None


@given(st.text(max_size=40) | st.from_regex(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,12})?(Z|[+-]\d\d:?\d\d)?"))
def test_no_text_breaks_the_reading(text: str) -> None:
    found = parse_rfc3339(text)
    assert found is None or isinstance(found, int)


@given(st.integers(YEAR_1, YEAR_10000 - 1))
def test_what_is_written_is_read_back(time_ns: int) -> None:
    assert parse_rfc3339(rfc3339(time_ns)) == time_ns
    assert parse_rfc3339(rfc3339_nano(time_ns)) == time_ns
    assert len(rfc3339(time_ns)) == len("2026-07-31T12:00:00.000000000Z")


@pytest.mark.parametrize(
    ("time_ns", "digits", "text"),
    [
        (NOON, 9, "2026-07-31T12:00:00.000000000Z"),
        (NOON + 987_654_321, 3, "2026-07-31T12:00:00.987Z"),
        (NOON + 987_654_321, 0, "2026-07-31T12:00:00Z"),
        (YEAR_1, 0, "0001-01-01T00:00:00Z"),
    ],
)
def test_a_moment_is_written_with_the_digits_asked_for(time_ns: int, digits: int, text: str) -> None:
    assert rfc3339(time_ns, digits) == text


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (NOON, "2026-07-31T12:00:00Z"),
        (NOON + 120_000_000, "2026-07-31T12:00:00.12Z"),
        (NOON + 1, "2026-07-31T12:00:00.000000001Z"),
    ],
)
def test_go_cuts_the_zeros_at_the_end(time_ns: int, text: str) -> None:
    assert rfc3339_nano(time_ns) == text


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("now", NOON),
        ("90s", NOON - 90 * SECOND_NS),
        ("2h", NOON - 7200 * SECOND_NS),
        ("1w", NOON - 7 * 86_400 * SECOND_NS),
        ("2026-07-31", NOON - 12 * 3600 * SECOND_NS),
        ("2026-07-31T12:00:00Z", NOON),
    ],
)
def test_people_write_moments_as_they_like(text: str, time_ns: int) -> None:
    assert parse_moment(text, NOON) == time_ns


@pytest.mark.parametrize("text", ["tomorrow", "2h30m", "-2h", "", "2026-13-01"])
def test_a_moment_that_is_none_is_told_with_what_would_do(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a time: .* write 2026-03-01"):
        parse_moment(text, NOON)


@pytest.mark.parametrize(
    ("text", "span_ns"),
    [
        ("1h30m", 5400 * SECOND_NS), ("500ms", 500_000_000), ("1.5s", 1_500_000_000), ("7us", 7_000), ("7µs", 7_000),
        ("7μs", 7_000), (".5s", 500_000_000), ("1.s", SECOND_NS), ("10ns", 10),
        ("2d", 172_800 * SECOND_NS), (1_000_000_000, SECOND_NS), (0, 0),
    ],
)
def test_a_span_is_written_as_go_writes_it(text: str | int, span_ns: int) -> None:
    assert parse_duration(text) == span_ns


@pytest.mark.parametrize("text", ["", "1", "soon", "-5s", "5 s", "1h-", -1, "1.5", ".s"])
def test_a_span_that_is_none_is_told_with_what_would_do(text: str | int) -> None:
    with pytest.raises(ValueError, match=r"not a duration: .* write for example 500ms"):
        parse_duration(text)

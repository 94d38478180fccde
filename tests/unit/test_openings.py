"""Weekly windows in a time zone, through the changes of its clocks."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.openings import Opening, opens_at

SECOND = 1_000_000_000
WEEKDAYS, EVERY_DAY = frozenset(range(5)), frozenset(range(7))
OFFICE = Opening(WEEKDAYS, 9 * 60, 17 * 60, "Europe/Berlin")


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * SECOND


def shown(time_ns: int, zone: str = "Europe/Berlin") -> str:
    return datetime.fromtimestamp(time_ns // SECOND, ZoneInfo(zone)).isoformat()


@pytest.mark.parametrize(
    ("opening", "now", "opens"),
    [
        (OFFICE, "2026-11-24T12:00:00+01:00", "2026-11-24T12:00:00+01:00"),
        (OFFICE, "2026-11-24T09:00:00+01:00", "2026-11-24T09:00:00+01:00"),
        (OFFICE, "2026-11-24T08:59:59+01:00", "2026-11-24T09:00:00+01:00"),
        (OFFICE, "2026-11-24T17:00:00+01:00", "2026-11-25T09:00:00+01:00"),
        (OFFICE, "2026-11-27T18:00:00+01:00", "2026-11-30T09:00:00+01:00"),
        (OFFICE, "2026-03-28T12:00:00+01:00", "2026-03-30T09:00:00+02:00"),
        (Opening(EVERY_DAY, 22 * 60, 6 * 60, "UTC"), "2026-11-24T05:59:00+00:00", "2026-11-24T05:59:00+00:00"),
        (Opening(EVERY_DAY, 22 * 60, 6 * 60, "UTC"), "2026-11-24T06:00:00+00:00", "2026-11-24T22:00:00+00:00"),
        (Opening(frozenset({4}), 22 * 60, 6 * 60, "UTC"), "2026-11-28T03:00:00+00:00", "2026-11-28T03:00:00+00:00"),
        (Opening(frozenset({4}), 0, 0, "UTC"), "2026-11-27T23:59:59+00:00", "2026-11-27T23:59:59+00:00"),
        (Opening(EVERY_DAY, 0, 1440, "UTC"), "2026-11-27T23:59:59+00:00", "2026-11-27T23:59:59+00:00"),
        # skipped: 02:30 is 03:30 on the day when clocks go forward
        (Opening(EVERY_DAY, 150, 300, "Europe/Berlin"), "2026-03-29T01:00:00+01:00", "2026-03-29T03:30:00+02:00"),
        (Opening(EVERY_DAY, 120, 180, "Europe/Berlin"), "2026-03-29T01:00:00+01:00", "2026-03-30T02:00:00+02:00"),
        # shown twice: the first 02:30 is meant
        (Opening(EVERY_DAY, 150, 300, "Europe/Berlin"), "2026-10-25T01:00:00+02:00", "2026-10-25T02:30:00+02:00"),
    ],
)
def test_when_it_opens(opening: Opening, now: str, opens: str) -> None:
    assert shown(opens_at([opening], ns(now))) == shown(ns(opens))


def test_without_windows_it_is_open_and_with_several_the_next_counts() -> None:
    now = ns("2026-11-24T20:00:00+01:00")
    late = Opening(WEEKDAYS, 21 * 60, 22 * 60, "Europe/Berlin")
    assert opens_at([], now) == now
    assert opens_at([OFFICE, late], now) == ns("2026-11-24T21:00:00+01:00")


OPENINGS = st.builds(
    Opening,
    st.frozensets(st.integers(0, 6), min_size=1),
    st.integers(0, 95).map(lambda quarter: quarter * 15),
    st.integers(0, 96).map(lambda quarter: quarter * 15),
    st.sampled_from(
        ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu"]
    ),
)
MOMENTS = st.datetimes(datetime(2011, 12, 1), datetime(2027, 12, 1)).map(
    lambda one: int(one.replace(tzinfo=UTC).timestamp())
)


def is_open(opening: Opening, second: int) -> bool:
    """By looking at the clock on the wall; only where no clock has changed within a day."""
    wall = datetime.fromtimestamp(second, ZoneInfo(opening.zone)).replace(tzinfo=None)
    for back in (0, 1):
        day = (wall - timedelta(days=back)).replace(hour=0, minute=0, second=0, microsecond=0)
        length = opening.to_minute - opening.from_minute
        begin = day + timedelta(minutes=opening.from_minute)
        end = begin + timedelta(minutes=length if length > 0 else length + 1440)
        if day.weekday() in opening.days and begin <= wall < end:
            return True
    return False


def quiet(zone: str, second: int, hours: int) -> bool:
    """Whether no clock of `zone` changes around."""
    offsets = {
        datetime.fromtimestamp(second + step * 3600, ZoneInfo(zone)).utcoffset() for step in range(-49, hours + 49, 6)
    }
    return len(offsets) == 1


@given(OPENINGS, MOMENTS)
def test_it_opens_when_the_wall_clock_says_so(opening: Opening, second: int) -> None:
    if not quiet(opening.zone, second, 8 * 24):
        return
    opens = opens_at([opening], second * SECOND) // SECOND
    assert is_open(opening, opens)
    quarter = second - second % 900
    earlier = [moment for moment in range(quarter, opens, 900) if moment >= second and is_open(opening, moment)]
    assert not earlier
    assert opens == second or not is_open(opening, second)


@given(OPENINGS, MOMENTS)
def test_whatever_the_clocks_do_it_opens_within_nine_days(opening: Opening, second: int) -> None:
    opens = opens_at([opening], second * SECOND)
    assert second * SECOND <= opens <= (second + 15 * 86_400) * SECOND
    assert opens_at([opening], opens) == opens

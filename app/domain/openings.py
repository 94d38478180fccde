"""When a rule may act: weekly windows in a time zone, through changes of its clocks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from app.domain.times import SECOND_NS

DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class Opening:
    """Open on `days` (0 is Monday) from a minute of the day until another, which is on the day after if not later.

    A time that the clocks skip is later by what they skip; of one that they show twice it is the first.
    """

    days: frozenset[int]
    from_minute: int
    to_minute: int
    zone: str

    def spans(self, around: datetime) -> Iterator[tuple[datetime, datetime]]:
        """(begin, end) of each opening from the day before `around` until all days of the week have come, in order."""
        here = ZoneInfo(self.zone)
        today = around.astimezone(here).date()
        length = self.to_minute if self.to_minute > self.from_minute else self.to_minute + DAY_MINUTES
        for day in (today + timedelta(days) for days in range(-1, 9)):
            if day.weekday() in self.days:
                yield _moment(day, self.from_minute, here), _moment(day, length, here)


def opens_at(windows: Sequence[Opening], now_ns: int) -> int:
    """`now_ns` where one of `windows` is open, or there are none; else when the next one opens."""
    if not windows:
        return now_ns
    now = datetime.fromtimestamp(now_ns // SECOND_NS, UTC)
    begins = []
    for begin, end in (span for one in windows for span in one.spans(now)):
        if begin <= now < end:
            return now_ns
        if now < begin < end:
            begins.append(begin)
    return int(min(begins).timestamp()) * SECOND_NS if begins else now_ns


def _moment(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """When the clocks of `zone` show a minute of `day`, or of the day after where it is past midnight."""
    days, minutes = divmod(minute, DAY_MINUTES)
    shown = datetime.combine(day + timedelta(days), time(minutes // 60, minutes % 60), zone)
    return shown.astimezone(UTC)

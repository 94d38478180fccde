"""Moments as integers: nanoseconds since 1970-01-01T00:00:00Z. Registries are finer than microseconds."""

import math
import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

SECOND_NS = 1_000_000_000

_RFC3339 = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:[.,](\d{1,18}))?\s*([Zz]|[+-]\d{2}:?\d{2})?", re.ASCII
)
_SPAN = re.compile(r"(\d+)(s|m|h|d|w)", re.ASCII)
_SPAN_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def parse_rfc3339(text: str) -> int | None:
    """Nanoseconds, or None where `text` is no moment. Digits past the ninth are cut; no zone means UTC."""
    match = _RFC3339.fullmatch(text.strip())
    if match is None:
        return None
    date, clock, fraction, zone = match.groups()
    leap = clock.endswith(":60")
    try:
        moment = datetime.fromisoformat(f"{date}T{clock[:-2] + '59' if leap else clock}").replace(tzinfo=_zone(zone))
        seconds = round((moment - _EPOCH).total_seconds())
    except (ValueError, OverflowError):
        return None
    return seconds * SECOND_NS + int((fraction or "0")[:9].ljust(9, "0"))


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _zone(text: str | None) -> timezone:
    if text is None or text in "Zz":
        return UTC
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[-2:])))


def from_unix(seconds: object) -> int | None:
    """Nanoseconds of a JSON number of seconds, to the digits that were written; None where it is no number."""
    if isinstance(seconds, float) and math.isfinite(seconds):
        return int(Decimal(repr(seconds)) * SECOND_NS)
    return seconds * SECOND_NS if isinstance(seconds, int) and not isinstance(seconds, bool) else None


def rfc3339(time_ns: int, digits: int = 9) -> str:
    """`time_ns` in UTC with `digits` of fraction, e.g. `2026-11-23T20:06:47.474Z`. Years 1 to 9999."""
    seconds, rest = divmod(time_ns, SECOND_NS)
    moment = (_EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None)  # isoformat pads the year, strftime does not
    fraction = f".{rest:09d}"[: digits + 1] if digits else ""
    return f"{moment.isoformat(timespec='seconds')}{fraction}Z"


def rfc3339_nano(time_ns: int) -> str:
    """As Go's RFC3339Nano prints it: trailing zeros of the fraction are cut."""
    text = rfc3339(time_ns)[:-1].rstrip("0").rstrip(".")
    return f"{text}Z"


def parse_moment(text: str, now_ns: int) -> int:
    """A moment as people type it: RFC 3339, a date, `now`, or a span back from now such as `30m`, `2h` or `7d`.

    Raises ValueError that says what would do.
    """
    if text == "now":
        return now_ns
    span = _SPAN.fullmatch(text)
    if span:
        return now_ns - int(span[1]) * _SPAN_SECONDS[span[2]] * SECOND_NS
    found = parse_rfc3339(text if len(text) > 10 else f"{text}T00:00:00Z")
    if found is None:
        raise ValueError(
            f"not a time: {text!r}; write 2026-03-01, 2026-03-01T09:00:00Z, now, or a span back such as 2h or 30d"
        )
    return found


def parse_end(text: str, now_ns: int) -> int:
    """A moment to come: RFC 3339, a date, or a span from now such as `30m`, `2h` or `7d`.

    Raises ValueError that says what would do.
    """
    span = _SPAN.fullmatch(text)
    found = parse_rfc3339(text if len(text) > 10 else f"{text}T00:00:00Z")
    end_ns = now_ns + int(span[1]) * _SPAN_SECONDS[span[2]] * SECOND_NS if span else found
    if end_ns is None or not now_ns < end_ns < _LAST_NS:
        raise ValueError(f"no time to come: {text!r}; write a span from now such as 2h, or 2026-03-01T09:00:00Z")
    return end_ns


_LAST_NS = 2**63
"""What the database can't hold, in the year 2262."""

_DURATION_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h|d)", re.ASCII)
_DURATION = re.compile(f"(?:{_DURATION_PART.pattern})+", re.ASCII)
_DURATION_NS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": SECOND_NS,
    "m": 60 * SECOND_NS,
    "h": 3600 * SECOND_NS,
    "d": 86_400 * SECOND_NS,
}


def parse_duration(text: str | int) -> int:
    """Nanoseconds of a span as Go writes it (`1h30m`, `500ms`), with `d` for days; a bare number is nanoseconds.

    Raises ValueError that says what would do.
    """
    if isinstance(text, int) and text >= 0:
        return text
    if not _DURATION.fullmatch(str(text)):
        raise ValueError(f"not a duration: {text!r}; write for example 500ms, 10s, 5m, 1h30m or 2d")
    parts = _DURATION_PART.findall(str(text))
    return round(sum(float(number) * _DURATION_NS[unit] for number, unit in parts))

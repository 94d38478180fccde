"""Text from outside, made safe to store and to print."""

import re

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match.group()):04x}"


def storable(text: str) -> str:
    """`text` with NUL and lone surrogates written as `\\uXXXX`: PostgreSQL refuses the one, UTF-8 the other."""
    return _UNSTORABLE.sub(_escape, text)


def printable(text: str) -> str:
    """`text` with every control and direction-changing character written as `\\uXXXX`, for terminals and logs."""
    return _UNPRINTABLE.sub(_escape, text)

"""How often something may happen, as people write it: `10/1m`."""

import re
from dataclasses import dataclass
from typing import Self

from app.domain.times import parse_duration


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` within any `per_ns` nanoseconds."""

    count: int
    per_ns: int

    @classmethod
    def parse(cls, text: object) -> Self:
        """Raise ValueError that says how a limit is written."""
        found = re.fullmatch(r"([1-9][0-9]{0,5})/(\S+)", text) if isinstance(text, str) else None
        if found is None:
            raise ValueError("write a limit as 10/1m: so many within a time")
        per_ns = parse_duration(found[2])
        if per_ns <= 0:
            raise ValueError("write a limit for a time longer than nothing")
        return cls(int(found[1]), per_ns)

    def free_ns(self, nth_last_ns: int | None) -> int:
        """When the next may be, where the one `count` before it was at `nth_last_ns`; 0 where there is none."""
        return 0 if nth_last_ns is None else nth_last_ns + self.per_ns

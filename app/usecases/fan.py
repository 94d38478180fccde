"""The rules, and what they lead to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.domain.rules import Rule
from app.domain.settling import Settle
from app.sinks.sink import Sink


@dataclass(frozen=True, slots=True)
class Fan:
    """`sinks` and `settle` are by destination; `base_url` is where people reach the pages."""

    rules: Sequence[Rule]
    sinks: Mapping[str, Sink]
    base_url: str
    max_age_ns: int
    settle: Mapping[str, Settle] = field(default_factory=dict)

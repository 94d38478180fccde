"""The rules, and what they lead to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from app.domain.protected import Protected
from app.domain.rules import Rule
from app.domain.settling import Settle
from app.sinks.sink import Sink


@dataclass(frozen=True, slots=True)
class Fan:
    """`sinks` and `settle` are by destination; `base_url` is where people reach the pages.

    `unproven` are the origins whose senders show no secret in a header or signature. `link_key` makes the secrets of
    links that approve.
    """

    rules: Sequence[Rule]
    sinks: Mapping[str, Sink]
    base_url: str
    max_age_ns: int
    settle: Mapping[str, Settle] = field(default_factory=dict)
    unproven: Callable[[str], bool] = lambda _origin: False
    link_key: bytes = field(default=b"", repr=False)
    protected: Protected | None = None

    def asks_first(self, rule: str, origin: str) -> bool:
        """Whether a deploy by `rule` for an event of `origin` is confirmed by its registry (keel #347)."""
        said = next((one.confirm for one in self.rules if one.name == rule), None)
        return self.unproven(origin) if said is None else said

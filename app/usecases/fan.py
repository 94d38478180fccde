"""The rules, and what they lead to."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from app.domain.limits import Limit
from app.domain.protected import Protected
from app.domain.rules import Rule
from app.domain.settling import Settle
from app.sinks.sink import Outcome, Sink


@dataclass(frozen=True, slots=True)
class Fan:
    """`sinks` and `settle` are by destination; `base_url` is where people reach the pages.

    `unproven` are the origins whose senders show no secret in a header or signature. `following` are the channels that
    are told how the deploys of their rules ended, `limits` how often some are told anything.
    `link_key` makes the secrets of links that approve. `attempted` hears of every attempt, by destination.
    """

    rules: Sequence[Rule]
    sinks: Mapping[str, Sink]
    base_url: str
    max_age_ns: int
    settle: Mapping[str, Settle] = field(default_factory=dict)
    unproven: Callable[[str], bool] = lambda _origin: False
    following: Collection[str] = ()
    limits: Mapping[str, Limit] = field(default_factory=dict)
    link_key: bytes = field(default=b"", repr=False)
    protected: Protected | None = None
    attempted: Callable[[str, Outcome], None] = lambda _destination, _outcome: None

    def asks_first(self, rule: str, origin: str) -> bool:
        """Whether a deploy by `rule` for an event of `origin` is confirmed by its registry (keel #347)."""
        found = self.rule(rule)
        return self.unproven(origin) if found is None or found.confirm is None else found.confirm

    def rule(self, name: str) -> Rule | None:
        """The rule of that name that is in force now."""
        return next((rule for rule in self.rules if rule.name == name), None)

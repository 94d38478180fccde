"""A configured, authenticated sender of envelopes."""

from dataclasses import dataclass, field

from app.domain.filters import Unheard

AUTO = "auto"
"""The kind of an origin whose sender is recognised by what it sends."""
GENERIC = "generic"
"""The kind of an origin whose configuration says how its sender is read."""


@dataclass(frozen=True, slots=True)
class Expressions:
    """Where the fields of an event stand in what an origin of the kind `generic` sends: JMESPath, None where nowhere.

    `events` finds the list of events in a body, of which the others are asked; without it the body is the event.
    `actions`: the sender's words, and ours for them.
    """

    action: str
    repository: str
    events: str | None = None
    tag: str | None = None
    digest: str | None = None
    time: str | None = None
    actor: str | None = None
    id: str | None = None
    host: str | None = None
    media_type: str | None = None
    actions: tuple[tuple[str, str], ...] = ()


ASKING = "tagtrail"
"""The origin of what Tagtrail learnt by asking a registry (DESIGN decision 7); no sender is called so."""


@dataclass(frozen=True, slots=True)
class Origin:
    """`kind` names the dialect; `registries` are the names under which it may write history, at least one.

    `unheard` is what of its events is not stored.
    """

    name: str
    kind: str
    registries: tuple[str, ...]
    unheard: Unheard = field(default_factory=Unheard)
    expressions: Expressions | None = None


def is_silent(heard_ns: int, expect_every_ns: int, now_ns: int) -> bool:
    """Whether a sender of which something is expected every so often was heard too long ago."""
    return now_ns - heard_ns > expect_every_ns

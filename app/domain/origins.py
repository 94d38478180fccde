"""A configured, authenticated sender of envelopes."""

from dataclasses import dataclass, field

from app.domain.filters import Unheard

AUTO = "auto"
"""The kind of an origin whose sender is recognised by what it sends."""


@dataclass(frozen=True, slots=True)
class Origin:
    """`kind` names the dialect; `registries` are the names under which it may write history, at least one.

    `unheard` is what of its events is not stored.
    """

    name: str
    kind: str
    registries: tuple[str, ...]
    unheard: Unheard = field(default_factory=Unheard)

"""A configured, authenticated sender of envelopes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """`kind` names the dialect; `registries` are the names under which it may write history, at least one."""

    name: str
    kind: str
    registries: tuple[str, ...]

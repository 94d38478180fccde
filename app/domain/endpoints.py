"""Which of our registry's events an endpoint of `notifications` is not told of: pure."""

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property

from app.domain.patterns import matches

MOST_IN_AN_ENVELOPE = 100
MOST_ANNOUNCED = 100
"""Runs of parked events of which one event tells."""


@dataclass(frozen=True)
class Told:
    """An event, and as it stands in an envelope."""

    repository: str
    action: str
    media_type: str | None
    event: bytes = field(repr=False)

    @cached_property
    def _parts(self) -> dict[str, dict[str, str]]:
        parts: dict[str, dict[str, str]] = json.loads(self.event)
        return parts

    @property
    def tag(self) -> str | None:
        return self._parts["target"].get("tag")

    @property
    def method(self) -> str:
        return self._parts["request"]["method"]


@dataclass(frozen=True, slots=True)
class Ignore:
    """Ignored is what any of them names. Repositories and tags are globs; an event without a tag is of no tag."""

    media_types: Collection[str] = ()
    actions: Collection[str] = ()
    repositories: Collection[str] = ()
    tags: Collection[str] = ()
    methods: Collection[str] = ()

    def matches(self, told: Told) -> bool:
        return (
            told.action in self.actions
            or told.media_type in self.media_types
            or any(matches(glob, told.repository) for glob in self.repositories)
            or (bool(self.tags) and told.tag is not None and any(matches(glob, told.tag) for glob in self.tags))
            or (bool(self.methods) and told.method in self.methods)
        )


NOTHING = Ignore()

"""Tags that nobody should move: people are told at once when one moves or vanishes, however that is known."""

from dataclasses import dataclass

from app.domain.names import release_like
from app.domain.patterns import matches
from app.domain.told import Told

RULE = "protected"
"""What stands in for a rule's name in what is told; no rule may be called so."""
_ALARMING = frozenset({"moved", "removed", "restored"})
"""Restored too: what vanished may come back as something else."""


@dataclass(frozen=True, slots=True)
class Protected:
    """`tags` are globs; None: those that look like releases. `alert` are names of channels."""

    tags: tuple[str, ...] | None
    alert: tuple[str, ...]
    version: str

    def alarms(self, told: Told) -> bool:
        return told.kind in _ALARMING and told.tag is not None and self._has(told.tag)

    def _has(self, tag: str) -> bool:
        return release_like(tag) if self.tags is None else any(matches(glob, tag) for glob in self.tags)

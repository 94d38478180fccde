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
        return self.mismatch(told) is None

    def mismatch(self, told: Told) -> str | None:
        """Why nobody is alarmed, as a rule would say it, or None."""
        if told.tag is None:
            return "tag: there is none"
        if not self._has(told.tag):
            return f"tag: {told.tag} {self._lacks}"
        return None if told.kind in _ALARMING else f"change: {told.kind} is not {' or '.join(sorted(_ALARMING))}"

    @property
    def _lacks(self) -> str:
        if self.tags is None:
            return "does not look like a release"
        return f"does not match {' or '.join(self.tags)}" if self.tags else "is not protected, no tag is"

    def _has(self, tag: str) -> bool:
        return release_like(tag) if self.tags is None else any(matches(glob, tag) for glob in self.tags)

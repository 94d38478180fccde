"""What is made of measurements: medians with their ranges, percentiles, tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of `values` that at least `percent` of them don't exceed."""
    ordered = sorted(values)
    rank = max(0, -(-len(ordered) * percent // 100) - 1)
    return ordered[int(rank)]


def spread(values: Sequence[float], places: int = 0) -> str:
    """`median (least–most)` over the rounds."""
    return f"{median(values):,.{places}f} ({min(values):,.{places}f}–{max(values):,.{places}f})"


@dataclass(slots=True)
class Report:
    """A titled table, what it was measured on, and the same as data."""

    title: str
    columns: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)

    def markdown(self) -> str:
        """As it stands in docs/bench.md."""
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        notes = "\n".join(f"* {note}" for note in self.notes)
        return f"\n## {self.title}\n\n{table}\n\n{notes}\n"


def line(facts: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts.items())

"""What retention took out of the log of events: a signed word on which rows, and where they went.

Signed (Ed25519) are these bytes:

    tagtrail cut
    SEQS                        the rows, as runs: 3,5-9
    ARCHIVE                     the name of the file that has them
    SHA256                      of that file, in hex
"""

import base64
import binascii
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Self

from app.domain.checkpoints import PublicKey, SigningKey
from app.domain.times import parse_rfc3339, rfc3339

CUT, RESTORED = "events.cut", "events.restored"
"""What the log of actions calls it when rows are taken out, and when they are put back."""


@dataclass(frozen=True, slots=True)
class Runs:
    """A set of whole numbers as (first, last) runs, in order and apart from each other."""

    runs: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, numbers: Iterable[int]) -> Self:
        runs: list[tuple[int, int]] = []
        for number in sorted(set(numbers)):
            if runs and runs[-1][1] == number - 1:
                runs[-1] = (runs[-1][0], number)
            else:
                runs.append((number, number))
        return cls(tuple(runs))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raise ValueError for what `str` of one never gives."""
        pairs = [part.split("-") for part in text.split(",")] if text else []
        runs = tuple((int(pair[0]), int(pair[-1])) for pair in pairs)
        found = cls(runs)
        if str(found) != text or any(last >= first for (_, last), (first, _) in pairwise(runs)):
            raise ValueError(f"not runs of numbers: {text[:80]!r}")
        return found

    @classmethod
    def union(cls, many: Iterable["Runs"]) -> Self:
        merged: list[tuple[int, int]] = []
        for first, last in sorted(run for one in many for run in one.runs):
            if merged and first <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(merged[-1][1], last))
            else:
                merged.append((first, last))
        return cls(tuple(merged))

    def without(self, other: "Runs") -> "Runs":
        kept: list[tuple[int, int]] = []
        for first, last in self.runs:
            at = first
            for begin, end in other._touching(first, last):
                if at < begin:
                    kept.append((at, begin - 1))
                at = end + 1
            if at <= last:
                kept.append((at, last))
        return Runs(tuple(kept))

    def _touching(self, first: int, last: int) -> tuple[tuple[int, int], ...]:
        low = bisect_left(self.runs, first, key=lambda run: run[1])
        return self.runs[low : bisect_right(self.runs, last, key=lambda run: run[0])]

    def __iter__(self) -> Iterator[int]:
        return (number for first, last in self.runs for number in range(first, last + 1))

    def __str__(self) -> str:
        return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in self.runs)

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self.runs, (number, 2**64)) - 1
        return at >= 0 and self.runs[at][0] <= number <= self.runs[at][1]

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.runs)


@dataclass(frozen=True, slots=True)
class Cut:
    """`archive` is a file's name, `sha256` its digest in hex; `key` is the id of whose signature it is.

    What else is said of it: of `action` nothing is missing that happened and came since `since_ns`.
    """

    action: str
    since_ns: int
    seqs: Runs
    archive: str
    sha256: str
    key: str = ""
    signature: bytes = b""

    @property
    def statement(self) -> bytes:
        return f"tagtrail cut\n{self.seqs}\n{self.archive}\n{self.sha256}\n".encode()

    def signed(self, key: SigningKey) -> "Cut":
        return replace(self, key=key.public.id, signature=key.seal(self.statement))

    @property
    def detail(self) -> dict[str, Any]:
        """As the log of actions keeps it."""
        return {
            "action": self.action, "since": rfc3339(self.since_ns),
            "seqs": str(self.seqs), "rows": len(self.seqs), "sha256": self.sha256, "key": self.key,
            "signature": base64.b64encode(self.signature).decode(),
        }

    @classmethod
    def read(cls, archive: str, detail: Mapping[str, Any]) -> Self:
        """What `detail` gave. Raises ValueError."""
        try:
            signature = base64.b64decode(detail["signature"], validate=True)
            since_ns, seqs = parse_rfc3339(detail["since"]), Runs.parse(detail["seqs"])
            if since_ns is None:
                raise ValueError(f"no moment: {detail['since']!r}")
            return cls(detail["action"], since_ns, seqs, archive, detail["sha256"], detail["key"], signature)
        except (KeyError, TypeError, AttributeError, binascii.Error) as error:
            raise ValueError(f"not a cut: {error}") from None


def taken_out(log: Iterable[Cut | Runs], keys: Sequence[PublicKey]) -> Runs:
    """The rows that may be missing, after `log`: cuts, and the rows that were put back, the oldest first.

    Only cuts that one of `keys` has signed count.
    """
    cuts: list[Runs] = []
    for one in log:
        if isinstance(one, Runs):
            cuts = [Runs.union(cuts).without(one)]
        elif any(key.proves(one.signature, one.statement) for key in keys):
            cuts.append(one.seqs)
    return Runs.union(cuts)

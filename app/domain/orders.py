"""Which tags a rule takes by their order, and which may follow which (issue 4: nobody wants a downgrade unasked)."""

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache, total_ordering
from typing import Any, Literal, assert_never

from semver import Version

from app.domain.patterns import Pattern, Regex, found, matches
from app.domain.versions import Range, version_of

Level = Literal["major", "minor", "patch"]


@dataclass(frozen=True, slots=True)
class Semver:
    """Tags that are versions in a range.

    `level`: the largest step from the version that was last sent. `prerelease` takes these too; `force` also what is no
    version.
    """

    range: Range
    level: Level = "major"
    prerelease: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class Sorted:
    """Tags in the order of their text or number, of which `extract` finds the part that counts in its one group.

    Of two the later in ascending order is the newer; `descending`: the earlier.
    """

    by: Literal["alphabetical", "numerical"]
    descending: bool = False
    extract: Regex | None = None


TagClause = Pattern | Semver | Sorted


def tag_mismatch(clause: TagClause, tag: str) -> str | None:
    """Why a clause doesn't take `tag`; None if it does."""
    match clause:
        case str():
            return None if matches(clause, tag) else f"{tag} does not match {clause}"
        case Regex():
            return None if matches(clause, tag) else f"{tag} does not match the regex {clause}"
        case Semver():
            return _no_version(clause, tag)
        case Sorted():
            return None if _sorted_key(clause, tag) is not None else f"{tag} has no {_part(clause)}"
        case _:
            assert_never(clause)


def _no_version(clause: Semver, tag: str) -> str | None:
    version = version_of(tag)
    if version is None:
        return None if clause.force else f"{tag} is no semantic version"
    if version.prerelease and not clause.prerelease:
        return f"{tag} is a prerelease"
    return None if version in clause.range else f"{tag} is not in {clause.range.text}"


def place_of(clause: TagClause | None, tag: str) -> Any:
    """What compares tags that a clause takes, the newer the greater; None for a tag that has no place.

    Where the clause says nothing of order, versions are compared.
    """
    return _sorted_key(clause, tag) if isinstance(clause, Sorted) else version_of(tag)


@lru_cache(maxsize=16_384)
def step_refused(clause: TagClause | None, new_tag: str, old_tag: str) -> str | None:
    """Why one tag may not follow another; None if it may, as any may that has no place."""
    new, old = place_of(clause, new_tag), place_of(clause, old_tag)
    if new is None or old is None:
        return None
    if new < old:
        return f"downgrade from {old_tag}"
    if isinstance(clause, Semver) and not _within(clause, new, old):
        return f"not a {clause.level} move from {old_tag}"
    return None


def _within(clause: Semver, new: Version, old: Version) -> bool:
    """Whether the step from one version to another is no larger than the clause lets through."""
    fixed = {"major": 0, "minor": 1, "patch": 2}[clause.level]
    return new.to_tuple()[:fixed] == old.to_tuple()[:fixed]


_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def _part(clause: Sorted) -> str:
    what = "number" if clause.by == "numerical" else "text"
    return f"{what} in {clause.extract}" if clause.extract else what


@lru_cache(maxsize=16_384)
def _sorted_key(clause: Sorted, tag: str) -> Any:
    text = _extracted(clause.extract, tag)
    if text is None or (clause.by == "numerical" and not _NUMBER.fullmatch(text)):
        return None
    key = Decimal(text) if clause.by == "numerical" else text
    return _Reversed(key) if clause.descending else key


def _extracted(extract: Regex | None, tag: str) -> str | None:
    if extract is None:
        return tag
    match = found(extract, tag)
    return match[1] if match else None


@total_ordering
@dataclass(frozen=True, slots=True)
class _Reversed:
    key: Any

    def __lt__(self, other: "_Reversed") -> bool:
        return bool(other.key < self.key)

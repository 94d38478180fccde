"""Semantic versions in tags, and ranges of them as npm and Flux write them."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from operator import eq, ge, gt, le, lt

from semver import Version

from app.domain.errors import TagtrailError

MOST_OF_A_RANGE = 500
"""Characters."""


class InvalidRangeError(TagtrailError, ValueError):
    """Not a range of versions; the text says where it breaks."""


@lru_cache(maxsize=16_384)
def version_of(tag: str) -> Version | None:
    """The version that a tag names: three numbers, with `v` before or not; `_` begins the build, as Helm writes `+`."""
    try:
        return Version.parse(tag.removeprefix("v").replace("_", "+", 1))
    except ValueError:
        return None


_COMPARE: dict[str, Callable[[Version, Version], bool]] = {">=": ge, ">": gt, "<=": le, "<": lt, "=": eq}


@dataclass(frozen=True, slots=True)
class Bound:
    """`<` excludes the prereleases of its version too: nobody takes 3.0.0-rc.1 for what is below 3."""

    sign: str
    version: Version

    def holds(self, version: Version) -> bool:
        if self.sign == "<" and not self.version.prerelease and version.finalize_version() == self.version:
            return False
        return _COMPARE[self.sign](version, self.version)


@dataclass(frozen=True, slots=True)
class Range:
    """`text` as it was written, and what it says: one of the alternatives holds, with all of its bounds."""

    text: str
    alternatives: tuple[tuple[Bound, ...], ...] = field(hash=False)

    @classmethod
    def parse(cls, text: str) -> "Range":
        """Raises InvalidRangeError."""
        if len(text) > MOST_OF_A_RANGE:
            raise InvalidRangeError(f"a range has at most {MOST_OF_A_RANGE} characters")
        return cls(text, tuple(_alternative(part.strip()) for part in text.split("||")))

    @property
    def names_prerelease(self) -> bool:
        return any(bound.version.prerelease for bounds in self.alternatives for bound in bounds)

    def __contains__(self, version: Version) -> bool:
        return any(all(bound.holds(version) for bound in bounds) for bounds in self.alternatives)


_PART = r"(?:0|[1-9][0-9]{0,17}|[xX*])"
_PARTIAL = rf"v?({_PART})(?:\.({_PART})(?:\.({_PART})(-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?)?)?"
_TERM = re.compile(rf"\s*(>=|<=|>|<|=|\^|~>?)?\s*{_PARTIAL}(?=[\s,]|$)[\s,]*")
_HYPHEN = re.compile(rf"({_PARTIAL})\s+-\s+({_PARTIAL})")


@dataclass(frozen=True, slots=True)
class _Partial:
    """A version of which the last numbers may not be said."""

    numbers: tuple[int, ...]
    prerelease: str | None

    @property
    def lowest(self) -> Version:
        major, minor, patch = (*self.numbers, 0, 0, 0)[:3]
        return Version(major, minor, patch, self.prerelease)

    def after(self, place: int) -> Version:
        """The lowest version that differs in the number at `place`, or before."""
        kept = (*self.numbers[:place], self.numbers[place] + 1, 0, 0)
        return Version(*kept[:3])


def _alternative(text: str) -> tuple[Bound, ...]:
    both = _HYPHEN.fullmatch(text)
    if both:
        return (*_bounds(">=", _partial(*both.groups()[1:5])), *_bounds("<=", _partial(*both.groups()[6:10])))
    bounds: list[Bound] = []
    at = 0
    while at < len(text):
        term = _TERM.match(text, at)
        if term is None:
            raise InvalidRangeError(f"not a range of versions: {text!r} breaks at {text[at:]!r}")
        bounds += _bounds(term[1] or "=", _partial(*term.groups()[1:]))
        at = term.end()
    return tuple(bounds)


def _partial(major: str, minor: str | None, patch: str | None, prerelease: str | None) -> _Partial:
    numbers: list[int] = []
    for part in (major, minor, patch):
        if part is None or not part.isdecimal():
            break
        numbers.append(int(part))
    given = prerelease[1:] if prerelease and len(numbers) == 3 else None
    try:
        Version(0, 0, 0, given)
        Version.parse(f"0.0.0-{given}" if given else "0.0.0")
    except ValueError:
        raise InvalidRangeError(f"not a range of versions: {given!r} is no prerelease") from None
    return _Partial(tuple(numbers), given)


def _bounds(sign: str, partial: _Partial) -> tuple[Bound, ...]:
    said = len(partial.numbers)
    from_lowest = Bound(">=", partial.lowest)
    if not said:
        if sign in "<>":
            raise InvalidRangeError(f"not a range of versions: nothing is {sign}*")
        return ()
    if sign == "^":
        return from_lowest, Bound("<", partial.after(_first_that_counts(partial.numbers)))
    if sign in ("~", "~>"):
        return from_lowest, Bound("<", partial.after(min(1, said - 1)))
    if said == 3:
        return (Bound(sign, partial.lowest),)
    beyond = partial.after(said - 1)
    return {
        "=": (from_lowest, Bound("<", beyond)),
        ">=": (from_lowest,),
        "<": (Bound("<", partial.lowest),),
        ">": (Bound(">=", beyond),),
        "<=": (Bound("<", beyond),),
    }[sign]


def _first_that_counts(numbers: tuple[int, ...]) -> int:
    """The place of the first number that is not 0, else of the last that is said."""
    return next((place for place, number in enumerate(numbers) if number), len(numbers) - 1)

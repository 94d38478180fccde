"""Conditions in the Common Expression Language over a change, checked before they are ever needed.

What they cost is bounded by their own text: CEL has no loops but its macros, of which one may stand here; data has no
lists; and `matches` takes time linear in what it looks at.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from app.domain.errors import TagtrailError
from app.domain.times import SECOND_NS
from app.domain.told import Told

if TYPE_CHECKING:
    from cel import Program

NAMES = (
    "kind", "registry", "repository", "tag", "before", "after", "actor", "origin", "provenance", "action",
    "media_type", "time",
)  # fmt: skip
"""What an expression may speak of, each a text or null; `time` is a timestamp."""
FUNCTIONS = frozenset({
    "size", "startsWith", "endsWith", "contains", "matches", "int", "uint", "double", "string", "timestamp", "duration",
    "getFullYear", "getMonth", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getHours", "getMinutes", "getSeconds",
})  # fmt: skip
VARYING = frozenset({"before", "after", "time"})
"""Those of which hardly two changes say the same."""
MOST_OF_A_CONDITION = 1000
"""Characters."""
_MACRO = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*([A-Za-z_]\w*)\s*,")
_TEXT = re.compile(r"[rR]?(\"\"\"[\s\S]*?\"\"\"|'''[\s\S]*?'''|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*')|//[^\n]*")


class InvalidConditionError(TagtrailError, ValueError):
    """An expression that can't be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Condition:
    """`source` with the names of NAMES that it uses."""

    source: str
    names: tuple[str, ...]

    @classmethod
    def parse(cls, source: str) -> "Condition":
        """Raises InvalidConditionError."""
        if len(source) > MOST_OF_A_CONDITION:
            raise InvalidConditionError(f"an expression has at most {MOST_OF_A_CONDITION} characters")
        try:
            used = _program(source).references()
        except ValueError as error:
            raise InvalidConditionError(f"not an expression of CEL: {_first_lines(error)}") from None
        bound = _MACRO.findall(_TEXT.sub("''", source))
        if len(bound) > 1:
            raise InvalidConditionError("an expression has at most one of all, exists, exists_one, filter and map")
        _known("name", NAMES, set(used["variables"]) - set(bound))
        _known("function", FUNCTIONS, {name for name in used["functions"] if name.isidentifier() and name[0] != "_"})
        condition = cls(source, tuple(name for name in NAMES if name in used["variables"]))
        condition.try_out()
        return condition

    def try_out(self) -> None:
        """Raises InvalidConditionError where no change could ever hold, or where the answer is not yes or no."""
        said = [self.mismatch(one) for one in _SAMPLES]
        failed = [one for one in said if one is not None and one.startswith(_FAILED)]
        if len(failed) == len(said):
            raise InvalidConditionError(failed[0].removeprefix(_FAILED))

    def mismatch(self, told: Told) -> str | None:
        """Why it does not hold; None if it does. One that can't be worked out for this change does not."""
        values = [_time(told) if name == "time" else getattr(told, name) for name in self.names]
        return _mismatch(self.source, self.names, tuple(values))


_FAILED = "it can't be worked out: "


@lru_cache(maxsize=32_768)
def _mismatch(source: str, names: tuple[str, ...], values: tuple[Any, ...]) -> str | None:
    """Remembered, for the same few values come again and again, and `matches` compiles its pattern each time."""
    try:
        answer = _program(source).execute(dict(zip(names, values, strict=True)))
    except Exception as error:  # noqa: BLE001 - whatever the library raises for one change is about that change
        return f"{_FAILED}{_first_lines(error)}"
    if not isinstance(answer, bool):
        return f"{_FAILED}{source} is {type(answer).__name__}, not true or false"
    return None if answer else f"{source} is false"


def _time(told: Told) -> datetime:
    return datetime.fromtimestamp(told.time_ns // SECOND_NS, UTC)


@lru_cache(maxsize=1024)
def _program(source: str) -> "Program":
    """Raises ValueError. The library brings a command line of its own: who has no expression does not load it."""
    import cel

    return cel.compile(source)


def _known(what: str, known: Collection[str], used: set[str]) -> None:
    for name in sorted(used - set(known)):
        raise InvalidConditionError(f"no {what} {name!r}; there are {', '.join(sorted(known))}")


def _first_lines(error: Exception) -> str:
    """What an error of the library says, without its advice on Python."""
    text = " ".join(str(error).split())
    return text.partition(". Check")[0][:300]


_ONE = Told(
    "id", "moved", "registry.example", "shop/web", "v1.2.3", "sha256:00", "sha256:11", "alice", "prod",
    1_700_000_000 * SECOND_NS, "rule", "event", None, "application/vnd.oci.image.index.v1+json", action="push",
)  # fmt: skip
_SAMPLES = (
    _ONE,
    replace(_ONE, kind="created", tag="stable", actor=None, media_type=None),
    replace(_ONE, kind="pulled", tag="7", before="unknown", action=None),
)
"""Of every sort, so that something can be worked out of at least one."""

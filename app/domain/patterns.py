"""Patterns over names: globs, and regular expressions whose time is linear in the text, whoever wrote it (RE2)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import re2

from app.domain.errors import TagtrailError

MOST_OF_A_PATTERN = 1000
"""Characters of a regular expression."""


class InvalidPatternError(TagtrailError, ValueError):
    """Not a regular expression; the text says why."""


@dataclass(frozen=True, slots=True)
class Regex:
    """A regular expression in RE2's syntax (no look-around, no back references) that has to match a whole text."""

    source: str

    @classmethod
    def parse(cls, source: str) -> "Regex":
        """Raises InvalidPatternError."""
        if len(source) > MOST_OF_A_PATTERN:
            raise InvalidPatternError(f"a regular expression has at most {MOST_OF_A_PATTERN} characters")
        try:
            _regex(source)
        except re2.error as error:
            raise InvalidPatternError(f"not a regular expression: {_said(error)}") from None
        except UnicodeEncodeError:
            raise InvalidPatternError("not a regular expression: it is no text") from None
        return cls(source)

    @property
    def groups(self) -> int:
        return int(_regex(self.source).groups)

    def __str__(self) -> str:
        return self.source


Pattern = str | Regex
"""A glob, or a regular expression."""


@lru_cache(maxsize=16_384)
def matches(pattern: Pattern, text: str) -> bool:
    """The same few names come again and again, and RE2 is dear to call from Python."""
    return glob_matches(pattern, text) if isinstance(pattern, str) else found(pattern, text) is not None


def found(regex: Regex, text: str) -> Any:
    """The match of a whole text, or None."""
    return _regex(regex.source).fullmatch(text)


def named_groups(pattern: object, text: str | None) -> Mapping[str, str]:
    """What the named groups of a regular expression hold; nothing for whatever else."""
    match = found(pattern, text) if isinstance(pattern, Regex) and text is not None else None
    return {name: held for name, held in match.groupdict().items() if held is not None} if match else {}


def glob_matches(pattern: str, text: str) -> bool:
    """`*` stays within a path component, `**` crosses, `?` is one character."""
    return _glob(pattern).fullmatch(text) is not None


def glob_expression(pattern: str) -> str:
    """A regular expression for the whole text, as both Python and PostgreSQL (ARE) read it."""
    return rf"(?s)\A{_body(pattern)}\Z"


def _body(pattern: str) -> str:
    parts = re.split(r"(\*\*|\*|\?)", pattern)
    known = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(known.get(part, re.escape(part)) for part in parts)


def _quiet() -> Any:
    options = re2.Options()
    options.log_errors = False
    return options


@lru_cache(maxsize=4096)
def _regex(source: str) -> Any:
    return re2.compile(source, _quiet())


@lru_cache(maxsize=4096)
def _glob(pattern: str) -> Any:
    return re2.compile(f"(?s){_body(pattern)}", _quiet())


def _said(error: Exception) -> str:
    said = error.args[0] if error.args else b""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)

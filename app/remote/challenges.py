"""What a registry wants to see: the challenges of WWW-Authenticate (RFC 9110 §11.6.1). Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(rf'({_WORD})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|({_WORD}))', re.DOTALL)
_SCHEME = re.compile(rf"({_WORD})(?:[ \t]+|(?=,)|$)")
_BASE64_WORD = re.compile(r"[A-Za-z0-9._~+/-]+=*[ \t]*(?=,|$)")
_BETWEEN = re.compile(r"[ \t,]*")


@dataclass(frozen=True, slots=True)
class Challenge:
    """`scheme` and the names of `parameters` are in lower case."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def parse(lines: Iterable[str]) -> list[Challenge]:
    """The challenges of all header lines in their order; a line is read as far as it can be."""
    return [challenge for line in lines for challenge in _challenges(line)]


def _challenges(line: str) -> Iterator[Challenge]:
    at = _skip(line, 0)
    while match := _SCHEME.match(line, at):
        parameters, at = _parameters(line, _skip(line, match.end()))
        yield Challenge(match[1].lower(), parameters)


def _parameters(line: str, at: int) -> tuple[dict[str, str], int]:
    """What follows a scheme: parameters, or one token in base64, which none of those that we answer has."""
    found: dict[str, str] = {}
    while match := _PARAMETER.match(line, at):
        quoted, plain = match[2], match[3]
        value = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)
        found.setdefault(match[1].lower(), value)
        at = _skip(line, match.end())
    if not found and not _SCHEME.match(line, at) and (token := _BASE64_WORD.match(line, at)):
        at = _skip(line, token.end())
    return found, at


def _skip(line: str, at: int) -> int:
    match = _BETWEEN.match(line, at)
    return match.end() if match else at

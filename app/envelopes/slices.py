"""The exact text of each member of a JSON array, found without writing anything anew."""

import json
import re
from json import JSONDecodeError

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


class NotAnEnvelopeError(ValueError):
    """The body is JSON, but not an object that has the array."""


def members(text: str, name: str) -> list[tuple[str, object]]:
    """(source text, value) of each member of the array under the key `name` of the object `text`.

    Raises JSONDecodeError for text that is not JSON, RecursionError or ValueError where it is nested too deep or has a
    number too long to be read, NotAnEnvelopeError where there is no such array.
    """
    at = _skip(text, 0)
    if text[at : at + 1] != "{":
        _DECODER.decode(text)
        raise NotAnEnvelopeError("the body is not a JSON object")
    found: list[tuple[str, object]] | None = None
    at = _skip(text, at + 1)
    if text[at : at + 1] == "}":
        at += 1
    else:
        at, found = _object_members(text, at, name)
    if _skip(text, at) != len(text):
        raise JSONDecodeError("Extra data", text, at)
    if found is None:
        raise NotAnEnvelopeError(f"the body has no array {name!r}")
    return found


def elements(text: str) -> list[tuple[str, object]]:
    """(source text, value) of each element of the array that `text` is. Raises as `members` does."""
    at = _skip(text, 0)
    if text[at : at + 1] != "[":
        _DECODER.decode(text)
        raise NotAnEnvelopeError("the body is not a JSON array")
    at, found = _array_members(text, at)
    if _skip(text, at) != len(text):
        raise JSONDecodeError("Extra data", text, at)
    return found


def _object_members(text: str, at: int, name: str) -> tuple[int, list[tuple[str, object]] | None]:
    found: list[tuple[str, object]] | None = None
    while True:
        if text[at : at + 1] != '"':
            raise JSONDecodeError("Expecting property name enclosed in double quotes", text, at)
        key, at = _DECODER.raw_decode(text, at)
        at = _expect(text, _skip(text, at), ":")
        if key == name and text[at : at + 1] == "[":
            at, found = _array_members(text, at)
        else:
            _, at = _value(text, at)
            found = None if key == name else found
        at = _skip(text, at)
        if text[at : at + 1] == "}":
            return at + 1, found
        at = _expect(text, at, ",")


def _array_members(text: str, at: int) -> tuple[int, list[tuple[str, object]]]:
    found: list[tuple[str, object]] = []
    at = _skip(text, at + 1)
    if text[at : at + 1] == "]":
        return at + 1, found
    while True:
        value, end = _value(text, at)
        found.append((text[at:end], value))
        at = _skip(text, end)
        if text[at : at + 1] == "]":
            return at + 1, found
        at = _expect(text, at, ",")


def _value(text: str, at: int) -> tuple[object, int]:
    return _DECODER.raw_decode(text, at)


def _expect(text: str, at: int, mark: str) -> int:
    if text[at : at + 1] != mark:
        raise JSONDecodeError(f"Expecting {mark!r} delimiter", text, at)
    return _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at

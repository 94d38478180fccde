"""Values as text that others read: a JSON array, JSON Lines (one object a line), or CSV; as lazily as they come.

CSV is RFC 4180 in UTF-8 with a line of names; every cell is quoted. A member of a nested object is a column
`object.member`, a list is JSON in its cell, and what is not known is an empty cell. Control characters are written as
`\\uXXXX`, so that each value is one line, and a text that a spreadsheet would take for a formula gets an apostrophe
in front. JSON has the exact values.
"""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, Literal, get_args, get_type_hints

from app.domain.plain import plain, plain_name
from app.domain.text import printable

Form = Literal["json", "jsonl", "csv"]
MEDIA_TYPES: Mapping[str, str] = {
    "json": "application/json", "jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8; header=present",
}
CHUNK = 1 << 16
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


def written(form: Form, line: type, values: Iterable[Any]) -> Iterator[bytes]:
    """`values`, which are all of the dataclass `line`, in pieces of about CHUNK bytes; the first comes soon."""
    return _pieces(_FORMS[form](line, values))


def _pieces(texts: Iterable[str]) -> Iterator[bytes]:
    held: list[str] = []
    length = 0
    for text in texts:
        held.append(text)
        length += len(text)
        if length >= CHUNK:
            yield "".join(held).encode()
            held, length = [], 0
    yield "".join(held).encode()


def _json(_line: type, values: Iterable[Any]) -> Iterator[str]:
    before = "["
    for value in values:
        yield f"{before}\n{json.dumps(plain(value))}"
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def _jsonl(_line: type, values: Iterable[Any]) -> Iterator[str]:
    return (f"{json.dumps(plain(value))}\n" for value in values)


class _Passed:
    """A file for `csv.writer` whose `writerow` returns what it would have written."""

    def write(self, text: str) -> str:
        return text


def _csv(line: type, values: Iterable[Any]) -> Iterator[str]:
    names = list(columns(line))
    paths = [name.split(".") for name in names]
    row: Callable[[Iterable[str]], str] = csv.writer(_Passed(), quoting=csv.QUOTE_ALL).writerow
    yield row(names)
    for value in values:
        shown = plain(value)
        yield row(_cell(_member(shown, path)) for path in paths)


def columns(line: type, prefix: str = "") -> Iterator[str]:
    """Names of the columns that hold a `line`."""
    hints = get_type_hints(line)
    for field in fields(line):
        name = f"{prefix}{plain_name(field.name)}"
        nested = _nested(hints[field.name])
        if nested is None:
            yield name
        else:
            yield from columns(nested, f"{name}.")


def _nested(hint: Any) -> type | None:
    choices = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    return next((choice for choice in choices if isinstance(choice, type) and is_dataclass(choice)), None)


def _member(shown: Any, path: Iterable[str]) -> Any:
    for name in path:
        shown = None if shown is None else shown[name]
    return shown


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        return json.dumps(value)
    return f"'{printable(value)}" if value.startswith(_FORMULA) else printable(value)


_FORMS: Mapping[str, Callable[[type, Iterable[Any]], Iterator[str]]] = {"json": _json, "jsonl": _jsonl, "csv": _csv}

"""The JSON form of values, the same for every door through which they leave."""

from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

from app.domain.times import rfc3339

_AS_THEY_ARE = (str, int)
_MOMENT = "_ns"
_SPANS = ("duration_ns", "lag_ns", "ahead_ns")


def plain(value: Any) -> Any:
    """`value` as objects, arrays, texts, numbers, booleans and null.

    A field `NAME_ns` that is a moment becomes `NAME`, in RFC 3339 with nine digits; one that is a span keeps name and
    number. Bytes become text; what of them is not UTF-8 is written as `\\xNN`.
    """
    if value is None or isinstance(value, _AS_THEY_ARE):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        members = ((shown, is_moment, getattr(value, name)) for name, shown, is_moment in _members(type(value)))
        return {shown: _moment(one) if is_moment else plain(one) for shown, is_moment, one in members}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return value


@cache
def _members(kind: type) -> tuple[tuple[str, str, bool], ...]:
    """Of each field: its name, what it is called outside, and whether it is a moment."""
    names = ((field.name, plain_name(field.name)) for field in fields(kind))
    return tuple((name, shown, shown != name) for name, shown in names)


def _moment(value: int | None) -> str | None:
    return None if value is None else rfc3339(value)


def plain_name(name: str) -> str:
    """What a field is called outside: of moments the unit is left out."""
    return name if name in _SPANS else name.removesuffix(_MOMENT)

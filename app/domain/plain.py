"""The JSON form of values, the same for every door through which they leave."""

from dataclasses import fields, is_dataclass
from typing import Any

from app.domain.times import rfc3339

_MOMENT = "_ns"
_SPANS = ("duration_ns", "lag_ns", "ahead_ns")


def plain(value: Any) -> Any:
    """`value` as objects, arrays, texts, numbers, booleans and null.

    A field `NAME_ns` that is a moment becomes `NAME`, in RFC 3339 with nine digits; one that is a span keeps name and
    number. Bytes become text; what of them is not UTF-8 is written as `\\xNN`.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return dict(_member(field.name, getattr(value, field.name)) for field in fields(value))
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return value


def _member(name: str, value: Any) -> tuple[str, Any]:
    shown = plain_name(name)
    if shown != name:
        return shown, None if value is None else rfc3339(value)
    return name, plain(value)


def plain_name(name: str) -> str:
    """What a field is called outside: of moments the unit is left out."""
    return name if name in _SPANS else name.removesuffix(_MOMENT)

"""Values as distribution's configuration writes them."""

import ipaddress
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from app.domain.times import parse_duration


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return text


def _network(text: str) -> str:
    return str(ipaddress.ip_network(text, strict=False))


def listed(given: object) -> object:
    """One value is a list of one, as distribution's decoder of headers takes it."""
    return [given] if isinstance(given, str) else given


def _span(given: object) -> object:
    """A bare number is nanoseconds, also as a text. Go knows signs, and what is below zero is here zero."""
    text = str(given)
    unsigned = text[1:] if text[:1] in ("+", "-") else text
    span_ns = parse_duration(int(unsigned) if unsigned.isdecimal() else unsigned)
    return 0 if text.startswith("-") else span_ns


def _lowered(given: object) -> object:
    return given.lower() if isinstance(given, str) else given


Idle = Any
Duration = Annotated[int, BeforeValidator(_span)]
"""Nanoseconds."""
Pattern = Annotated[str, AfterValidator(_pattern)]
Network = Annotated[str, AfterValidator(_network)]
Positive = Annotated[Duration, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Listed = BeforeValidator(listed)
InAnyCase = BeforeValidator(_lowered)
"""Of a word that distribution also takes in capitals; its own example has `platforms: List`."""

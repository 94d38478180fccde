"""Senders that speak no dialect of ours: the origin's configuration says where the fields stand, in JMESPath."""

from dataclasses import dataclass
from functools import lru_cache

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult

from app.domain.events import Report, Scope
from app.domain.origins import Expressions
from app.domain.times import SECOND_NS, parse_rfc3339
from app.envelopes.reading import Reading, Received
from app.envelopes.wire import FaultError, Said, check_copies, placed, report, value_of
from app.envelopes.words import word

_MILLISECONDS_FROM = 10**11
"""A number from here on counts milliseconds: as seconds it would be past the year 5000."""
_UNFIT = (JMESPathError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What evaluating an expression may raise, which depends on the value it is given."""


@dataclass(frozen=True, slots=True)
class _Source:
    """One event's value, and the expressions that are asked of it."""

    value: object
    expressions: Expressions

    def text(self, name: str) -> str | None:
        """The field as the sender wrote it. A number is none: 1.10 would become 1.1. Raises FaultError."""
        found = self.found(name)
        if found is None or isinstance(found, str):
            return found
        raise FaultError(f"{name}: is not text")

    def found(self, name: str) -> object:
        expression = getattr(self.expressions, name)
        return _ask(name, expression, self.value) if expression else None


def read(received: Received, expressions: Expressions | None) -> Reading:
    """The events that could be read, and a line for each that couldn't."""
    if expressions is None:
        return Reading(faults=("the origin has no mapping:",))
    try:
        values = _events(value_of(received.body), expressions.events)
        check_copies(received.body, len(values))
    except FaultError as error:
        return Reading(faults=(str(error),))
    reports, faults = [], []
    for ordinal, value in enumerate(values):
        try:
            place = ordinal if len(values) > 1 else None
            reports.append(_report(received.body, _Source(value, expressions), place))
        except FaultError as error:
            faults.append(f"event {ordinal}: {error}")
    return Reading(tuple(reports), tuple(faults))


def _events(value: object, expression: str | None) -> list[object]:
    if expression is None:
        return [value]
    found = _ask("events", expression, value)
    if not isinstance(found, list) or not found:
        raise FaultError(f"events: {expression!r} finds no list of events")
    return found


def _report(raw: bytes, source: _Source, ordinal: int | None) -> Report:
    told = source.text("action")
    if not told:
        raise FaultError("action: is missing")
    action = dict(source.expressions.actions).get(told) or word(told)
    tag = source.text("tag")
    said = Said(
        action=action,
        repository=source.text("repository"),
        tag=tag,
        digest=source.text("digest"),
        deletes=Scope.TAG if tag else Scope.MANIFEST,
        id=_identity(source.found("id")),
        ordinal=ordinal,
        time_ns=_moment(source.found("time")),
        host=source.text("host"),
        media_type=source.text("media_type"),
        actor=source.text("actor"),
    )
    return report(raw, placed(said))


def _identity(found: object) -> str | None:
    if found is None or isinstance(found, str):
        return found
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    raise FaultError("id: is neither text nor a whole number")


def _moment(found: object) -> int | None:
    """Nanoseconds of RFC 3339, or of seconds or milliseconds since 1970; None where there is no moment."""
    if isinstance(found, str):
        return parse_rfc3339(found)
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found < 10**15:
        return None
    return round(found * (SECOND_NS // 1000 if found >= _MILLISECONDS_FROM else SECOND_NS))


def _ask(name: str, expression: str, value: object) -> object:
    try:
        found: object = _compiled(expression).search(value)
        return found
    except _UNFIT as error:
        raise FaultError(f"{name}: {str(error).partition(chr(10))[0][:200]}") from None


@lru_cache(maxsize=1024)
def _compiled(expression: str) -> ParsedResult:
    return jmespath.compile(expression)

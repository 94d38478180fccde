"""Which numbers of the journals of registries like ours were told, as spans that never touch each other."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

from sqlalchemy import Connection, delete, insert, select

from app.store.schema import heard


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """after < n <= upto."""

    origin: str
    journal: str
    after: int
    upto: int


def add(connection: Connection, spans: Iterable[Span]) -> None:
    """Under the lock of `head`: note what was told, in any order and any number of times."""
    for span in _joined(spans):
        _add(connection, span)


def _joined(spans: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for span in sorted(spans):
        last = joined[-1] if joined else None
        if last is not None and (last.origin, last.journal) == (span.origin, span.journal) and span.after <= last.upto:
            joined[-1] = replace(last, upto=max(last.upto, span.upto))
        else:
            joined.append(span)
    return joined


def _add(connection: Connection, span: Span) -> None:
    touching = (
        heard.c.origin == span.origin,
        heard.c.journal == span.journal,
        heard.c.after <= span.upto,
        heard.c.upto >= span.after,
    )
    found = [Span(*row) for row in connection.execute(select(heard).where(*touching))]
    if any(one.after <= span.after and span.upto <= one.upto for one in found):
        return
    connection.execute(delete(heard).where(*touching))
    after, upto = min(one.after for one in (span, *found)), max(one.upto for one in (span, *found))
    connection.execute(insert(heard).values(origin=span.origin, journal=span.journal, after=after, upto=upto))


def gaps(connection: Connection, origin: str | None = None) -> list[Span]:
    """What was never told between numbers that were, of one origin or all."""
    query = select(heard).order_by(heard.c.origin, heard.c.journal, heard.c.after)
    if origin is not None:
        query = query.where(heard.c.origin == origin)
    spans = [Span(*row) for row in connection.execute(query)]
    return [
        Span(one.origin, one.journal, one.upto, other.after)
        for one, other in pairwise(spans)
        if (one.origin, one.journal) == (other.origin, other.journal)
    ]

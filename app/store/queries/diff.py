"""What changed between two moments: of each tag where it pointed then and now, if that differs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, exists, func, select, tuple_

from app.domain.access import AccessScope
from app.domain.changes import UNKNOWN, Change
from app.store.queries import known
from app.store.queries.changes import IS_LINE, KEY, ORDER, same_tag
from app.store.queries.conditions import fetch_told, named, storable_ns
from app.store.queries.known import KnownTag, Names
from app.store.queries.paging import AnyRow, Page, Paging, newest
from app.store.schema import changes


@dataclass(frozen=True, slots=True)
class DiffFilter:
    """None means any; `repository` and `tag` may be patterns. Both moments are part of what they end.

    `known_ns`: only what had been received by then counts.
    """

    since_ns: int
    until_ns: int
    registry: str | None = None
    repository: str | None = None
    tag: str | None = None
    known_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """`before` is where the tag pointed at the first moment, `after` at the second: a digest, `absent` or `unknown`.

    The last of the changes in between happened at `time_ns`; `actor`, `origin` and `change_id` are that one's.
    """

    registry: str
    repository: str
    tag: str
    before: str
    after: str
    time_ns: int
    actor: str | None
    origin: str
    change_id: str


def page(connection: Connection, scope: AccessScope, asked: DiffFilter, paging: Paging) -> Page[Difference]:
    """The tag that changed last first. Raises CursorError."""
    if asked.known_ns is not None:
        return _known_page(connection, scope, asked, paging)
    since_ns, until_ns = storable_ns(asked.since_ns), storable_ns(asked.until_ns)
    then, later = changes.alias("then"), changes.alias("later")
    before = (
        select(then.c.after)
        .where(same_tag(then, changes), then.c.kind != "void", then.c.time_ns <= since_ns)
        .order_by(*(then.c[column.name].desc() for column in ORDER))
        .limit(1)
        .scalar_subquery()
    )
    outdone = exists().where(
        same_tag(later, changes),
        later.c.kind != "void",
        later.c.time_ns >= changes.c.time_ns,
        later.c.time_ns <= until_ns,
        tuple_(*(later.c[column.name] for column in ORDER)) > tuple_(*ORDER),
    )
    query = select(changes, func.coalesce(before, UNKNOWN).label("then")).where(
        *named(changes.c.tag, asked.tag),
        and_(IS_LINE, changes.c.time_ns > since_ns, changes.c.time_ns <= until_ns),
        ~outdone,
        func.coalesce(before, UNKNOWN) != changes.c.after,
    )
    return fetch_told(connection, scope, query, (asked, KEY, paging), _difference)


def _difference(row: AnyRow) -> Difference:
    key = (row.registry, row.repository, row.tag)
    return Difference(*key, row.then, row.after, row.time_ns, row.actor, row.origin, row.id)


def _known_page(connection: Connection, scope: AccessScope, asked: DiffFilter, paging: Paging) -> Page[Difference]:
    names = Names(asked.registry, asked.repository, asked.tag)
    return newest(_differing(known.every_tag(connection, scope, names, asked.known_ns or 0), asked), (KEY, paging))


def _differing(tags: Iterator[KnownTag], asked: DiffFilter) -> Iterator[tuple[tuple[Any, ...], Difference]]:
    for tag in tags:
        then, now = tag.at(asked.since_ns), tag.at(asked.until_ns)
        before = UNKNOWN if then is None else then.after
        if now is not None and now.after != before and now.order.time_ns > asked.since_ns:
            order = now.order
            yield (order.time_ns, order.sequence, order.event_id, order.origin, now.id), _known_difference(before, now)


def _known_difference(before: str, now: Change) -> Difference:
    key, order = now.key, now.order
    name = (key.registry, key.repository, key.tag)
    return Difference(*name, before, now.after, order.time_ns, now.actor, order.origin, now.id)

"""What changed between two moments: of each tag where it pointed then and now, if that differs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Select, and_, exists, func, select, true, tuple_

from app.domain.access import AccessScope
from app.domain.changes import UNKNOWN
from app.store.queries import known
from app.store.queries.changes import IS_LINE, KEY, ORDER, same_tag
from app.store.queries.conditions import fetch_told, storable_ns
from app.store.queries.history import order
from app.store.queries.known import Known, Names
from app.store.queries.paging import AnyRow, Keyed, Page, Paging, merged
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
    if asked.known_ns is None:
        return fetch_told(connection, scope, _query(asked, _any), (asked, KEY, paging), _difference)
    names = Names(asked.registry, asked.repository, asked.tag)
    told, dialect = known.of_names(connection, scope, names, asked.known_ns), connection.dialect.name
    query = _query(asked, lambda table: told.written(dialect, table)).where(told.apart(dialect, changes))
    found = fetch_told(connection, scope, query, (asked, KEY, paging), lambda row: (KEY.of(row), _difference(row)))
    return merged(found, _differing(connection, told, asked), (KEY, paging))


def _any(_table: FromClause) -> ColumnElement[bool]:
    return true()


def _query(asked: DiffFilter, counts: Callable[[FromClause], ColumnElement[bool]]) -> Select[Any]:
    """The last change of each tag in between that left it elsewhere, of those that count."""
    since_ns, until_ns = storable_ns(asked.since_ns), storable_ns(asked.until_ns)
    then, later = changes.alias("then"), changes.alias("later")
    before = (
        select(then.c.after)
        .where(same_tag(then, changes), then.c.kind != "void", then.c.time_ns <= since_ns, counts(then))
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
        counts(later),
    )
    return select(changes, func.coalesce(before, UNKNOWN).label("then")).where(
        and_(IS_LINE, changes.c.time_ns > since_ns, changes.c.time_ns <= until_ns, counts(changes)),
        ~outdone,
        func.coalesce(before, UNKNOWN) != changes.c.after,
    )


def _difference(row: AnyRow) -> Difference:
    key = (row.registry, row.repository, row.tag)
    return Difference(*key, row.then, row.after, row.time_ns, row.actor, row.origin, row.id)


def _differing(connection: Connection, told: Known, asked: DiffFilter) -> Iterator[Keyed[Difference]]:
    """Of the folded tags those that differ."""
    for key in told.folded:
        then, now = told.at(connection, key, asked.since_ns), told.at(connection, key, asked.until_ns)
        before = UNKNOWN if then is None else then.after
        if now is not None and now.after != before and now.order.time_ns > asked.since_ns:
            name = (key.registry, key.repository, key.tag)
            found = Difference(
                *name, before, now.after, now.order.time_ns, now.actor, now.order.origin, now.id
            )
            yield order(now), found

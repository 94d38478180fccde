"""What tags pointed to at a moment, since and until when, and who did that: as known now, or as known then."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, ScalarSelect, Select, and_, func, select, true

from app.domain.access import AccessScope
from app.domain.changes import TagKey
from app.domain.events import Scope
from app.store.dialect import given_rows, listed, one_of
from app.store.events import ALWAYS_NS
from app.store.queries import known
from app.store.queries.changes import IS_LINE, ORDER, ChangeLine, Moment, line, moment, same_tag
from app.store.queries.changes import at as stored_at
from app.store.queries.conditions import equal, in_repository, in_scope, latest, named, storable_ns
from app.store.queries.known import COLUMNS, Known, as_known
from app.store.queries.paging import AnyRow, Key, Page, Paging, fetch
from app.store.schema import changes, events, repositories, tags

KEY = Key((tags.c.registry, tags.c.repository, tags.c.tag), newest_first=False)


@dataclass(frozen=True, slots=True)
class MomentFilter:
    """None means any; `repository` and `tag` may be patterns. `known_ns`: only what was received by then counts."""

    at_ns: int
    registry: str | None = None
    repository: str | None = None
    tag: str | None = None
    known_ns: int | None = None


def page(connection: Connection, scope: AccessScope, asked: MomentFilter, paging: Paging) -> Page[Moment]:
    """Every tag that has a history, by name. Raises CursorError."""
    key, query = KEY, select(*KEY.columns)
    if asked.known_ns is not None:
        key, query = _told(connection.dialect.name, asked.known_ns)
    table = key.columns[0].table
    query = query.where(
        *in_scope(table, scope),
        *in_repository(connection, table, asked.registry, asked.repository),
        *named(key.columns[2], asked.tag),
    )
    found = fetch(connection, query, key, paging, lambda row: TagKey(*row))
    return Page(tuple(_moments(connection, found.items, asked)), found.next)


_NAMES = (events.c.registry, events.c.repository, events.c.tag)


def _told(dialect: str, known_ns: int) -> tuple[Key, Select[Any]]:
    """The tags of which anything had been told by name, which later news may have made never to have been.

    SQLite goes from one repository to the next, and stops at the end of a page: by the names in events alone it sorts
    all that a pattern's repositories were told. That they are no bare columns keeps it from going the other way.
    PostgreSQL would sort all that a repository was told.
    """
    if dialect == "postgresql":
        return Key(_NAMES, newest_first=False), select(*_NAMES).where(*_told_by(known_ns)).distinct()
    place = (repositories.c.registry, repositories.c.repository)
    there = (events.c[column.name] == column.concat("") for column in place)
    query = select(*place, events.c.tag).where(*there, *_told_by(known_ns)).distinct()
    return Key((*place, events.c.tag), newest_first=False), query


def _told_by(known_ns: int) -> tuple[ColumnElement[bool], ...]:
    return events.c.scope.is_not(None), events.c.tag.is_not(None), events.c.received_ns <= storable_ns(known_ns)


def one(connection: Connection, scope: AccessScope, key: TagKey, asked: MomentFilter) -> Moment | None:
    """The moment of one tag, whatever its names look like; None if it has no history, or none that may be seen."""
    if asked.known_ns is None:
        return stored_at(connection, scope, key, asked.at_ns)
    if not scope.allows(key.registry, key.repository):
        return None
    named_so = equal(events, key, ("registry", "repository", "tag"))
    told = select(*_NAMES).where(*_told_by(asked.known_ns), *named_so).limit(1)
    keys = [TagKey(*row) for row in connection.execute(told)]
    return next(iter(_moments(connection, keys, asked)), None)


def of_keys(
    connection: Connection, scope: AccessScope, keys: Iterable[TagKey], asked: MomentFilter
) -> list[Moment]:
    """Those of `keys` that may be seen, by name."""
    return _moments(connection, [key for key in keys if scope.allows(key.registry, key.repository)], asked)


def _moments(connection: Connection, keys: Sequence[TagKey], asked: MomentFilter) -> list[Moment]:
    """Of those tags that had a history, in the order of their keys."""
    if not keys:
        return []
    at_ns, dialect = storable_ns(asked.at_ns), connection.dialect.name
    names = [(key.registry, key.repository, key.tag) for key in keys]
    told = None if asked.known_ns is None else known.of_keys(connection, keys, asked.known_ns)
    place = given_rows(dialect, [column.name for column in KEY.columns], names).subquery("place")
    columns = _columns(dialect, place, (at_ns, told))
    found = connection.execute(select(*place.c, *columns).order_by(*place.c)).all()
    began = _lines(connection, [row.began for row in found if row.began is not None], told)
    made = (_moment(connection, (TagKey(*row[:3]), at_ns), (row, began.get(row.began)), told) for row in found)
    return [one for one in made if one.change is not None or one.until_ns is not None]


def _columns(dialect: str, place: FromClause, when: tuple[int, Known | None]) -> list[ColumnElement[Any]]:
    """Of each tag: the line that began what it was, when that ended, and how many digests the last news told of."""
    at_ns, told = when
    newest_first = [column.desc() for column in ORDER]
    on_tag = and_(same_tag(changes, place), IS_LINE, true() if told is None else told.written(dialect, changes))
    began = select(changes.c.id).where(on_tag, changes.c.time_ns <= at_ns).order_by(*newest_first).limit(1)
    ended = select(changes.c.time_ns).where(on_tag, changes.c.time_ns > at_ns).order_by(changes.c.time_ns).limit(1)
    received_ns = ALWAYS_NS if told is None else told.at_ns
    news_ns = _news_ns(place, at_ns, received_ns)
    digests = select(func.count(events.c.digest.distinct())).where(
        same_tag(events, place), _names_tag(events, received_ns), events.c.time_ns == news_ns, events.c.sequence == 0
    )
    return [
        began.scalar_subquery().label("began"),
        ended.scalar_subquery().label("ended_ns"),
        news_ns.label("news_ns"),
        digests.scalar_subquery().label("digests"),
    ]


def _names_tag(table: FromClause, received_ns: int) -> ColumnElement[bool]:
    return and_(table.c.scope == Scope.TAG.value, table.c.received_ns <= received_ns)


def _news_ns(place: FromClause, at_ns: int, received_ns: int) -> ScalarSelect[Any]:
    """The last instant by then of which anything was told of the tag by name."""
    news = events.alias("news")
    in_time = news.c.time_ns <= min(at_ns, latest(received_ns))
    told = select(news.c.time_ns).where(same_tag(news, place), _names_tag(news, received_ns), in_time)
    return told.order_by(news.c.time_ns.desc()).limit(1).correlate(place).scalar_subquery()


def _lines(connection: Connection, ids: list[str], told: Known | None) -> dict[str | None, ChangeLine]:
    if not ids:
        return {}
    dialect = connection.dialect.name
    query = COLUMNS.where(one_of(dialect, changes.c.id, "ids"))
    found = connection.execute(query, {"ids": listed(dialect, ids)}).all()
    return {row.id: line(row) if told is None else as_known(connection, row, told) for row in found}


def _moment(
    connection: Connection, when: tuple[TagKey, int], found: tuple[AnyRow, ChangeLine | None], told: Known | None
) -> Moment:
    (key, at_ns), (row, change), ended_ns = when, found, found[0].ended_ns
    if told is not None and key in told.folded:
        made = told.at(connection, key, at_ns)
        change = known.change_lines(connection, [made])[0] if made else None
        ended_ns = told.after(key, at_ns) if ended_ns is None else ended_ns
    ambiguous = change is not None and row.news_ns is not None and change.time_ns <= row.news_ns and row.digests > 1
    return moment(key, at_ns, ended_ns, change, ambiguous=ambiguous)

"""What tags pointed to at a moment, since and until when, and who did that: as known now, or as known then."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, ScalarSelect, Select, and_, func, select

from app.domain.access import AccessScope
from app.domain.changes import TagKey
from app.domain.events import Scope
from app.store.dialect import listed, one_of
from app.store.queries import known
from app.store.queries.changes import IS_LINE, LINES, ORDER, ChangeLine, Moment, line, moment, same_tag
from app.store.queries.changes import at as stored_at
from app.store.queries.conditions import in_repository, in_scope, named, storable_ns
from app.store.queries.known import KnownTag, Names
from app.store.queries.paging import AnyRow, Key, Page, Paging, decode, encode, fetch
from app.store.schema import changes, events, tags

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
    if asked.known_ns is not None:
        return _known_page(connection, scope, asked, paging)
    at_ns = storable_ns(asked.at_ns)
    query = select(*KEY.columns, *_columns(at_ns)).where(
        *in_scope(tags, scope),
        *in_repository(connection, tags, asked.registry, asked.repository),
        *named(tags.c.tag, asked.tag),
    )
    found = fetch(connection, query, KEY, paging, lambda row: row)
    began = _lines(connection, [row.began for row in found.items if row.began is not None])
    moments = tuple(_moment(TagKey(*row[:3]), at_ns, row, began.get(row.began)) for row in found.items)
    return Page(moments, found.next)


def one(connection: Connection, scope: AccessScope, key: TagKey, asked: MomentFilter) -> Moment | None:
    """The moment of one tag, whatever its names look like; None if it has no history, or none that may be seen."""
    if asked.known_ns is None:
        return stored_at(connection, scope, key, asked.at_ns)
    folded = known.fold_tags(connection, scope, [key], asked.known_ns)
    found = _known_moments(connection, scope, folded, storable_ns(asked.at_ns))
    return found[0] if found else None


def _columns(at_ns: int) -> list[ColumnElement[Any]]:
    """Of each tag: the line that began what it was, when that ended, and how many digests the last news told of."""
    newest_first = [column.desc() for column in ORDER]
    on_tag = and_(same_tag(changes, tags), IS_LINE)
    began = select(changes.c.id).where(on_tag, changes.c.time_ns <= at_ns).order_by(*newest_first).limit(1)
    ended = select(func.min(changes.c.time_ns)).where(on_tag, changes.c.time_ns > at_ns)
    news_ns = _news_ns(at_ns)
    told = select(func.count(events.c.digest.distinct())).where(
        same_tag(events, tags), _NAMES_TAG, events.c.time_ns == news_ns, events.c.sequence == 0
    )
    return [
        began.scalar_subquery().label("began"),
        ended.scalar_subquery().label("ended_ns"),
        news_ns.label("news_ns"),
        told.scalar_subquery().label("told"),
    ]


_NAMES_TAG = events.c.scope == Scope.TAG.value


def _news_ns(at_ns: int) -> ScalarSelect[Any]:
    """The last instant by then of which anything was told of the tag by name."""
    news = events.alias("news")
    names_tag = and_(same_tag(news, tags), news.c.scope == Scope.TAG.value)
    return select(func.max(news.c.time_ns)).where(names_tag, news.c.time_ns <= at_ns).correlate(tags).scalar_subquery()


def _lines(connection: Connection, ids: list[str | None]) -> dict[str | None, ChangeLine]:
    wanted = [identity for identity in ids if identity is not None]
    if not wanted:
        return {}
    dialect = connection.dialect.name
    query: Select[Any] = LINES.where(one_of(dialect, changes.c.id, "ids"))
    return {row.id: line(row) for row in connection.execute(query, {"ids": listed(dialect, wanted)})}


def _moment(key: TagKey, at_ns: int, row: AnyRow, change: ChangeLine | None) -> Moment:
    ambiguous = change is not None and row.news_ns is not None and change.time_ns <= row.news_ns and row.told > 1
    return moment(key, at_ns, row.ended_ns, change, ambiguous=ambiguous)


def _known_page(connection: Connection, scope: AccessScope, asked: MomentFilter, paging: Paging) -> Page[Moment]:
    names = Names(asked.registry, asked.repository, asked.tag)
    last = None if paging.cursor is None else TagKey(*decode(paging.cursor, KEY))
    found: list[Moment] = []
    while len(found) <= paging.limit and (keys := known.tag_keys(connection, scope, names, last)):
        folded = known.fold_tags(connection, scope, keys, asked.known_ns or 0)
        found += _known_moments(connection, scope, folded, storable_ns(asked.at_ns))
        last = keys[-1]
    shown = found[: paging.limit]
    more = len(found) > len(shown)
    return Page(tuple(shown), encode([shown[-1].registry, shown[-1].repository, shown[-1].tag]) if more else None)


def _known_moments(connection: Connection, scope: AccessScope, found: list[KnownTag], at_ns: int) -> list[Moment]:
    """Of those tags that were known at all."""
    seen = [tag for tag in found if tag.lines]
    began = {tag.key: tag.at(at_ns) for tag in seen}
    lines = known.change_lines(connection, scope, [change for change in began.values() if change is not None])
    by_key = {TagKey(one.registry, one.repository, one.tag): one for one in lines}
    moments = []
    for tag in seen:
        after = tag.after(at_ns)
        until_ns = None if after is None else after.order.time_ns
        moments.append(moment(tag.key, at_ns, until_ns, by_key.get(tag.key), ambiguous=tag.ambiguous(at_ns)))
    return moments

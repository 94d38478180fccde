"""The lines of history, as they are known now or as they were known at a moment."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from app.domain.access import AccessScope
from app.domain.changes import Change, Kind, TagKey
from app.domain.names import release_like
from app.domain.text import storable
from app.store.queries import changes, known
from app.store.queries.changes import IS_LINE, KEY, ChangeFilter, ChangeLine
from app.store.queries.conditions import fetch_told
from app.store.queries.known import COLUMNS, Known, Names
from app.store.queries.paging import AnyRow, Keyed, Page, Paging, merged
from app.store.schema import changes as table


@dataclass(frozen=True, slots=True)
class HistoryFilter(ChangeFilter):
    """`known_ns`: only what had been received by then counts; None: all of it."""

    known_ns: int | None = None


def page(connection: Connection, scope: AccessScope, asked: HistoryFilter, paging: Paging) -> Page[ChangeLine]:
    """Changes, newest first. Raises CursorError."""
    if asked.known_ns is None:
        return changes.page(connection, scope, asked, paging)
    names = Names(asked.registry, asked.repository, asked.tag)
    told = known.of_names(connection, scope, names, asked.known_ns)
    written = told.written(connection.dialect.name, table)
    query = COLUMNS.where(IS_LINE, written, *changes.wanted(connection, asked))

    def make(row: AnyRow) -> Keyed[ChangeLine]:
        return KEY.of(row), known.as_known(connection, row, told)

    found = fetch_told(connection, scope, query, (asked, KEY, paging), make)
    folded = [line for key in told.folded for line in _asked_for(told, key, asked)]
    more = zip(map(order, folded), known.change_lines(connection, folded), strict=True)
    return merged(found, more, (KEY, paging))


def order(line: Change) -> list[int | str]:
    """Its values of KEY."""
    return [line.order.time_ns, line.order.sequence, line.order.event_id, line.order.origin, line.id]


def _asked_for(told: Known, key: TagKey, asked: HistoryFilter) -> Iterator[Change]:
    for before, line in told.lines(key):
        if _fits(line, asked) and (not asked.moved_releases or _moved_release(before, line)):
            yield line


def _moved_release(before: Change | None, line: Change) -> bool:
    """Whether a tag that looks like a release came to another content than it had, be it that it was removed before."""
    if not release_like(line.key.tag):
        return False
    again = line.kind is Kind.RESTORED and before is not None and ":" in before.before and before.before != line.after
    return line.kind is Kind.MOVED or again


def _fits(line: Change, asked: ChangeFilter) -> bool:
    wanted = (
        (asked.kind, (line.kind.value,)),
        (asked.actor, (line.actor,)),
        (asked.origin, (line.order.origin,)),
        (asked.digest, (line.before, line.after)),
    )
    since_ns, until_ns = asked.since_ns, asked.until_ns
    in_time = (since_ns is None or line.order.time_ns >= since_ns) and (
        until_ns is None or line.order.time_ns < until_ns
    )
    return in_time and all(value is None or storable(value) in held for value, held in wanted)

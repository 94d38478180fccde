"""`/tag`: where a tag points, where it pointed at a moment, and its history; as they are known, or were."""

import time
from collections.abc import Sequence

from flask import abort, render_template
from pydantic import Field

from app.bootstrap import Services
from app.domain.changes import TagKey
from app.store.engine import Connection, reading
from app.store.queries import changes, history, moments, tags
from app.store.queries.changes import ChangeLine
from app.store.queries.history import HistoryFilter
from app.store.queries.moments import MomentFilter
from app.store.queries.paging import Paging
from app.store.queries.tags import TagFilter, TagLine
from app.web.band import band
from app.web.callers import scope
from app.web.pages.lists import links
from app.web.parameters import ListParameters, Moment, Pattern, Word


class Asked(ListParameters):
    registry: Word
    repository: Pattern
    tag: Pattern
    at_ns: Moment | None = Field(None, alias="at")
    known_ns: Moment | None = Field(None, alias="known_at")
    void: bool = False

    @property
    def key(self) -> TagKey:
        return TagKey(self.registry, self.repository, self.tag)

    def of_tag(self) -> TagFilter:
        return TagFilter(self.registry, self.repository, self.tag, removed=True)

    def filter(self) -> HistoryFilter:
        return HistoryFilter(self.registry, self.repository, self.tag, void=self.void, known_ns=self.known_ns)


def page(services: Services) -> str:
    asked = Asked.read(blank_is_absent=True)
    with reading(services.engine) as connection:
        found = history.page(connection, scope(), asked.filter(), asked.paging)
        present = tags.page(connection, scope(), asked.of_tag(), Paging(1)).items
        then = _then(connection, asked)
    _is_of_one(asked.key, (*found.items, *present))
    until_ns = _until_ns(asked, found.items)
    return render_template(
        "tag.html",
        asked=asked,
        key=asked.key,
        present=present[0] if present else None,
        then=then,
        lines=found.items,
        band=band(found.items, until_ns),
        until_ns=until_ns,
        **links(found, at=asked.at_ns, known_at=asked.known_ns),
    )


def _then(connection: Connection, asked: Asked) -> changes.Moment | None:
    """Where it pointed at the moment that is asked for, or else when it was known."""
    at_ns = asked.known_ns if asked.at_ns is None else asked.at_ns
    if at_ns is None:
        return None
    return moments.one(connection, scope(), asked.key, MomentFilter(at_ns, known_ns=asked.known_ns))


def _is_of_one(key: TagKey, told: Sequence[ChangeLine | TagLine]) -> None:
    if not told:
        abort(404, "this tag has no history here")
    if any(TagKey(line.registry, line.repository, line.tag) != key for line in told):
        abort(404, "this page is of one tag; the list of changes takes patterns")


def _until_ns(asked: Asked, newest_first: Sequence[ChangeLine]) -> int:
    """Where the band ends: now, or when it was known; a source's clock may run ahead of either."""
    newest_ns = newest_first[0].time_ns if newest_first else 0
    if asked.cursor:
        return newest_ns
    return max(newest_ns, time.time_ns() if asked.known_ns is None else asked.known_ns)

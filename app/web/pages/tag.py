"""`/tag`: where a tag points, where it pointed at a moment, and its history."""

import time

from flask import abort, render_template
from pydantic import Field

from app.bootstrap import Services
from app.domain.access import Role
from app.domain.changes import TagKey
from app.domain.digests import is_digest
from app.store.engine import reading
from app.store.queries import changes, tags
from app.store.queries.changes import ChangeFilter
from app.store.queries.paging import Paging
from app.store.queries.tags import TagFilter
from app.web.band import band
from app.web.callers import caller, scope
from app.web.pages.lists import links
from app.web.parameters import ListParameters, Moment, Word


class Asked(ListParameters):
    registry: Word
    repository: Word
    tag: Word
    at_ns: Moment | None = Field(None, alias="at")
    void: bool = False

    def filter(self) -> ChangeFilter:
        return ChangeFilter(self.registry, self.repository, self.tag, void=self.void)


def page(services: Services) -> str:
    asked = Asked.read(blank_is_absent=True)
    key = TagKey(asked.registry, asked.repository, asked.tag)
    with reading(services.engine) as connection:
        found = changes.page(connection, scope(), asked.filter(), asked.paging)
        of_tag = TagFilter(key.registry, key.repository, key.tag, removed=True)
        present = tags.page(connection, scope(), of_tag, Paging(1)).items
        then = None if asked.at_ns is None else changes.at(connection, scope(), key, asked.at_ns)
    if not found.items and not present:
        abort(404, "this tag has no history here")
    told = [TagKey(line.registry, line.repository, line.tag) for line in found.items]
    if any(one != key for one in told + [TagKey(line.registry, line.repository, line.tag) for line in present]):
        abort(404, "this page is of one tag; the list of changes takes patterns")
    newest_ns = found.items[0].time_ns if found.items else 0
    until_ns = newest_ns if asked.cursor else max(newest_ns, time.time_ns())  # a source's clock may run ahead
    return render_template(
        "tag.html",
        key=key,
        present=present[0] if present else None,
        then=then,
        lines=found.items,
        digests=list(dict.fromkeys(line.after for line in found.items if is_digest(line.after))),
        may_act=caller().role.covers(Role.DEPLOY),
        band=band(found.items, until_ns),
        until_ns=until_ns,
        **links(found),
    )

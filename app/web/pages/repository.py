"""`/repository`: the tags of a repository, what changed last, and who changes it."""

from collections.abc import Sequence

from flask import abort, render_template

from app.bootstrap import Services
from app.store.engine import Connection, reading
from app.store.queries import changes, repositories, tags
from app.store.queries.changes import ChangeFilter, ChangeLine
from app.store.queries.paging import Paging
from app.store.queries.repositories import RepositoryFilter, RepositoryLine
from app.store.queries.tags import TagFilter
from app.web.callers import scope
from app.web.pages.lists import MOST_ON_A_PAGE, links
from app.web.parameters import ListParameters, Pattern, Word

LATEST = 10
"""How many of the newest changes are listed; who made them is told of MOST_ON_A_PAGE."""


class Asked(ListParameters):
    registry: Word
    repository: Pattern
    removed: bool = False

    def filter(self) -> TagFilter:
        return self.into(TagFilter)


def page(services: Services) -> str:
    asked = Asked.read(blank_is_absent=True)
    with reading(services.engine) as connection:
        seen = _first_seen(connection, asked)
        if seen is None:
            abort(404, "nobody has told of this repository")
        present = tags.page(connection, scope(), asked.filter(), asked.paging)
        of_it = ChangeFilter(asked.registry, asked.repository)
        latest = changes.page(connection, scope(), of_it, Paging(MOST_ON_A_PAGE)).items
    return render_template(
        "repository.html",
        asked=asked,
        seen=seen,
        tags=present.items,
        latest=latest[:LATEST],
        makers=last_by_actor(latest),
        **links(present),
    )


def _first_seen(connection: Connection, asked: Asked) -> RepositoryLine | None:
    """A page is of one repository: a pattern's first match is none unless it bears that very name."""
    named = RepositoryFilter(asked.registry, asked.repository)
    found = repositories.page(connection, scope(), named, Paging(1)).items
    return found[0] if found and found[0].repository == asked.repository else None


def last_by_actor(newest_first: Sequence[ChangeLine]) -> list[ChangeLine]:
    """The last change that each named actor made."""
    found: dict[str, ChangeLine] = {}
    for line in newest_first:
        if line.actor is not None:
            found.setdefault(line.actor, line)
    return list(found.values())

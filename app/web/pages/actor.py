"""`/actor`: everything that somebody did."""

from flask import abort, render_template

from app.bootstrap import Services
from app.store.engine import reading
from app.store.queries import activity
from app.store.queries.events import EventFilter
from app.web.callers import scope
from app.web.pages.lists import given, links
from app.web.parameters import ListParameters, Pattern, When, Word

ACTIONS = ("push", "pull", "mount", "delete")


class Asked(ListParameters, When):
    name: Word
    repository: Pattern | None = None
    action: Word | None = None

    def filter(self) -> EventFilter:
        return EventFilter(
            repository=self.repository,
            actor=self.name,
            action=self.action,
            since_ns=self.since_ns,
            until_ns=self.until_ns,
        )


def page(services: Services) -> str:
    asked = Asked.read(blank_is_absent=True)
    with reading(services.engine) as connection:
        found = activity.page(connection, scope(), asked.filter(), asked.paging)
    filtered = given().keys() - {"name", "limit"}
    if not (found.items or filtered or asked.cursor):
        abort(404, "nobody of this name has done anything here")
    return render_template("actor.html", name=asked.name, deeds=found.items, actions=ACTIONS, **links(found))

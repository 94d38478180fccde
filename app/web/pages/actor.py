"""`/actor`: everything that somebody did."""

from flask import abort, render_template

from app.bootstrap import Services
from app.store.engine import reading
from app.store.queries import activity
from app.store.queries.events import EventFilter
from app.web.callers import scope
from app.web.pages.lists import given, links
from app.web.parameters import Known, When, Where, Word

ACTIONS = ("push", "pull", "mount", "delete")


class Asked(Where, When, Known):
    name: Word
    action: Word | None = None
    origin: Word | None = None

    def filter(self) -> EventFilter:
        return EventFilter(actor=self.name, **self.model_dump(exclude={"name", "limit", "cursor"}))


def page(services: Services) -> str:
    asked = Asked.read(blank_is_absent=True)
    with reading(services.engine) as connection:
        found = activity.page(connection, scope(), asked.filter(), asked.paging)
    filtered = given().keys() - {"name", "limit"}
    if not (found.items or filtered or asked.cursor):
        abort(404, "nobody of this name has done anything here")
    leads = links(found, known_at=asked.known_ns)
    leads["whole"]["actor"] = leads["whole"].pop("name")
    return render_template("actor.html", name=asked.name, asked=asked, deeds=found.items, actions=ACTIONS, **leads)

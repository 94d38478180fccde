"""`/diff`: what changed between two moments. Without the first of them it only asks for it."""

from flask import render_template

from app.bootstrap import Services
from app.store.engine import reading
from app.store.queries import diff
from app.store.queries.paging import Page
from app.web.callers import scope
from app.web.pages.lists import given, links
from app.web.parameters import DiffParameters


def page(services: Services) -> str:
    if not given():
        return render_template("diff.html", asked=None, lines=(), **links(Page((), None)))
    asked = DiffParameters.read(blank_is_absent=True)
    with reading(services.engine) as connection:
        found = diff.page(connection, scope(), asked.filter(), asked.paging)
    same = {"since": asked.since_ns, "until": asked.until_ns, "known_at": asked.known_ns}
    return render_template("diff.html", asked=asked, lines=found.items, **links(found, **same))

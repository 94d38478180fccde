"""`/pulls`: what was pulled, from where and by which digest, and who still pulls what no tag points to any more."""

from flask import render_template

from app.bootstrap import Services
from app.store.engine import reading
from app.store.queries import pulls
from app.web.callers import scope
from app.web.pages.lists import links
from app.web.parameters import PullParameters


def page(services: Services) -> str:
    asked = PullParameters.read(blank_is_absent=True)
    with reading(services.engine) as connection:
        found = pulls.page(connection, scope(), asked.filter(), asked.paging)
    return render_template("pulls.html", asked=asked, lines=found.items, **links(found, known_at=asked.known_ns))

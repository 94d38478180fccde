"""`/repositories`: the repositories that registries told of, the one that was first seen last first."""

from flask import render_template

from app.bootstrap import Services
from app.store.engine import reading
from app.store.queries import repositories
from app.web.callers import scope
from app.web.pages.lists import links
from app.web.parameters import RepositoryParameters


def page(services: Services) -> str:
    asked = RepositoryParameters.read(blank_is_absent=True)
    with reading(services.engine) as connection:
        found = repositories.page(connection, scope(), asked.filter(), asked.paging)
    return render_template("repositories.html", asked=asked, lines=found.items, **links(found, known_at=asked.known_ns))

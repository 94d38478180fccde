"""`/moments`: where tags pointed at a moment, since and until when, and who did that."""

from flask import render_template

from app.bootstrap import Services
from app.store.engine import reading
from app.store.queries import moments
from app.web.callers import scope
from app.web.pages.lists import links
from app.web.parameters import MomentsParameters


def page(services: Services) -> str:
    asked = MomentsParameters.read(blank_is_absent=True)
    with reading(services.engine) as connection:
        found = moments.page(connection, scope(), asked.filter(), asked.paging)
    same = {"at": asked.at_ns, "known_at": asked.known_ns}
    return render_template("moments.html", asked=asked, lines=found.items, **links(found, **same))

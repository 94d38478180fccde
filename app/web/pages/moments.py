"""`/moments`: where tags pointed at a moment, since and until when, and who did that."""

from dataclasses import replace

from flask import render_template

from app.bootstrap import Services
from app.store.engine import reading
from app.store.queries import moments
from app.store.queries.moments import MomentFilter
from app.web.callers import scope
from app.web.pages.lists import links
from app.web.parameters import MomentsParameters


def page(services: Services) -> str:
    asked = MomentsParameters.read(blank_is_absent=True)
    wanted = _wanted(asked)
    with reading(services.engine) as connection:
        found = moments.page(connection, scope(), wanted, asked.paging)
    same = {"at": wanted.at_ns, "known_at": wanted.known_ns}
    return render_template("moments.html", asked=wanted, lines=found.items, **links(found, **same))


def _wanted(asked: MomentsParameters) -> MomentFilter:
    """Without a moment it is now, or when it was known."""
    if asked.known_ns is None or "at_ns" in asked.model_fields_set:
        return asked.filter()
    return replace(asked.filter(), at_ns=asked.known_ns)

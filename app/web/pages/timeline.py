"""`/`: the newest changes of all, or of those that are asked for; as they are known, or were."""

from flask import render_template

from app.bootstrap import Services
from app.domain.changes import Kind
from app.store import head
from app.store.engine import reading
from app.store.queries import history
from app.web.callers import scope
from app.web.pages.lists import given, links
from app.web.parameters import ChangeParameters
from app.web.shown import query


def page(services: Services) -> str:
    asked = ChangeParameters.read(blank_is_absent=True)
    with reading(services.engine) as connection:
        seq = head.last(connection)
        found = history.page(connection, scope(), asked.filter(), asked.paging)
    return render_template(
        "timeline.html",
        asked=asked,
        lines=found.items,
        live=None if asked.cursor or asked.until_ns or asked.known_ns else _live(seq),
        kinds=[kind.value for kind in Kind if kind is not Kind.VOID],
        push_to=services.settings.public_url.partition("://")[2] if services.registry else None,
        **links(found, known_at=asked.known_ns),
    )


def _live(seq: int) -> str:
    """Where the page hears of what is written from now on, with its own filters."""
    return f"/live{query({**given(), 'after': seq})}"

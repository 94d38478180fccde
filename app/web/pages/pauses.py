"""`/pauses`: what is held back, and buttons to hold and to let go."""

import time

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.bootstrap import Services
from app.domain.access import Role
from app.domain.times import parse_end
from app.store.engine import reading
from app.store.queries import pauses
from app.usecases import pauses as holding
from app.usecases.pauses import Wanted
from app.web.callers import caller, scope
from app.web.deeds import LONGEST_REASON, PAUSES_ARE_FOR_ALL, pausable
from app.web.pages.lists import links
from app.web.parameters import ParameterError, PausesParameters


def page(services: Services) -> str:
    asked = PausesParameters.read(blank_is_absent=True)
    with reading(services.engine) as connection:
        found = pauses.page(connection, scope(), asked.filter(), asked.paging)
    return render_template(
        "pauses.html",
        lines=found.items,
        scopes=pausable(services),
        resting=[rule.name for rule in services.in_force().settings.rules if rule.paused],
        may_act=caller().role.covers(Role.DEPLOY),
        **links(found),
    )


def pause(services: Services) -> Response:
    """Raises LimitedScopeError, UnknownScopeError, ParameterError."""
    scope().require_everything(PAUSES_ARE_FOR_ALL)
    reason = request.form.get("reason", "").strip()[:LONGEST_REASON] or None
    wanted = Wanted(request.form.get("scope", ""), _end(request.form.get("until", "").strip()), reason)
    holding.pause(services.engine, wanted, pausable(services), caller().name)
    return redirect(url_for("pages.pauses"), 303)


def resume(services: Services) -> Response:
    """Raises LimitedScopeError, UnknownScopeError."""
    scope().require_everything(PAUSES_ARE_FOR_ALL)
    holding.resume(services.engine, request.form.get("scope", ""), caller().name)
    return redirect(url_for("pages.pauses"), 303)


def _end(text: str) -> int | None:
    try:
        return parse_end(text, time.time_ns()) if text else None
    except ValueError as error:
        raise ParameterError("until", str(error)) from None

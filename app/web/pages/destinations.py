"""`/destinations`: how each does to which deliveries go, and a button to open one again that is disabled."""

from flask import redirect, render_template, url_for
from werkzeug.wrappers import Response

from app.bootstrap import Services
from app.domain.access import Role
from app.web import destinations
from app.web.callers import caller
from app.web.deeds import open_again
from app.web.parameters import NoParameters


def page(services: Services) -> str:
    """Raises LimitedScopeError."""
    NoParameters.read()
    return render_template("destinations.html", lines=destinations.lines(services))


def one(services: Services, name: str) -> str:
    """Asks first. Raises LimitedScopeError."""
    NoParameters.read()
    may_act = caller().role.covers(Role.DEPLOY)
    return render_template("destination.html", line=destinations.one(services, name), may_act=may_act)


def enable(services: Services, name: str) -> Response:
    """Raises LimitedScopeError."""
    open_again(services, name)
    return redirect(url_for("pages.destination", name=name), 303)

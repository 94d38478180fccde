"""The pages that people read: plain HTML that needs no script, every filter in the address. A page is a file."""

from collections.abc import Callable, Mapping
from functools import partial

from flask import Blueprint, Response, make_response, render_template
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from app.bootstrap import Services
from app.domain.access import LimitedScopeError
from app.domain.errors import TagtrailError
from app.store.engine import UnavailableError
from app.usecases.approve import UndecidableError
from app.usecases.drop import NotDeadError
from app.web.pages import (
    actor,
    approvals,
    ask,
    deliveries,
    destinations,
    diff,
    digest,
    moments,
    origins,
    pauses,
    pulls,
    quarantine,
    redeploy,
    repositories,
    repository,
    tag,
    timeline,
    trace,
)
from app.web.shown import equip

LOOKING: Mapping[str, tuple[str, Callable[..., ResponseReturnValue]]] = {
    "/": ("timeline", timeline.page),
    "/ask": ("ask", ask.page),
    "/moments": ("moments", moments.page),
    "/diff": ("diff", diff.page),
    "/pulls": ("pulls", pulls.page),
    "/repositories": ("repositories", repositories.page),
    "/repository": ("repository", repository.page),
    "/tag": ("tag", tag.page),
    "/digests": ("digest_search", digest.find),
    "/digests/<path:digest>": ("digest", digest.page),
    "/actor": ("actor", actor.page),
    "/deliveries": ("delivery_list", deliveries.page),
    "/deliveries/<identity>": ("delivery", deliveries.one),
    "/destinations": ("destination_list", destinations.page),
    "/destinations/<name>": ("destination", destinations.one),
    "/redeploy": ("ask_redeploy", redeploy.page),
    "/pauses": ("pauses", pauses.page),
    "/approvals": ("approval_list", approvals.page),
    "/approvals/<identity>": ("approval", approvals.one),
    "/approve/<secret>": ("approval_link", approvals.show_link),
    "/trace": ("trace", trace.page),
    "/origins": ("origins", origins.page),
    "/quarantine": ("quarantine", quarantine.page),
    "/quarantine/<identity>": ("quarantined", quarantine.one),
}
ACTING: Mapping[str, tuple[str, Callable[..., ResponseReturnValue]]] = {
    "/deliveries/<identity>/redeliver": ("redeliver", deliveries.redeliver),
    "/deliveries/<identity>/drop": ("drop", deliveries.drop),
    "/destinations/<name>/enable": ("enable", destinations.enable),
    "/redeploy": ("redeploy", redeploy.redeploy),
    "/pauses": ("pause", pauses.pause),
    "/pauses/resume": ("resume", pauses.resume),
    "/approvals/<identity>": ("decide", approvals.decide),
    "/approve/<secret>": ("decide_by_link", approvals.decide_by_link),
    "/quarantine/<identity>/retry": ("retry", quarantine.retry),
}


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("pages", __name__)
    routes.register_error_handler(TagtrailError, _failed)
    routes.register_error_handler(HTTPException, _refused)
    equip(routes)
    for views, method in ((LOOKING, "GET"), (ACTING, "POST")):
        for path, (name, view) in views.items():
            routes.add_url_rule(path, name, partial(view, services), methods=[method])
    return routes


def _failed(error: TagtrailError) -> Response:
    known = {UnavailableError: 503, LimitedScopeError: 403, UndecidableError: 409, NotDeadError: 409}
    return _problem(known.get(type(error), 400), str(error))


def _refused(error: HTTPException) -> Response:
    return _problem(error.code or 500, error.description or error.name)


def _problem(status: int, detail: str) -> Response:
    return make_response(render_template("problem.html", status=status, detail=detail), status)

"""The pages that people read: plain HTML, no scripts, every filter in the address."""

import time
from typing import Any

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from app.bootstrap import Services
from app.domain.access import Role
from app.domain.changes import Kind, TagKey
from app.domain.deliveries import Status
from app.domain.digests import Digest
from app.domain.errors import TagtrailError
from app.store import head
from app.store.engine import UnavailableError, reading
from app.store.queries import changes, deliveries, digests, history, tags
from app.store.queries.paging import Page, Paging
from app.store.queries.tags import TagFilter
from app.usecases.redeliver import redeliver as send_again
from app.web.band import band
from app.web.callers import caller, scope
from app.web.parameters import ChangeParameters, DeliveryParameters, NoParameters, TagPageParameters
from app.web.shown import equip, query

MOST_ON_A_PAGE = 100


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("pages", __name__)
    routes.register_error_handler(TagtrailError, _failed)
    routes.register_error_handler(HTTPException, _refused)
    equip(routes)

    @routes.get("/")
    def timeline() -> str:
        return _timeline(services)

    @routes.get("/tag")
    def tag() -> str:
        return _tag(services)

    @routes.get("/digests/<path:digest>")
    def digest(digest: str) -> str:
        return _digest(services, digest)

    @routes.get("/deliveries")
    def delivery_list() -> str:
        return _deliveries(services)

    @routes.get("/deliveries/<identity>")
    def delivery(identity: str) -> str:
        return _delivery(services, identity)

    @routes.post("/deliveries/<identity>/redeliver")
    def redeliver(identity: str) -> AnyResponse:
        return _redeliver(services, identity)

    return routes


def _failed(error: TagtrailError) -> Response:
    return _problem(503 if isinstance(error, UnavailableError) else 400, str(error))


def _refused(error: HTTPException) -> Response:
    return _problem(error.code or 500, error.description or error.name)


def _problem(status: int, detail: str) -> Response:
    return make_response(render_template("problem.html", status=status, detail=detail), status)


def _given() -> dict[str, str]:
    """The parameters of the address as the forms and the links to other pages of the list repeat them."""
    return {name: value for name, value in request.args.items() if value and name != "cursor"}


def _links(page: Page[Any]) -> dict[str, Any]:
    """What a list's templates need to lead on."""
    older = {**_given(), "cursor": page.next} if page.next else None
    return {"given": _given(), "older": older, "behind": "cursor" in request.args, "path": request.path}


def _timeline(services: Services) -> str:
    asked = ChangeParameters.read(blank_is_absent=True)
    with reading(services.engine) as connection:
        seq = head.last(connection)
        found = history.page(connection, scope(), asked.filter(), asked.paging)
    return render_template(
        "timeline.html",
        lines=found.items,
        live=None if asked.cursor or asked.until_ns or asked.known_ns else _live(seq),
        kinds=[kind.value for kind in Kind if kind is not Kind.VOID],
        push_to=services.settings.public_url.partition("://")[2] if services.registry else None,
        **_links(found),
    )


def _live(seq: int) -> str:
    """Where the page hears of what is written from now on, with its own filters."""
    return f"/live{query({**_given(), 'after': seq})}"


def _tag(services: Services) -> str:
    asked = TagPageParameters.read(blank_is_absent=True)
    key = TagKey(asked.registry, asked.repository, asked.tag)
    with reading(services.engine) as connection:
        found = changes.page(connection, scope(), asked.filter(), asked.paging)
        of_tag = TagFilter(key.registry, key.repository, key.tag, removed=True)
        present = tags.page(connection, scope(), of_tag, Paging(1)).items
        then = None if asked.at_ns is None else changes.at(connection, scope(), key, asked.at_ns)
    if not found.items and not present:
        abort(404, "this tag has no history here")
    newest_ns = found.items[0].time_ns if found.items else 0
    until_ns = newest_ns if asked.cursor else max(newest_ns, time.time_ns())  # a source's clock may run ahead
    return render_template(
        "tag.html",
        key=key,
        present=present[0] if present else None,
        then=then,
        lines=found.items,
        band=band(found.items, until_ns),
        until_ns=until_ns,
        **_links(found),
    )


def _digest(services: Services, text: str) -> str:
    NoParameters.read()
    wanted = str(Digest.parse(text))
    with reading(services.engine) as connection:
        found = digests.story(connection, scope(), wanted, MOST_ON_A_PAGE)
    if found is None:
        abort(404, "nobody has told of this digest")
    return render_template("digest.html", story=found)


def _deliveries(services: Services) -> str:
    asked = DeliveryParameters.read(blank_is_absent=True)
    with reading(services.engine) as connection:
        found = deliveries.page(connection, scope(), asked.filter(), asked.paging)
    return render_template(
        "deliveries.html", lines=found.items, statuses=[status.value for status in Status], **_links(found)
    )


def _redeliver(services: Services, identity: str) -> AnyResponse:
    with reading(services.engine) as connection:
        found = deliveries.one(connection, scope(), identity)
    if found is None:
        abort(404, "there is no such delivery")
    send_again(services.engine, found.delivery.id, caller().name)
    return redirect(url_for("pages.delivery", identity=found.delivery.id), 303)


def _delivery(services: Services, identity: str) -> str:
    NoParameters.read()
    with reading(services.engine) as connection:
        found = deliveries.one(connection, scope(), identity)
    if found is None:
        abort(404, "there is no such delivery")
    return render_template(
        "delivery.html", story=found, delivery=found.delivery, may_act=caller().role.covers(Role.DEPLOY)
    )

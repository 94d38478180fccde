"""`/api/v1/`: the history as JSON.

A list is `{"items": [...], "next": CURSOR or null}`, newest first (tags: by name); `?cursor=` goes on. Times are
RFC 3339 with nine digits; what is not known is null. Errors are problem+json and name the `parameter` that is wrong.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response

from app.bootstrap import Services
from app.domain.access import AccessScope
from app.domain.changes import TagKey
from app.domain.digests import Digest
from app.domain.plain import plain
from app.store.engine import Connection, reading
from app.store.queries import changes, deliveries, digests, events, quarantine, tags
from app.store.queries.paging import CursorError, Page, Paging
from app.usecases.redeliver import redeliver as send_again
from app.web.callers import caller, scope
from app.web.parameters import (
    ChangeParameters,
    DeliveryParameters,
    EventParameters,
    LimitParameters,
    MomentParameters,
    NoParameters,
    ParameterError,
    QuarantineParameters,
    TagParameters,
)
from app.web.problems import problem


@dataclass(frozen=True, slots=True)
class Listing:
    """What may be asked of a list, and what answers."""

    parameters: Any
    page: Callable[[Connection, AccessScope, Any, Paging], Page[Any]]


LISTINGS: Mapping[str, Listing] = {
    "events": Listing(EventParameters, events.page),
    "changes": Listing(ChangeParameters, changes.page),
    "tags": Listing(TagParameters, tags.page),
    "deliveries": Listing(DeliveryParameters, deliveries.page),
    "quarantine": Listing(QuarantineParameters, quarantine.page),
}


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("api", __name__, url_prefix="/api/v1")
    routes.register_error_handler(ParameterError, _wrong_parameter)
    routes.register_error_handler(CursorError, _wrong_cursor)
    for name, listing in LISTINGS.items():
        routes.add_url_rule(f"/{name}", name, _lister(services, listing))
    _add_single_things(routes, services)
    _add_bytes(routes, services)
    _add_actions(routes, services)
    return routes


def _wrong_parameter(error: ParameterError) -> Response:
    return problem(400, str(error), {"parameter": error.parameter})


def _wrong_cursor(error: CursorError) -> Response:
    return problem(400, f"cursor: {error}", {"parameter": "cursor"})


def _lister(services: Services, listing: Listing) -> Callable[[], Response]:
    def answer() -> Response:
        asked = listing.parameters.read()
        with reading(services.engine) as connection:
            return _json(listing.page(connection, scope(), asked.filter(), asked.paging))

    return answer


def _add_single_things(routes: Blueprint, services: Services) -> None:
    @routes.get("/tags/at")
    def tag_at() -> Response:
        asked = MomentParameters.read()
        key = TagKey(asked.registry, asked.repository, asked.tag)
        with reading(services.engine) as connection:
            found = changes.at(connection, scope(), key, asked.at_ns)
        return problem(404, "this tag has no history") if found is None else _json(found)

    @routes.get("/digests/<path:digest>")
    def digest_story(digest: str) -> Response:
        asked, wanted = LimitParameters.read(), str(Digest.parse(digest))
        with reading(services.engine) as connection:
            found = digests.story(connection, scope(), wanted, asked.limit)
        return problem(404, "nobody has told of this digest") if found is None else _json(found)

    @routes.get("/deliveries/<identity>")
    def delivery(identity: str) -> Response:
        NoParameters.read()
        with reading(services.engine) as connection:
            found = deliveries.one(connection, scope(), identity)
        return problem(404, "there is no such delivery") if found is None else _json(found)

    @routes.get("/quarantine/<identity>")
    def quarantined(identity: str) -> Response:
        NoParameters.read()
        with reading(services.engine) as connection:
            found = quarantine.one(connection, scope(), identity)
        if found is None:
            return problem(404, "there is no such entry")
        line, body = found
        return _json(plain(line) | {"body": plain(body)})


def _add_bytes(routes: Blueprint, services: Services) -> None:
    """What senders sent, to the byte. Never shown as a page: a body may be anything."""

    @routes.get("/events/<int:seq>/raw")
    def raw_event(seq: int) -> Response:
        NoParameters.read()
        with reading(services.engine) as connection:
            found = events.one(connection, scope(), seq)
        return problem(404, "there is no such event") if found is None else Response(found[1], mimetype=_JSON)

    @routes.get("/quarantine/<identity>/raw")
    def raw_body(identity: str) -> Response:
        NoParameters.read()
        with reading(services.engine) as connection:
            found = quarantine.one(connection, scope(), identity)
        if found is None:
            return problem(404, "there is no such entry")
        headers = {"Content-Disposition": "attachment"}
        return Response(found[1], headers=headers, mimetype="application/octet-stream")


def _add_actions(routes: Blueprint, services: Services) -> None:
    @routes.post("/deliveries/<identity>/redeliver")
    def redeliver(identity: str) -> Response:
        NoParameters.read()
        with reading(services.engine) as connection:
            found = deliveries.one(connection, scope(), identity)
        if found is None:
            return problem(404, "there is no such delivery")
        answer = _json({"id": send_again(services.engine, found.delivery.id, caller().name)})
        answer.status_code = 202
        return answer


_JSON = "application/json"


def _json(value: Any) -> Response:
    return Response(json.dumps(plain(value)), mimetype=_JSON)

"""`/api/v1/`: the history as JSON.

A list is `{"items": [...], "next": CURSOR or null}`, newest first (tags: by name); `?cursor=` goes on, and `?format=`
gives the whole list as JSON Lines or CSV. Times are RFC 3339 with nine digits; what is not known is null. Errors are
problem+json and name the `parameter` that is wrong. What is served stands in tables, here and in `deeds`, from which
routes and the OpenAPI document are made.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from flask import Blueprint, Response
from pydantic import create_model

from app.bootstrap import Services
from app.domain.access import AccessScope
from app.domain.exports import MEDIA_TYPES, written
from app.domain.plain import plain
from app.store.engine import Connection, Engine, reading
from app.store.queries import (
    activity,
    approvals,
    deliveries,
    diff,
    events,
    history,
    moments,
    pauses,
    pulls,
    quarantine,
    repositories,
    tags,
)
from app.store.queries.changes import Moment
from app.store.queries.deliveries import DeliveryStory
from app.store.queries.digests import DigestStory
from app.store.queries.paging import CursorError, Page, Paging, every, line_of, page_of
from app.store.queries.traces import Traces
from app.usecases.explain import Explanation
from app.web import deeds, destinations, finding, openapi
from app.web.callers import scope
from app.web.parameters import (
    MOST,
    ActivityParameters,
    ApprovalParameters,
    ChangeParameters,
    DeliveryParameters,
    DiffParameters,
    DigestParameters,
    EventParameters,
    FormParameters,
    ListParameters,
    MomentParameters,
    MomentsParameters,
    NoParameters,
    ParameterError,
    Parameters,
    PausesParameters,
    PullParameters,
    QuarantineParameters,
    RepositoryParameters,
    TagParameters,
)
from app.web.problems import problem

_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Listing:
    """What may be asked of a list, and what answers."""

    about: str
    parameters: type[Any]
    page: Callable[[Connection, AccessScope, Any, Paging], Page[Any]]


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing: `find` gets what was asked and what the path names, `by_rules` also the settings in force.

    `missing` says what it is that isn't there.
    """

    about: str
    parameters: type[Parameters]
    find: Callable[..., Any]
    answer: type
    missing: str
    by_rules: bool = False


@dataclass(frozen=True, slots=True)
class Bytes:
    """What senders sent, to the byte. Never shown as a page: a body may be anything."""

    about: str
    find: Callable[..., bytes | None]
    media_type: str
    missing: str


def _listing(about: str, parameters: type[ListParameters], page: Callable[..., Page[Any]]) -> Listing:
    return Listing(about, create_model(parameters.__name__, __base__=(FormParameters, parameters)), page)


LISTINGS: Mapping[str, Listing] = {
    "events": _listing("What registries told", EventParameters, events.page),
    "activity": _listing("Everything that somebody did, and what it changed", ActivityParameters, activity.page),
    "changes": _listing("The lines of history", ChangeParameters, history.page),
    "diff": _listing("Which tags pointed elsewhere at a second moment", DiffParameters, diff.page),
    "tags": _listing("Where tags point now, by name", TagParameters, tags.page),
    "moments": _listing("Where tags pointed at a moment, by name", MomentsParameters, moments.page),
    "pulls": _listing("What was pulled, from where", PullParameters, pulls.page),
    "repositories": _listing("Repositories by when they were first seen", RepositoryParameters, repositories.page),
    "deliveries": _listing("What was sent where", DeliveryParameters, deliveries.page),
    "approvals": _listing("Deploys that wait for somebody's word", ApprovalParameters, approvals.page),
    "pauses": _listing("What is held back", PausesParameters, pauses.page),
    "quarantine": _listing("Bodies that could not be read", QuarantineParameters, quarantine.page),
}
THINGS: Mapping[str, Thing] = {
    "tags/at": Thing(
        "Where one tag pointed at a moment", MomentParameters, finding.moment, Moment, "this tag has no history"
    ),
    "digests/<path:digest>": Thing(
        "All that is known of a digest", DigestParameters, finding.digest, DigestStory, "nobody has told of this digest"
    ),
    "deliveries/<identity>": Thing(
        "One delivery, with its message and every attempt", NoParameters, finding.delivery, DeliveryStory,
        "there is no such delivery",
    ),
    "changes/<identity>/explain": Thing(
        "What each rule makes of a change, or of event:SEQ, and what came of it", NoParameters, finding.explained,
        Explanation, "there is no such change", by_rules=True,
    ),
    "traces/<path:identity>": Thing(
        "The steps from a push to its messages; of a digest, event, change, delivery or trace id", NoParameters,
        finding.traces_of, Traces, "nothing is known by this id",
    ),
    "quarantine/<identity>": Thing(
        "One body that could not be read", NoParameters, finding.quarantined, finding.QuarantineEntry,
        "there is no such entry",
    ),
}
BYTES: Mapping[str, Bytes] = {
    "events/<int:seq>/raw": Bytes("The exact bytes of an event", finding.event_bytes, _JSON, "there is no such event"),
    "quarantine/<identity>/raw": Bytes(
        "As much of a body as was kept", finding.quarantined_bytes, "application/octet-stream", "there is no such entry"
    ),
}


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("api", __name__, url_prefix="/api/v1")
    routes.register_error_handler(ParameterError, _wrong_parameter)
    routes.register_error_handler(CursorError, _wrong_cursor)
    for path, listing in LISTINGS.items():
        routes.add_url_rule(f"/{path}", path, _lister(services.engine, path, listing))
    for path, thing in THINGS.items():
        routes.add_url_rule(f"/{path}", path, _finder(services, thing))
    for path, raw in BYTES.items():
        routes.add_url_rule(f"/{path}", path, _sender(services.engine, raw))
    destinations.add_routes(routes, services, _json)
    deeds.add_routes(routes, services, _json)
    routes.add_url_rule("/openapi.json", "openapi", _described)
    return routes


def _wrong_parameter(error: ParameterError) -> Response:
    return problem(400, str(error), {"parameter": error.parameter})


def _wrong_cursor(error: CursorError) -> Response:
    return problem(400, f"cursor: {error}", {"parameter": "cursor"})


def _lister(engine: Engine, name: str, listing: Listing) -> Callable[[], Response]:
    def answer() -> Response:
        asked = listing.parameters.read()
        if asked.whole:
            return _whole(engine, name, listing, asked)
        with reading(engine) as connection:
            return _json(listing.page(connection, scope(), asked.filter(), asked.paging))

    return answer


def _whole(engine: Engine, name: str, listing: Listing, asked: Any) -> Response:
    """All of a list, sent as it is read. What is wrong with the question shows before anything is sent."""
    wanted, seen = asked.filter(), scope()  # the request is over when the most is read

    def ask(connection: Connection, paging: Paging) -> Page[Any]:
        return listing.page(connection, seen, wanted, paging)

    pieces = written(asked.format, line_of(listing.page), every(engine, ask, Paging(MOST, asked.cursor)))
    headers = {"Content-Disposition": f'attachment; filename="tagtrail-{name}.{asked.format}"'}
    return Response(chain([next(pieces)], pieces), headers=headers, content_type=MEDIA_TYPES[asked.format])


def _finder(services: Services, thing: Thing) -> Callable[..., Response]:
    def answer(**named: Any) -> Response:
        asked = thing.parameters.read()
        if thing.by_rules:
            named["settings"] = services.in_force().settings
        with reading(services.engine) as connection:
            found = thing.find(connection, scope(), asked, **named)
        return problem(404, thing.missing) if found is None else _json(found)

    return answer


def _sender(engine: Engine, raw: Bytes) -> Callable[..., Response]:
    headers = {} if raw.media_type == _JSON else {"Content-Disposition": "attachment"}

    def answer(**named: Any) -> Response:
        NoParameters.read()
        with reading(engine) as connection:
            found = raw.find(connection, scope(), **named)
        return problem(404, raw.missing) if found is None else Response(found, headers=headers, mimetype=raw.media_type)

    return answer


def _described() -> Response:
    NoParameters.read()
    description = openapi.Description()
    for path, listing in LISTINGS.items():
        description.add_list(path, listing.about, listing.parameters, page_of(listing.page))
    for path, thing in THINGS.items():
        description.add_thing(path, thing.about, thing.parameters, thing.answer)
    for path, raw in BYTES.items():
        description.add_bytes(path, raw.about, raw.media_type)
    destinations.describe(description)
    deeds.describe(description)
    description.add_itself("openapi.json", "This description")
    return _json(description.document())


def _json(value: Any) -> Response:
    return Response(json.dumps(plain(value)), mimetype=_JSON)

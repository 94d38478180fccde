"""What may be done over the API: each a table's row, from which routes and the OpenAPI document are made."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self

from flask import Blueprint, Response, abort
from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from app.bootstrap import Services
from app.domain.changes import TagKey
from app.domain.plain import plain
from app.domain.times import parse_end
from app.store.engine import reading
from app.store.queries import approvals, deliveries
from app.store.queries.deliveries import Failed
from app.usecases import approve, destinations, pauses
from app.usecases import redeploy as redeploying
from app.usecases.approve import Word as Said
from app.usecases.drop import drop
from app.usecases.pauses import Wanted
from app.usecases.redeliver import redeliver
from app.usecases.redeliver_failed import find_failed, redeliver_failed
from app.web.callers import caller, scope
from app.web.destinations import named
from app.web.openapi import Description, Schema
from app.web.parameters import DigestText, Moment, NoParameters, ParameterError, Parameters, Word

LONGEST_REASON = 500
Reason = Annotated[str, Field(min_length=1, max_length=LONGEST_REASON)]
End = Annotated[
    int,
    BeforeValidator(lambda text: parse_end(text, time.time_ns())),
    WithJsonSchema({"type": "string", "examples": ["2h", "7d"]}),
]
PAUSES_ARE_FOR_ALL = "a pause"


class ScopeParameters(Parameters):
    scope: Annotated[Word, Field(examples=["everything"])]


class PauseParameters(ScopeParameters):
    until_ns: End | None = Field(None, alias="until")
    reason: Reason | None = None


class ReasonParameters(Parameters):
    reason: Reason | None = None


class DropParameters(Parameters):
    reason: Reason


class FailedParameters(Parameters):
    """Between two moments, the second one's default: now. `dry_run`: say only what would be sent."""

    since_ns: Moment = Field(alias="since")
    until_ns: Moment = Field(default_factory=time.time_ns, alias="until")
    dry_run: bool = False


class RedeployParameters(Parameters):
    """A tag, and either a digest or the moment at which it pointed there. `dry_run`: say only what would be sent."""

    registry: Word
    repository: Word
    tag: Word
    digest: DigestText | None = None
    at_ns: Moment | None = Field(None, alias="as_of")
    trigger: Word | None = None
    dry_run: bool = False

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.digest is None) == (self.at_ns is None):
            raise ParameterError("digest", "give either digest or as_of")
        return self

    @property
    def wanted(self) -> redeploying.Wanted:
        key = TagKey(self.registry, self.repository, self.tag)
        return redeploying.Wanted(key, self.digest, self.at_ns, self.trigger)


@dataclass(frozen=True, slots=True)
class Deed:
    """`do` gets the services, what was asked, and what the path names; its answer is told with 202."""

    path: str
    name: str
    about: str
    parameters: type[Parameters]
    do: Callable[..., dict[str, Any]]
    answer: Schema
    method: str = "post"


def put_on_hold(services: Services, asked: PauseParameters) -> dict[str, Any]:
    """Raises LimitedScopeError: what is paused may be anybody's."""
    scope().require_everything(PAUSES_ARE_FOR_ALL)
    wanted = Wanted(asked.scope, asked.until_ns, asked.reason)
    pauses.pause(services.engine, wanted, pausable(services), caller().name)
    return {"scope": asked.scope}


def pausable(services: Services) -> list[str]:
    """The scopes that may be paused."""
    settings = services.in_force().settings
    return pauses.scopes(settings.rules, settings.destinations)


def resume(services: Services, asked: ScopeParameters) -> dict[str, Any]:
    """Raises LimitedScopeError."""
    scope().require_everything(PAUSES_ARE_FOR_ALL)
    pauses.resume(services.engine, asked.scope, caller().name)
    return {"scope": asked.scope}


def say(services: Services, identity: str, *, approved: bool, reason: str | None) -> None:
    """Approve or reject what waits and may be seen. Raises UndecidableError."""
    with reading(services.engine) as connection:
        found = approvals.one(connection, scope(), identity)
    if found is None:
        abort(404, "nothing by this id was asked about")
    approve.decide(services.engine, found.id, Said(approved, caller().name, reason))


def _approve(services: Services, asked: ReasonParameters, identity: str) -> dict[str, Any]:
    say(services, identity, approved=True, reason=asked.reason)
    return {"id": identity}


def _reject(services: Services, asked: ReasonParameters, identity: str) -> dict[str, Any]:
    say(services, identity, approved=False, reason=asked.reason)
    return {"id": identity}


def _redeliver(services: Services, _asked: NoParameters, identity: str) -> dict[str, Any]:
    with reading(services.engine) as connection:
        found = deliveries.one(connection, scope(), identity)
    if found is None:
        abort(404, "there is no such delivery")
    return {"id": redeliver(services.engine, found.delivery.id, caller().name)}


def open_again(services: Services, name: str) -> None:
    """Enable a destination. Raises LimitedScopeError."""
    destinations.enable(services.engine, named(services, name), caller().name)


def _enable(services: Services, _asked: NoParameters, name: str) -> dict[str, Any]:
    open_again(services, name)
    return {"name": name}


def _disable(services: Services, asked: ReasonParameters, name: str) -> dict[str, Any]:
    destinations.disable(services.engine, named(services, name), caller().name, asked.reason)
    return {"name": name}


def drop_dead(services: Services, identity: str, reason: str) -> None:
    """Drop a delivery that was given up and may be seen. Raises NotDeadError."""
    with reading(services.engine) as connection:
        found = deliveries.one(connection, scope(), identity)
    if found is None:
        abort(404, "there is no such delivery")
    drop(services.engine, found.delivery.id, caller().name, reason)


def _drop(services: Services, asked: DropParameters, identity: str) -> dict[str, Any]:
    drop_dead(services, identity, asked.reason)
    return {"id": identity}


def _redeliver_failed(services: Services, asked: FailedParameters) -> dict[str, Any]:
    found = find_failed(services.engine, scope(), Failed(asked.since_ns, asked.until_ns))
    if not asked.dry_run:
        found = redeliver_failed(services.engine, found, caller().name)
    return {"sends": [{"id": one.id, "destination": one.destination} for one in found]}


def _naming(name: str) -> Schema:
    return {"type": "object", "properties": {name: {"type": "string"}}, "required": [name]}


def _redeploy(services: Services, asked: RedeployParameters) -> dict[str, Any]:
    rules = services.in_force().settings.rules
    if asked.dry_run:
        with reading(services.engine) as connection:
            planned = redeploying.plan(connection, scope(), rules, asked.wanted)
    else:
        planned = redeploying.ask(services.engine, scope(), rules, asked.wanted, caller().name)
    return {
        "digest": planned.digest,
        "sends": [{"destination": one.destination, "id": one.id, "rule": one.rule} for one in planned.sends],
    }


def _sends(*names: str) -> Schema:
    properties = {name: {"type": "string"} for name in names}
    return {"type": "array", "items": {"type": "object", "properties": properties, "required": list(names)}}


_REDEPLOY: Schema = {
    "type": "object",
    "properties": {
        "digest": {"type": "string"},
        "sends": _sends("destination", "id", "rule"),
    },
    "required": ["digest", "sends"],
}
_FAILED: Schema = {"type": "object", "properties": {"sends": _sends("id", "destination")}, "required": ["sends"]}
_ID, _NAME, _SCOPE = _naming("id"), _naming("name"), _naming("scope")
DEEDS: Sequence[Deed] = (
    Deed("deliveries/<identity>/redeliver", "redeliver", "Send a delivery again", NoParameters, _redeliver, _ID),
    Deed("deliveries/<identity>/drop", "drop", "Drop what was given up", DropParameters, _drop, _ID),
    Deed(
        "deliveries/redeliver-failed", "redeliver_failed", "Send again all that was given up within a time",
        FailedParameters, _redeliver_failed, _FAILED,
    ),
    Deed("destinations/<name>/enable", "enable", "Try a destination again now", NoParameters, _enable, _NAME),
    Deed("destinations/<name>/disable", "disable", "Send nothing to a destination", ReasonParameters, _disable, _NAME),
    Deed("redeploy", "redeploy", "Send an earlier digest of a tag again", RedeployParameters, _redeploy, _REDEPLOY),
    Deed("pauses", "pause", "Hold back what a scope sends", PauseParameters, put_on_hold, _SCOPE),
    Deed("pauses", "resume", "Let go what a pause holds", ScopeParameters, resume, _SCOPE, "delete"),
    Deed("approvals/<identity>/approve", "approve", "Let go what waits", ReasonParameters, _approve, _ID),
    Deed("approvals/<identity>/reject", "reject", "End what waits", ReasonParameters, _reject, _ID),
)


def add_routes(routes: Blueprint, services: Services, answer: Callable[[Any], Response]) -> None:
    for deed in DEEDS:
        view = _doer(services, deed, answer)
        routes.add_url_rule(f"/{deed.path}", deed.name, view, methods=[deed.method.upper()])


def describe(description: Description) -> None:
    for deed in DEEDS:
        description.add_action(deed.path, deed.about, deed.parameters, deed.answer, deed.method)


def _doer(services: Services, deed: Deed, answer: Callable[[Any], Response]) -> Callable[..., Response]:
    def do(**named: str) -> Response:
        told = answer(plain(deed.do(services, deed.parameters.read(), **named)))
        told.status_code = 202
        return told

    return do

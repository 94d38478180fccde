"""How destinations do, over the API: those that the configuration names, and one of them."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, abort

from app.bootstrap import Services
from app.store.engine import reading
from app.store.queries import destinations
from app.store.queries.destinations import DestinationLine
from app.store.queries.paging import Page
from app.web.callers import scope
from app.web.openapi import Description
from app.web.parameters import NoParameters


def lines(services: Services) -> tuple[DestinationLine, ...]:
    """All of them, in the order of the configuration. Raises LimitedScopeError."""
    with reading(services.engine) as connection:
        return destinations.lines(connection, scope(), services.in_force().settings.destinations)


def one(services: Services, name: str) -> DestinationLine:
    """Raises LimitedScopeError; 404."""
    with reading(services.engine) as connection:
        (line,) = destinations.lines(connection, scope(), [named(services, name)])
    return line


def named(services: Services, name: str) -> str:
    """`name`, where the configuration has it. Raises LimitedScopeError; 404."""
    scope().require_everything(destinations.WHAT)
    known = services.in_force().settings.destinations
    return name if name in known else abort(404, "the configuration has no such destination")


def add_routes(routes: Blueprint, services: Services, answer: Callable[[Any], Response]) -> None:
    def every() -> Response:
        NoParameters.read()
        return answer(Page(lines(services), None))

    def single(name: str) -> Response:
        NoParameters.read()
        return answer(one(services, name))

    routes.add_url_rule("/destinations", "destinations", every)
    routes.add_url_rule("/destinations/<name>", "destination", single)


def describe(description: Description) -> None:
    description.add_thing("destinations", "How each destination does", NoParameters, Page[DestinationLine])
    description.add_thing("destinations/<name>", "How one destination does", NoParameters, DestinationLine)

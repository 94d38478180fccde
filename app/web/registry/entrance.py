"""Who makes a request of `/v2/`, asked before anything else is."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from flask import Request, Response, request

from app.bootstrap.access import Access
from app.bootstrap.registry import Served
from app.domain.names import parse_repository
from app.domain.text import printable
from app.registry.access.gates import Shown, UnauthorizedError
from app.registry.access.scopes import Visitor, needed
from app.registry.errors import TOO_MANY_REQUESTS, UNAUTHORIZED
from app.web.failures import TOO_MANY, Failures
from app.web.oci import error_answer
from app.web.registry.causes import ACTOR, url_for
from app.web.registry.paths import Route

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entrance:
    """`url_of`: this registry as the client of a request sees it."""

    access: Access
    url_of: Callable[[Request], str]
    failures: Failures = field(default_factory=Failures)

    @classmethod
    def of(cls, served: Served) -> Self:
        return cls(served.access, url_for(served))

    def admit(self, route: Route | None) -> Visitor:
        """Who asks, once they are shown to be allowed to; None: for `/v2/` itself. Raises UnauthorizedError."""
        wanted = () if route is None else needed(route.kind, request.method, route.repository, _source(route))
        visitor = self.access.gate.admit(self.shown(), wanted)
        request.environ[ACTOR] = visitor.name
        return visitor

    def shown(self) -> Shown:
        return Shown.of(request.headers.get("Authorization", ""), lambda: self.url_of(request), int(time.time()))

    def refuse(self, error: UnauthorizedError) -> Response:
        """Passwords that are wrong are counted by address: guessing has to wait, who knows is heard."""
        headers = {"WWW-Authenticate": error.challenge}
        if error.wrong_password:
            address = request.remote_addr or ""
            wait_s = self.failures.count(address, time.time_ns())
            if wait_s:
                return error_answer(TOO_MANY_REQUESTS, TOO_MANY, headers={"Retry-After": str(wait_s)})
            log.warning("somebody at %s gave a wrong password", printable(address or "-"))
        return error_answer(UNAUTHORIZED, error.details, headers=headers)


def _source(route: Route) -> str | None:
    """The repository from which a blob is to be mounted."""
    if route.kind != "uploads" or "mount" not in request.args or not request.args.get("from"):
        return None
    return parse_repository(request.args["from"])

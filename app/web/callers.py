"""Who makes a request: known in one place, for roles, scopes and records."""

import hmac
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from flask import Request, g, session

from app.domain.access import EVERYTHING, AccessScope, Caller, Role
from app.domain.text import printable
from app.store.engine import Engine
from app.store.tokens import Token
from app.usecases import tokens
from app.web.failures import Failures

log = logging.getLogger(__name__)

LOOPBACK = Caller("loopback", Role.ADMIN, EVERYTHING)
ACCESS_TOKEN = Caller("access-token", Role.ADMIN, EVERYTHING)
_NAMED = "token:"
_SIGNED_IN = "caller"


def caller() -> Caller:
    """Who makes the present request: whom the guard let in."""
    found: Caller = g.caller
    return found


def scope() -> AccessScope:
    """What the present request may be told of."""
    return caller().scope


def sign_in(known: Caller) -> None:
    """Let the browser be known by its cookie from now on, until the session's lifetime ends."""
    session.clear()  # what anybody put into it before counts for nothing
    session.permanent = True
    session[_SIGNED_IN] = known.name


def sign_out() -> None:
    session.clear()


@dataclass(frozen=True, slots=True)
class Callers:
    """How callers are known. `access_token` None: nobody is asked, and whoever shows nothing known is LOOPBACK."""

    engine: Engine
    access_token: str | None
    failures: Failures = field(default_factory=Failures)

    def of(self, asked: Request) -> Caller | None:
        """A shown secret counts before a cookie, and instead of it."""
        given = asked.authorization
        if given is None:
            found = self.signed_in()
        else:
            found = self.with_secret((given.token if given.type == "bearer" else given.password) or "")
        return LOOPBACK if found is None and self.access_token is None else found

    def may_send(self, asked: Request, registries: Iterable[str]) -> bool:
        """Whether a token with the role ingest stands in for an origin's own proof: all its registries are in scope."""
        given = asked.authorization
        if given is None or given.type != "bearer" or given.token is None:
            return False
        token = tokens.of_secret(self.engine, given.token)
        if token is None or not token.role.covers(Role.INGEST):
            return False
        return all(token.scope.allows_all_of(registry) for registry in registries)

    def with_secret(self, secret: str) -> Caller | None:
        if self.access_token is not None and hmac.compare_digest(_bytes(secret), _bytes(self.access_token)):
            return ACCESS_TOKEN
        return _named(tokens.of_secret(self.engine, secret))

    def refuse(self, asked: Request) -> int:
        """Count a secret that is nobody's; how many seconds its address has to wait, 0 while it may try again."""
        address = asked.remote_addr or ""
        wait_s = self.failures.count(address, time.time_ns())
        if not wait_s:
            log.warning("somebody at %s showed a token that does not work here", printable(address or "-"))
        return wait_s

    def signed_in(self) -> Caller | None:
        """Looked up at each request: a token that is revoked or has expired signs out everywhere at once."""
        name = session.get(_SIGNED_IN)
        if name == ACCESS_TOKEN.name and self.access_token is not None:
            return ACCESS_TOKEN
        if isinstance(name, str) and name.startswith(_NAMED):
            return _named(tokens.of_name(self.engine, name.removeprefix(_NAMED)))
        return None


def _named(token: Token | None) -> Caller | None:
    return None if token is None else Caller(f"{_NAMED}{token.name}", token.role, token.scope)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")

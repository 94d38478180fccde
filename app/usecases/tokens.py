"""Tokens: made, known again, revoked."""

import hashlib
import secrets
from contextlib import suppress
from dataclasses import dataclass

from app.domain.access import AccessScope, Role
from app.domain.errors import TagtrailError
from app.domain.times import SECOND_NS
from app.store import actions, tokens
from app.store.actions import Action
from app.store.engine import Engine, UnavailableError, now_ns, reading, writing
from app.store.tokens import Token

PREFIX = "tagtrail_"
"""What a secret begins with, so that people and scanners of leaked secrets know one when they see it."""
COARSE_NS = 3600 * SECOND_NS
"""How far the last use may lag behind: one write an hour for each token, not one a request."""


class TokenNameError(TagtrailError):
    """A name that is taken, or that no token has."""


@dataclass(frozen=True, slots=True)
class NewToken:
    """`lasts_ns`: nanoseconds until it opens nothing any more; None: never."""

    name: str
    role: Role
    scope: AccessScope
    lasts_ns: int | None = None

    @property
    def detail(self) -> dict[str, object]:
        """As the log of actions keeps it."""
        globs = None if self.scope.globs is None else [str(glob) for glob in self.scope.globs]
        return {"role": self.role.value, "scope": globs, "lasts_ns": self.lasts_ns}


def issue(engine: Engine, wanted: NewToken, by: str) -> str:
    """A new token's secret, which is kept nowhere. Raises TokenNameError for a name that was ever used."""
    secret, name = PREFIX + secrets.token_urlsafe(32), wanted.name
    with writing(engine) as connection:
        if tokens.named(connection, name) is not None:
            raise TokenNameError(f"a token {name!r} exists or existed; names are not used again: records quote them")
        made_ns = now_ns(connection)
        expires_ns = None if wanted.lasts_ns is None else made_ns + wanted.lasts_ns
        token = Token(name, wanted.role, wanted.scope, made_ns, expires_ns, None, None)
        actions.add(connection, Action(by, "token.add", name, wanted.detail))
        tokens.add(connection, token, _sha256(secret))
    return secret


def revoke(engine: Engine, name: str, by: str) -> None:
    """From now on it opens nothing, and who signed in with it is signed out. Raises TokenNameError."""
    with writing(engine) as connection:
        if tokens.named(connection, name) is None:
            raise TokenNameError(f"no token is called {name!r}; `tagtrail token list` shows all")
        actions.add(connection, Action(by, "token.revoke", name))
        tokens.revoke(connection, name, now_ns(connection))


def of_secret(engine: Engine, secret: str) -> Token | None:
    """The working token with this secret.

    The database compares digests, which nobody can steer towards a stored one: how long that takes tells nothing.
    """
    if not secret.startswith(PREFIX):
        return None
    with reading(engine) as connection:
        found, at_ns = tokens.with_secret(connection, _sha256(secret)), now_ns(connection)
    return _noted(engine, found, at_ns)


def of_name(engine: Engine, name: str) -> Token | None:
    """The working token that somebody has signed in with."""
    with reading(engine) as connection:
        found, at_ns = tokens.named(connection, name), now_ns(connection)
    return _noted(engine, found, at_ns)


def _noted(engine: Engine, token: Token | None, at_ns: int) -> Token | None:
    if token is None or not token.works(at_ns):
        return None
    if token.last_used_ns is None or token.last_used_ns < at_ns - COARSE_NS:
        with suppress(UnavailableError), writing(engine) as connection:
            tokens.used(connection, token.name, at_ns, at_ns - COARSE_NS)
    return token


def _sha256(secret: str) -> str:
    """A slow function with salt protects what people choose; this is 256 random bits, and read at every request."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()

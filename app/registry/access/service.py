"""A token service of our own, for those who have no central one."""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from app.domain.errors import TagtrailError
from app.domain.patterns import glob_matches
from app.registry.access.htpasswd import Htpasswd
from app.registry.access.keys import TrustedKeys
from app.registry.access.scopes import CATALOG, PULL, REPOSITORY, Scope
from app.registry.access.tokens import InvalidTokenError, Trust

NAME = "tagtrail"
"""Both the issuer of our tokens and the service that they are for."""
LASTS_S = 300
REFRESH_LASTS_S = 90 * 86_400
_REFRESH = "tagtrail/refresh"
"""The audience of refresh tokens: the registry takes none of them, and the service nothing else."""


class WrongLoginError(TagtrailError):
    """A password or a refresh token that doesn't hold, or none where nobody unnamed is let in."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What `users` may do (globs; None: anybody, named or not) with the repositories that one of the globs matches."""

    users: Sequence[str] | None
    repositories: Sequence[str]
    actions: Sequence[str]

    def concerns(self, user: str | None) -> bool:
        return self.users is None or (user is not None and any(glob_matches(one, user) for one in self.users))

    def allows(self, repository: str, action: str) -> bool:
        return action in self.actions and any(glob_matches(one, repository) for one in self.repositories)


def granted(grants: Sequence[Grant], user: str | None, asked: Sequence[Scope]) -> list[Scope]:
    """What is asked for, as far as it is granted. Who may pull everything may see the catalog."""
    concerned = [grant for grant in grants if grant.concerns(user)]
    found = []
    for scope in asked:
        if scope.kind == REPOSITORY:
            actions = [one for one in scope.actions if any(grant.allows(scope.name, one) for grant in concerned)]
            found += [Scope(scope.kind, scope.name, tuple(actions))] if actions else []
        elif scope == CATALOG and any(PULL in grant.actions and "**" in grant.repositories for grant in concerned):
            found.append(scope)
    return found


@dataclass(frozen=True, slots=True)
class Issued:
    """A token, what it allows, and for how long from when (seconds)."""

    token: str
    scopes: Sequence[Scope]
    issued_s: int
    lasts_s: int = LASTS_S


@dataclass(frozen=True, slots=True)
class TokenService:
    key: ECKey
    users: Htpasswd
    grants: Sequence[Grant]

    @classmethod
    def of(cls, pem: str, users: Htpasswd, grants: Sequence[Grant]) -> Self:
        """Raises ValueError where `pem` is no key of P-256."""
        try:
            key = ECKey.import_key(pem)
        except (JoseError, ValueError, TypeError):
            raise ValueError("not a private key of P-256 in PEM") from None
        if key.curve_name != "P-256" or not key.is_private:
            raise ValueError("not a private key of P-256 in PEM")
        return cls(key, users, grants)

    @property
    def trust(self) -> Trust:
        """What tokens of this service are known by."""
        public = ECKey.import_key(self.key.as_dict(private=False))
        return Trust(NAME, NAME, TrustedKeys([], {self.key.thumbprint(): public}), frozenset({"ES256"}))

    def user_of_login(self, login: tuple[str, str] | None) -> str | None:
        """Who logs in; None: nobody in particular, where somebody unnamed may do something. WrongLoginError."""
        if login is None:
            if not any(grant.users is None for grant in self.grants):
                raise WrongLoginError("a user and a password are wanted")
            return None
        if not self.users.knows(*login):
            raise WrongLoginError("no such user, or another password")
        return login[0]

    def user_of_refresh(self, token: str, now_s: int) -> str:
        """Whose refresh token it is: it holds as long as the user's password stays what it was. WrongLoginError."""
        try:
            claims = self.trust.claims(token, _REFRESH, now_s)
        except InvalidTokenError:
            raise WrongLoginError("not a refresh token that holds") from None
        user = str(claims.get("sub"))
        if claims.get("password") != self._password_mark(user):
            raise WrongLoginError("the user is gone, or has another password")
        return user

    def issue(self, user: str | None, asked: Sequence[Scope], now_s: int) -> Issued:
        scopes = granted(self.grants, user, asked)
        access = [{"type": one.kind, "name": one.name, "actions": list(one.actions)} for one in scopes]
        token = self._signed({"aud": NAME, "sub": user or "", "access": access}, now_s, LASTS_S)
        return Issued(token, scopes, now_s)

    def refresh_token(self, user: str, now_s: int) -> str:
        claims = {"aud": _REFRESH, "sub": user, "password": self._password_mark(user)}
        return self._signed(claims, now_s, REFRESH_LASTS_S)

    def _signed(self, claims: dict[str, Any], now_s: int, lasts_s: int) -> str:
        header = {"alg": "ES256", "typ": "JWT", "kid": self.key.thumbprint()}
        when = {"iat": now_s, "nbf": now_s, "exp": now_s + lasts_s}
        return jwt.encode(header, {"iss": NAME, "jti": uuid.uuid4().hex, **claims, **when}, self.key)

    def _password_mark(self, user: str) -> str | None:
        """Tells one password from the next, and nothing about it that its hash does not."""
        hashed = self.users.users.hashes.get(user)
        return hashlib.sha256(hashed).hexdigest() if hashed else None

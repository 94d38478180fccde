"""Tokens: JSON web tokens as distribution's "Token Authentication Specification" has them. Pure."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwa import JWSAlgModel

from app.domain.errors import TagtrailError
from app.registry.access.gates import Shown, UnauthorizedError, quoted
from app.registry.access.keys import TrustedKeys, UntrustedKeyError, algorithms_of
from app.registry.access.scopes import Scope, Visitor

LEEWAY_S = 60
"""How far the issuer's clock may be from ours."""
MAX_TOKEN = 32 * 1024
"""Characters: chains of certificates are long."""


class InvalidTokenError(TagtrailError):
    """Forged, expired, not for us, or no token at all."""


class _Jws(jws.JWSRegistry):
    """Of the algorithms only those that are given; a header may hold what nobody here knows."""

    max_header_length = MAX_TOKEN

    def __init__(self, algorithms: Collection[str] = ()) -> None:
        super().__init__(algorithms=algorithms, strict_check_header=False)

    def get_alg(self, name: str) -> JWSAlgModel:
        if name not in (self.allowed or ()):
            raise InvalidTokenError
        return self.algorithms[name]


@dataclass(frozen=True, slots=True)
class Trust:
    """Who must have issued a token, for whom, and signed with what; `algorithms` None: with any that fits its key."""

    issuer: str
    service: str
    keys: TrustedKeys
    algorithms: frozenset[str] | None = None

    def visitor(self, token: str, now_s: int) -> Visitor:
        """Whom the token speaks for. Raises InvalidTokenError."""
        claims = self.claims(token, self.service, now_s)
        return Visitor(claims.get("sub") or None, _access(claims.get("access")))

    def claims(self, token: str, audience: str, now_s: int) -> Mapping[str, Any]:
        """What a token says, once it is shown to be the issuer's, for `audience` and of now. InvalidTokenError."""
        if len(token) > MAX_TOKEN or not token.isascii():
            raise InvalidTokenError
        try:
            key = self.keys.of(jws.extract_compact(token.encode(), registry=_Jws()).headers(), now_s)
            fitting = [one for one in algorithms_of(key) if self.algorithms is None or one in self.algorithms]
            claims = jwt.decode(token, key, registry=_Jws(fitting)).claims
            _claims(self.issuer, audience, now_s).validate(claims)
        except (JoseError, UntrustedKeyError, ValueError, TypeError, RecursionError) as error:
            raise InvalidTokenError from error
        return claims


@dataclass(frozen=True, slots=True)
class ByToken:
    """`realm`: where tokens are given; a path stands for one of this registry itself. `trust`: what counts now."""

    realm: str
    trust: Callable[[], Trust]

    def admit(self, shown: Shown, wanted: Sequence[Scope]) -> Visitor:
        if shown.token is None:
            raise UnauthorizedError(self._challenge(shown, wanted), wanted)
        try:
            visitor = self.trust().visitor(shown.token, shown.now_s)
        except InvalidTokenError:
            raise UnauthorizedError(self._challenge(shown, wanted, "invalid_token"), wanted) from None
        if not visitor.may(wanted):
            raise UnauthorizedError(self._challenge(shown, wanted, "insufficient_scope"), wanted)
        return visitor

    def _challenge(self, shown: Shown, wanted: Sequence[Scope], error: str = "") -> str:
        realm = shown.base_url() + self.realm if self.realm.startswith("/") else self.realm
        said = {"realm": realm, "service": self.trust().service, "scope": " ".join(map(str, wanted)), "error": error}
        return "Bearer " + ",".join(f"{name}={quoted(value)}" for name, value in said.items() if value)


def _claims(issuer: str, audience: str, now_s: int) -> jwt.JWTClaimsRegistry:
    wanted: dict[str, jwt.ClaimsOption] = {
        "iss": {"essential": True, "value": issuer},
        "aud": {"essential": True, "value": audience},
        "exp": {"essential": True},
    }
    return jwt.JWTClaimsRegistry(now_s, LEEWAY_S, **wanted)


def _access(claim: object) -> Sequence[Scope]:
    """What the token allows. Raises InvalidTokenError for anything else than a list of resources with actions."""
    if claim is None:
        return ()
    if not isinstance(claim, list):
        raise InvalidTokenError
    return tuple(_scope(one) for one in claim)


def _scope(resource: object) -> Scope:
    match resource:
        case {"type": str(kind), "name": str(name), "actions": list(actions)} if all(
            isinstance(action, str) for action in actions
        ):
            return Scope(kind, name, tuple(actions))
    raise InvalidTokenError

"""Identity tokens: JSON web tokens that an issuer signs for one audience (OpenID Connect Core 1.0, section 2).

Google's Pub/Sub pushes with one. The keys are configured: nothing is asked of the issuer.
"""

import json
from dataclasses import dataclass
from functools import lru_cache

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from app.domain.proofs import Proof, credentials

ALGORITHMS = ("RS256", "ES256")
LEEWAY_S = 60
"""How far the issuer's clock may be from ours."""
MAX_TOKEN = 16 * 1024


@dataclass(frozen=True, slots=True)
class Issued:
    """Who must have issued a token, for whom and, where `email` is given, to which verified account."""

    issuer: str
    audience: str
    email: str | None = None


@lru_cache(maxsize=64)
def parse_keys(text: str) -> KeySet:
    """A JWK set (RFC 7517) of public RSA or EC keys. Raises ValueError that says what is wrong."""
    try:
        found = KeySet.import_key_set(json.loads(text))
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ValueError('not a set of keys; it looks like {"keys": [{"kty": "RSA", …}]}') from None
    if not all(isinstance(key, RSAKey | ECKey) and not key.is_private for key in found):
        raise ValueError("it may hold public RSA and EC keys only")
    return found


def oidc(keys: KeySet, issued: Issued) -> Proof:
    """The token as the bearer of a request."""
    return lambda shown: is_issued(credentials(shown, "bearer"), keys, issued, shown.now_s)


def is_issued(token: str, keys: KeySet, issued: Issued, now_s: int) -> bool:
    """Whether one of `keys` has signed the token, for whom it should, and it is of now."""
    if len(token) > MAX_TOKEN:
        return False
    try:
        claims = jwt.decode(token, keys, algorithms=ALGORITHMS).claims
        _claims(issued, now_s).validate(claims)
    except (JoseError, ValueError, TypeError, RecursionError):
        return False
    return issued.email is None or claims.get("email_verified") is True


def _claims(issued: Issued, now_s: int) -> jwt.JWTClaimsRegistry:
    wanted: dict[str, jwt.ClaimsOption] = {
        "iss": {"essential": True, "value": issued.issuer},
        "aud": {"essential": True, "value": issued.audience},
        "exp": {"essential": True},
    }
    if issued.email is not None:
        wanted["email"] = {"essential": True, "value": issued.email}
    return jwt.JWTClaimsRegistry(now_s, LEEWAY_S, **wanted)

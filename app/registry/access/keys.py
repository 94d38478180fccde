"""Whose signatures count: certificates and JSON web keys, and which key has signed a token. Pure."""

import base64
import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import verification
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from app.registry.schema1 import libtrust_id

Key = RSAKey | ECKey | OKPKey

_LONGEST_CHAIN = 5
_BY_CURVE = {"P-256": ("ES256",), "P-384": ("ES384",), "P-521": ("ES512",), "Ed25519": ("EdDSA", "Ed25519")}
_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_SHORTEST_RSA = 2048
_KINDS = "RSA of 2048 bits or more, EC (P-256, P-384, P-521), Ed25519"
_CA = verification.ExtensionPolicy.permit_all().require_present(
    x509.BasicConstraints, verification.Criticality.AGNOSTIC, None
)
_LEAF = verification.ExtensionPolicy.permit_all()


class UntrustedKeyError(ValueError):
    """A header that leads to no key that is trusted."""


def algorithms_of(key: Key) -> Sequence[str]:
    """What a key of this type may be used for: never HS256, whose secret would be the public key."""
    if isinstance(key, RSAKey):
        return _RSA if key.public_key.key_size >= _SHORTEST_RSA else ()
    return _BY_CURVE.get(key.curve_name, ())


@dataclass(frozen=True, slots=True)
class TrustedKeys:
    """`roots`: sign the certificates that come with a token, or are these. `by_id`: the keys that a token may name."""

    roots: list[x509.Certificate]
    by_id: Mapping[str, Key]

    @classmethod
    def read(cls, bundle: bytes | None, key_set: str | None) -> "TrustedKeys":
        """PEM certificates, and a JWK set (RFC 7517). Raises ValueError that says what is wrong."""
        roots = [] if bundle is None else _certificates(bundle)
        keys = {} if key_set is None else _key_set(key_set)
        for root in roots:
            key = _key_of(root)
            keys |= {key.thumbprint(): key, libtrust_id(key): key}
        if not keys:
            raise ValueError("no key is trusted; give a rootcertbundle or a jwks")
        return cls(roots, keys)

    def of(self, header: Mapping[str, Any], now_s: int) -> Key:
        """The key that a token's header leads to, as distribution looks for it. Raises UntrustedKeyError.

        A chain of certificates, if one comes along, must end at a root; else a key is named, and the trusted one by
        that name is used, whatever comes along.
        """
        jwk = header.get("jwk")
        for place in (header, jwk if isinstance(jwk, dict) else {}):
            if "x5c" in place:
                return self._of_chain(place["x5c"], now_s)
        named = jwk.get("kid") if isinstance(jwk, dict) else header.get("kid")
        found = self.by_id.get(named) if isinstance(named, str) else None
        if found is None:
            raise UntrustedKeyError
        return found

    def _of_chain(self, texts: object, now_s: int) -> Key:
        if not (self.roots and isinstance(texts, list) and 0 < len(texts) <= _LONGEST_CHAIN):
            raise UntrustedKeyError
        try:
            leaf, *others = [x509.load_der_x509_certificate(base64.b64decode(one, validate=True)) for one in texts]
            _verifier(self.roots, now_s).verify(leaf, others)
            return _key_of(leaf)
        except (verification.VerificationError, x509.DuplicateExtension, TypeError, ValueError) as error:
            raise UntrustedKeyError from error


def _verifier(roots: list[x509.Certificate], now_s: int) -> verification.ClientVerifier:
    builder = verification.PolicyBuilder().store(verification.Store(roots)).max_chain_depth(_LONGEST_CHAIN)
    at = builder.time(dt.datetime.fromtimestamp(now_s, dt.UTC))
    return at.extension_policies(ca_policy=_CA, ee_policy=_LEAF).build_client_verifier()


def _certificates(bundle: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(bundle)
    except ValueError:
        raise ValueError("no certificates in PEM: -----BEGIN CERTIFICATE-----") from None


def _key_set(text: str) -> dict[str, Key]:
    try:
        found = KeySet.import_key_set(json.loads(text)).keys
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ValueError('not a set of keys; it looks like {"keys": [{"kty": "EC", …}]}') from None
    keys = {key.kid or key.thumbprint(): key for key in found if _is_public(key)}
    if len(keys) != len(found):
        raise ValueError(f"it may hold public keys only, each with a kid of its own: {_KINDS}")
    return keys


def _is_public(key: object) -> TypeGuard[Key]:
    return isinstance(key, Key) and not key.is_private and bool(algorithms_of(key))


def _key_of(certificate: x509.Certificate) -> Key:
    """Raises ValueError for a key of another type."""
    public = certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for kind in (RSAKey, ECKey, OKPKey):
        try:
            key = kind.import_key(public)
        except (JoseError, ValueError, TypeError):
            continue
        if _is_public(key):
            return key
    raise ValueError(f"a certificate has a key of another kind than these: {_KINDS}")

"""Keys and signed tokens, and codes of bodies, made by hand: nothing here is shared with what checks them."""

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def code_of(secret: bytes, body: bytes, algorithm: str = "sha256") -> bytes:
    """HMAC as RFC 2104 writes it."""
    if len(secret) > 64:
        secret = hashlib.new(algorithm, secret).digest()
    padded = secret.ljust(64, b"\0")
    inner = hashlib.new(algorithm, bytes(byte ^ 0x36 for byte in padded) + body).digest()
    return hashlib.new(algorithm, bytes(byte ^ 0x5C for byte in padded) + inner).digest()


@cache
def rsa_key(number: int = 0) -> rsa.RSAPrivateKey:
    """One a number, the same in a whole run: making one takes long."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def ec_key(number: int = 0) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def text_of(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _number(number: int) -> str:
    return text_of(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def jwk(key: Key, kid: str) -> dict[str, str]:
    """The public half, as RFC 7518 section 6 writes it."""
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        return {"kty": "RSA", "kid": kid, "n": _number(numbers.n), "e": _number(numbers.e)}
    point = key.public_key().public_numbers()
    x, y = (text_of(at.to_bytes(32, "big")) for at in (point.x, point.y))
    return {"kty": "EC", "crv": "P-256", "kid": kid, "x": x, "y": y}


def jwks(**keys: Key) -> str:
    return json.dumps({"keys": [jwk(key, kid) for kid, key in keys.items()]})


def token(claims: Mapping[str, Any], key: Key, kid: str | None = "one", **header: Any) -> str:
    """A compact JWS (RFC 7515) by `key`; `header` replaces what is usual."""
    usual = {"alg": "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256", "typ": "JWT"}
    said = usual | ({"kid": kid} if kid else {}) | header
    signed = ".".join(text_of(json.dumps(part).encode()) for part in (said, claims))
    return f"{signed}.{text_of(_sign(key, signed.encode()))}"


def _sign(key: Key, content: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(content, padding.PKCS1v15(), SHA256())
    r, s = decode_dss_signature(key.sign(content, ec.ECDSA(SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")

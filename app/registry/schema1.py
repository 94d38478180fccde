"""Docker's image manifest of schema 1, as registries of 2015 kept it: signed, and addressed by what was signed.

A body is JSON with its signatures inside. Each says in its protected header how the payload, without them, comes out of
the body again: its first `formatLength` bytes, then `formatTail`. The digest is the payload's, so the same manifest has
the same one in every registry, whoever signed it. Signatures are checked, and not kept: whoever pulls gets one by this
registry's key (docker's "Image Manifest Version 2, Schema 1", and libtrust's JSON signatures).
"""

import base64
import hashlib
import json
from binascii import Error as Base64Error
from datetime import UTC, datetime
from typing import Any, NoReturn

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, RSAKey, import_key

from app.domain.digests import Descriptor, Digest
from app.domain.errors import InvalidDigestError
from app.domain.names import is_repository
from app.registry.errors import MANIFEST_INVALID, MANIFEST_UNVERIFIED, RegistryError
from app.registry.validation import Manifest

SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws"
SPELLINGS = frozenset({SIGNED, "application/vnd.docker.distribution.manifest.v1+json", "application/json", ""})
"""What clients call it; the last two did before manifests had types of their own."""
_LAYER = "application/vnd.docker.container.image.rootfs.diff+x-gtar"
_BY_CURVE = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
_BY_RSA = frozenset({"RS256", "RS384", "RS512"})
_REGISTRY = jws.JWSRegistry(algorithms=[*_BY_CURVE.values(), *_BY_RSA], strict_check_header=False)


class Schema1:
    """Reads manifests that are pushed, and signs those that are pulled."""

    def __init__(self, key: ECKey | RSAKey) -> None:
        """`key`: this registry's private one."""
        self._key = key
        self._algorithm = _algorithm_of(key)

    def parse(self, body: bytes) -> Manifest:
        """MANIFEST_INVALID, or MANIFEST_UNVERIFIED unless every signature in it is right and there is one."""
        document = _document(body)
        signatures = document.get("signatures")
        if not isinstance(signatures, list) or not signatures:
            raise RegistryError(MANIFEST_UNVERIFIED, "there is no signature")
        payloads = {_verified(signature, body) for signature in signatures}
        if len(payloads) > 1:
            raise RegistryError(MANIFEST_UNVERIFIED, "the signatures are of different payloads")
        (payload,) = payloads
        return stored(payload, Digest.of(payload))

    def signed(self, manifest: Manifest) -> bytes:
        """The payload of one that is stored, with a signature by this registry's key."""
        payload = manifest.body
        end = len(payload[: payload.rindex(b"}")].rstrip())
        protected = {
            "formatLength": end,
            "formatTail": _encoded(payload[end:]),
            "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        member: Any = {"protected": protected, "header": {"alg": self._algorithm, "jwk": _public(self._key)}}
        made: Any = jws.serialize_json([member], payload, self._key, registry=_REGISTRY)
        (signature,) = made["signatures"]
        told = json.dumps([{name: signature[name] for name in ("header", "signature", "protected")}], indent=3)
        return payload[:end] + b',\n   "signatures": ' + told.replace("\n", "\n   ").encode() + b"\n}"


def stored(payload: bytes, digest: Digest) -> Manifest:
    """One without its signatures. MANIFEST_INVALID."""
    document = _document(payload)
    layers, history = document.get("fsLayers"), document.get("history")
    if not isinstance(layers, list) or not isinstance(history, list) or not len(layers) == len(history) > 0:
        _invalid("fsLayers and history are not two lists of the same length")
    name = document.get("name")
    if not isinstance(name, str) or not is_repository(name):
        _invalid(f"name is {name!r:.100}")
    return Manifest(SIGNED, digest, payload, tuple(_layer(layer) for layer in layers))


def is_schema1(body: bytes) -> bool:
    """Whether stored bytes say that they are of schema 1."""
    try:
        return bool(json.loads(body).get("schemaVersion") == 1)
    except (ValueError, RecursionError, AttributeError):
        return False


def libtrust_id(key: Key) -> str:
    """How libtrust names a public key: twelve groups of four letters."""
    public = x509_bytes(key)
    text = base64.b32encode(hashlib.sha256(public).digest()[:30]).decode()
    return ":".join(text[at : at + 4] for at in range(0, len(text), 4))


def x509_bytes(key: Key) -> bytes:
    """The public key as SubjectPublicKeyInfo in DER."""
    public: Any = key.public_key
    return bytes(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _verified(signature: Any, body: bytes) -> bytes:
    """The payload that one signature is of. MANIFEST_UNVERIFIED."""
    try:
        payload, key = _payload(signature["protected"], body), _key_of(signature["header"])
        sealed: Any = signature | {"header": {"alg": signature["header"]["alg"]}}
        jws.deserialize_json({"payload": _encoded(payload), "signatures": [sealed]}, key, registry=_REGISTRY)
    except (JoseError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RegistryError(MANIFEST_UNVERIFIED, f"a signature is wrong: {type(error).__name__}") from None
    return payload


def _payload(protected: str, body: bytes) -> bytes:
    said = json.loads(_decoded(protected))
    length = said["formatLength"]
    if type(length) is not int or not 0 <= length <= len(body):
        raise ValueError("formatLength")
    return body[:length] + _decoded(said["formatTail"])


def _key_of(header: dict[str, Any]) -> ECKey | RSAKey:
    """The key that the header carries, if its algorithm is one for it. Whose it is nobody says: a chain of certificates
    is not followed to a root.
    """
    if "jwk" in header:
        given = header["jwk"]
        key = import_key({name: given[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in given})
    else:
        first = x509.load_der_x509_certificate(base64.b64decode(header["x5c"][0], validate=True))
        given = {}
        key = import_key(first.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    allowed = _BY_RSA if isinstance(key, RSAKey) else {_algorithm_of(key)} if isinstance(key, ECKey) else ()
    if header["alg"] not in allowed or not isinstance(key, ECKey | RSAKey):
        raise ValueError("alg")
    if "kid" in given and given["kid"] != libtrust_id(key):
        raise ValueError("kid")
    return key


def _algorithm_of(key: ECKey | RSAKey) -> str:
    return "RS256" if isinstance(key, RSAKey) else _BY_CURVE[key.curve_name]


def _public(key: ECKey | RSAKey) -> dict[str, Any]:
    told = key.as_dict(private=False)
    fields = {name: told[name] for name in ("crv", "kty", "x", "y", "n", "e") if name in told}
    return fields | {"kid": libtrust_id(key)}


def _layer(found: Any) -> Descriptor:
    try:
        return Descriptor(_LAYER, Digest.parse(found["blobSum"]), 0)
    except (InvalidDigestError, TypeError, KeyError):
        _invalid(f"a layer is {found!r:.200}")


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body.decode())
    except (ValueError, RecursionError) as error:
        _invalid(f"not JSON: {error}")
    if not isinstance(document, dict) or type(document.get("schemaVersion")) is not int:
        _invalid("not a JSON object with a schemaVersion")
    if document["schemaVersion"] != 1:
        _invalid("schemaVersion is not 1")
    return document


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except Base64Error as error:
        raise ValueError(str(error)) from None


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _invalid(reason: str) -> NoReturn:
    raise RegistryError(MANIFEST_INVALID, reason)

"""Manifests of schema 1: the digest is the payload's, signatures are checked, and made anew for who pulls."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, Key, RSAKey, import_key
from registry_server import an_app
from shop import HERE, Shop

from app.domain.digests import Digest
from app.registry import schema1
from app.registry.errors import RegistryError
from app.registry.locks import ThreadLocks
from app.registry.policy import Policy
from app.registry.registry import Registry
from app.registry.schema1 import SIGNED, Schema1
from app.registry.storage.factory import make_driver

DATA = Path(__file__).parents[1] / "data" / "schema1"
ONCE, AGAIN = ((DATA / f"signed-{when}.json").read_bytes() for when in ("once", "again"))
"""Two pulls of one tag from docker-registry 2.8.2: other signatures, the same manifest."""
DIGEST = Digest.parse("sha256:613913b1d34a6156f1a751d9016f34992c46263863a16fb155e067e18e06e2a6")
"""What docker-registry called it."""
KEY = ECKey.generate_key("P-256")
KEYS: dict[str, Key] = {
    "ES256": ECKey.generate_key("P-256"), "ES384": ECKey.generate_key("P-384"), "ES512": ECKey.generate_key("P-521"),
    "RS256": RSAKey.generate_key(2048),
}  # fmt: skip
LAYER = Digest.of(b"layer")
PAYLOAD = b"""{
   "schemaVersion": 1,
   "name": "old/app",
   "fsLayers": [{"blobSum": "%s"}],
   "history": [{}]
}""" % str(LAYER).encode()


def signed(key: Any = KEY, payload: bytes = PAYLOAD) -> bytes:
    return Schema1(key).signed(schema1.stored(payload, Digest.of(payload)))


@pytest.fixture
def old(tmp_path: Path) -> Shop:
    """A shop that takes schema 1, and has the layers of ONCE and of PAYLOAD."""
    locks = ThreadLocks()
    driver = make_driver("inmemory", {})
    shop = Shop(driver, locks)
    shop.registry = Registry(driver, locks, Policy(schema1=Schema1(KEY)))
    shop.client = an_app(shop.registry, lambda _: shop.recorder).test_client()
    shop.push_blob(b"layer")
    for layer in json.loads(ONCE)["fsLayers"]:
        digest = Digest.parse(layer["blobSum"])
        shop.driver.put_content(f"{HERE}/_layers/sha256/{digest.encoded}/link", str(digest).encode())
        shop.driver.put_content(
            f"/docker/registry/v2/blobs/sha256/{digest.encoded[:2]}/{digest.encoded}/data", b"as if"
        )
    shop.recorder.take()
    return shop


@pytest.mark.parametrize("body", [ONCE, AGAIN])
@pytest.mark.parametrize("media_type", [SIGNED, "application/json", ""])
def test_a_manifest_has_the_digest_that_another_registry_gave_it(old: Shop, body: bytes, media_type: str) -> None:
    answer = old.call("PUT", "manifests/v1", status=201, data=body, headers={"Content-Type": media_type})
    assert answer.headers["Docker-Content-Digest"] == str(DIGEST)
    assert answer.headers["Warning"] == '299 - "manifests of schema 1 are deprecated, and many clients pull none"'
    (fact,) = old.recorder.facts
    assert fact.descriptor is not None
    assert (fact.descriptor.media_type, fact.descriptor.digest, fact.descriptor.size) == (SIGNED, DIGEST, 1021)
    assert [str(layer.digest) for layer in fact.references] == [
        layer["blobSum"] for layer in json.loads(body)["fsLayers"]
    ]


def test_who_pulls_gets_a_signature_of_ours(old: Shop) -> None:
    old.put("v1", ONCE, SIGNED)
    for reference in ("v1", str(DIGEST)):
        answer = old.call("GET", f"manifests/{reference}", status=200)
        assert answer.content_type == SIGNED
        assert answer.headers["Docker-Content-Digest"] == str(DIGEST)
        head = old.call("HEAD", f"manifests/{reference}", status=200)
        assert int(head.headers["Content-Length"]) == len(answer.data)
        (signature,) = json.loads(answer.data)["signatures"]
        assert signature["header"]["jwk"]["kid"] == schema1.libtrust_id(KEY)
        assert signature["signature"] != json.loads(ONCE)["signatures"][0]["signature"]
        assert Schema1(KEY).parse(answer.data).digest == DIGEST
    old.put("again", old.call("GET", "manifests/v1", status=200).data, SIGNED)
    assert old.call("HEAD", "manifests/again", status=200).headers["Docker-Content-Digest"] == str(DIGEST)


def test_what_is_stored_is_the_payload(old: Shop) -> None:
    old.put("v1", ONCE, SIGNED)
    stored = old.driver.get_content(f"/docker/registry/v2/blobs/sha256/{DIGEST.encoded[:2]}/{DIGEST.encoded}/data")
    assert Digest.of(stored) == DIGEST
    assert "signatures" not in json.loads(stored)


@pytest.mark.parametrize("algorithm", KEYS)
def test_every_algorithm(old: Shop, algorithm: str) -> None:
    body = signed(KEYS[algorithm])
    assert json.loads(body)["signatures"][0]["header"]["alg"] == algorithm
    assert old.put("v1", body, SIGNED).headers["Docker-Content-Digest"] == str(Digest.of(PAYLOAD))


def test_a_name_for_a_key_is_what_libtrust_calls_it() -> None:
    jwk = json.loads(ONCE)["signatures"][0]["header"]["jwk"]
    key = import_key({name: jwk[name] for name in ("kty", "crv", "x", "y")})
    assert schema1.libtrust_id(key) == jwk["kid"]


def forged(**over: Any) -> bytes:
    """ONCE with other fields in its only signature."""
    document = json.loads(ONCE)
    (signature,) = document["signatures"]
    for name, value in over.items():
        if name in ("alg", "jwk", "x5c"):
            signature["header"] = {**signature["header"], name: value}
        else:
            signature[name] = value
    payload = ONCE[: ONCE.rindex(b',"signatures"')]
    return payload + b',"signatures":' + json.dumps([signature]).encode() + b"}"


def protected(**said: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode()


OTHER = ECKey.generate_key("P-256").as_dict(private=False)
FORGERIES = {
    "altered": ONCE.replace(b"amd64", b"arm64", 1),
    "unsigned": ONCE[: ONCE.rindex(b',"signatures"')] + b"}",
    "no signature": ONCE[: ONCE.rindex(b',"signatures"')] + b',"signatures":[]}',
    "another key": forged(jwk={name: OTHER[name] for name in ("kty", "crv", "x", "y")}),
    "another key's name": forged(jwk=json.loads(ONCE)["signatures"][0]["header"]["jwk"] | {"kid": "AAAA"}),
    "another algorithm": forged(alg="ES384"),
    "none": forged(alg="none"),
    "a secret": forged(alg="HS256", jwk={"kty": "oct", "k": "c2VjcmV0"}),
    "no JSON": forged(protected="eyJ"),
    "behind the end": forged(protected=protected(formatLength=10**9, formatTail="fQ")),
    "before the beginning": forged(protected=protected(formatLength=-1, formatTail="fQ")),
    "a certificate that is none": forged(x5c=["AAAA"], jwk=None),
    "a number": forged(signature=1),
    "a list": ONCE[: ONCE.rindex(b',"signatures"')] + b',"signatures":[[]]}',
}


@pytest.mark.parametrize("how", FORGERIES)
def test_forgeries_are_refused(old: Shop, how: str) -> None:
    old.refused("PUT", "manifests/v1", 400, "MANIFEST_UNVERIFIED", data=FORGERIES[how], content_type=SIGNED)
    old.call("GET", "manifests/v1", status=404)


def test_all_signatures_must_be_right(old: Shop) -> None:
    good, bad = json.loads(ONCE)["signatures"][0], json.loads(FORGERIES["another key"])["signatures"][0]
    body = ONCE[: ONCE.rindex(b',"signatures"')] + b',"signatures":' + json.dumps([good, bad]).encode() + b"}"
    old.refused("PUT", "manifests/v1", 400, "MANIFEST_UNVERIFIED", data=body, content_type=SIGNED)
    twice = ONCE[: ONCE.rindex(b',"signatures"')] + b',"signatures":' + json.dumps([good, good]).encode() + b"}"
    old.put("v1", twice, SIGNED)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"schemaVersion":1,"name":"a","fsLayers":[],"history":[]}',
        b'{"schemaVersion":1,"name":"a","fsLayers":[{"blobSum":"x"}],"history":[{}]}',
        b'{"schemaVersion":1,"name":"A","fsLayers":[{"blobSum":"%s"}],"history":[{}]}' % str(DIGEST).encode(),
        b'{"schemaVersion":1,"name":"a","fsLayers":[{"blobSum":"%s"}],"history":[]}' % str(DIGEST).encode(),
        b'{"schemaVersion":2,"name":"a"}',
    ],
)
def test_a_signature_does_not_make_it_right(old: Shop, payload: bytes) -> None:
    body = Schema1(KEY).signed(schema1.Manifest(SIGNED, DIGEST, payload, ()))
    old.refused("PUT", "manifests/v1", 400, "MANIFEST_INVALID", data=body, content_type=SIGNED)


def test_layers_must_be_there(old: Shop) -> None:
    old.driver.delete(f"{HERE}/_layers")
    old.refused("PUT", "manifests/v1", 400, "MANIFEST_BLOB_UNKNOWN", data=ONCE, content_type=SIGNED)


def test_by_digest(old: Shop) -> None:
    old.put(str(DIGEST), ONCE, SIGNED)
    wrong = Digest.of(ONCE)
    old.recorder.take()
    old.refused("PUT", f"manifests/{wrong}", 400, "DIGEST_INVALID", data=ONCE, content_type=SIGNED)


def test_it_is_off_unless_asked_for(old: Shop, shop: Shop) -> None:
    shop.refused("PUT", "manifests/v1", 400, "MANIFEST_INVALID", data=ONCE, content_type=SIGNED)
    old.put("v1", ONCE, SIGNED)
    off = Registry(old.driver, old.locks)
    with pytest.raises(RegistryError, match="MANIFEST_UNKNOWN"):
        off.manifest("shop/web", "v1")


@given(st.binary() | st.integers(0, len(ONCE) - 1).flatmap(
    lambda at: st.binary(max_size=4).map(lambda piece: ONCE[:at] + piece + ONCE[at + len(piece):])))
def test_no_body_makes_it_fail(body: bytes) -> None:
    try:
        manifest = Schema1(KEY).parse(body)
    except RegistryError as error:
        assert error.code.code in ("MANIFEST_INVALID", "MANIFEST_UNVERIFIED")
    else:
        assert manifest.digest == DIGEST

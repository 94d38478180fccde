"""Debian's docker-registry and `tagtrail registry serve` with the same `auth:`: both let in and refuse the same."""

import base64
import datetime as dt
import hashlib
import http.client
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alone import registry_alone
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from peer import PASSWORD, docker_registry, htpasswd
from tokens import Key, ec_key, rsa_key, token

from app.domain.digests import Digest

pytestmark = pytest.mark.e2e

DIGEST = Digest.of(b"content")
OURS = 'version: 0.1\nstorage: {inmemory: , delete: {enabled: true}}\nhttp: {addr: "localhost:PORT"}\n'
TOKEN = "auth: {token: {realm: 'https://auth.example/token', service: shop, issuer: auth, rootcertbundle: BUNDLE}}\n"
REQUESTS = [
    ("GET", "/v2/"),
    ("GET", "/v2/_catalog"),
    ("GET", "/v2/shop/web/tags/list"),
    ("GET", "/v2/shop/web/manifests/v1"),
    ("HEAD", f"/v2/shop/web/blobs/{DIGEST}"),
    ("POST", "/v2/shop/web/blobs/uploads/"),
    ("POST", f"/v2/shop/web/blobs/uploads/?mount={DIGEST}&from=base"),
    ("PUT", "/v2/shop/web/manifests/v1"),
    ("DELETE", f"/v2/shop/web/manifests/{DIGEST}"),
    ("DELETE", f"/v2/shop/web/blobs/{DIGEST}"),
]


@contextmanager
def both(folder: Path, auth: str) -> Iterator[tuple[str, str]]:
    (folder / "theirs").mkdir()
    (folder / "ours").mkdir()
    with docker_registry(folder / "theirs", auth) as theirs, registry_alone(folder / "ours", OURS + auth) as alone:
        yield theirs, alone.host


def asked(host: str, method: str, path: str, authorization: str = "") -> tuple[int, str, Any]:
    """Status, challenge, and what the error was about."""
    connection = http.client.HTTPConnection(host, timeout=20)
    try:
        connection.request(method, path, headers={"Authorization": authorization} if authorization else {})
        answer = connection.getresponse()
        body = answer.read()
        told = json.loads(body)["errors"][0] if answer.status == 401 and body else {}
        wanted = {(one["Type"], one["Name"], one["Action"]) for one in told.get("detail") or ()}
        challenge = _ordered(answer.getheader("WWW-Authenticate", ""))
        return answer.status, challenge, (told.get("code"), told.get("message"), wanted)
    finally:
        connection.close()


def _ordered(challenge: str) -> str:
    """Go's maps give scopes and actions in any order."""
    before, scope, rest = challenge.partition('scope="')
    scopes, _, after = rest.partition('"')
    words = [f"{word.rpartition(':')[0]}:{sorted(word.rpartition(':')[2].split(','))}" for word in scopes.split()]
    return f"{before}{scope}{sorted(words)}{after}"


def test_htpasswd(tmp_path: Path) -> None:
    logins = {
        name: "Basic " + base64.b64encode(pair.encode()).decode()
        for name, pair in {"good": f"alice:{PASSWORD}", "wrong": "alice:x", "unknown": f"eve:{PASSWORD}"}.items()
    }
    with both(tmp_path, htpasswd(tmp_path)) as (theirs, ours):
        for authorization in ("", logins["wrong"], logins["unknown"], "Bearer x"):
            for method, path in REQUESTS:
                assert asked(ours, method, path, authorization) == asked(theirs, method, path, authorization)
        for host in (theirs, ours):
            assert asked(host, "GET", "/v2/", logins["good"])[0] == 200


def certificate(key: Key) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "auth")])
    now = dt.datetime.now(dt.UTC)
    made = x509.CertificateBuilder(
        issuer_name=name, subject_name=name, public_key=key.public_key(), serial_number=x509.random_serial_number(),
        not_valid_before=now - dt.timedelta(hours=1), not_valid_after=now + dt.timedelta(hours=1),
    )  # fmt: skip
    return made.sign(key, SHA256())


def claims(**change: Any) -> Mapping[str, Any]:
    now = int(time.time())
    pull = {"type": "repository", "name": "shop/web", "actions": ["pull"]}
    usual = {"iss": "auth", "aud": "shop", "sub": "ann", "exp": now + 300, "nbf": now, "iat": now, "jti": "1"}
    return {**usual, "access": [pull], **change}


def libtrust_name(key: Key) -> str:
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    letters = base64.b32encode(hashlib.sha256(der).digest()[:30]).decode()
    return ":".join(letters[at : at + 4] for at in range(0, 48, 4))


@pytest.mark.parametrize(("key", "other"), [(rsa_key(), rsa_key(7)), (ec_key(), ec_key(7))], ids=["RSA", "EC"])
def test_tokens(tmp_path: Path, key: Key, other: Key) -> None:
    trusted = certificate(key)
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(trusted.public_bytes(Encoding.PEM))
    kid = libtrust_name(key)
    x5c = [base64.b64encode(trusted.public_bytes(Encoding.DER)).decode()]
    late = claims(exp=int(time.time()) - 300)
    shown = {
        "none": "",
        "by name": token(claims(), key, kid),
        "by chain": token(claims(), key, None, x5c=x5c),
        "nothing allowed": token(claims(access=[]), key, kid),
        "late": token(late, key, kid),
        "another issuer": token(claims(iss="other"), key, kid),
        "another audience": token(claims(aud="other"), key, kid),
        "another key": token(claims(), other, kid),
        "another chain": token(claims(), other, None, x5c=x5c),
        "no name": token(claims(), key, None),
        "nonsense": "x.y.z",
    }
    with both(tmp_path, TOKEN.replace("BUNDLE", str(bundle))) as (theirs, ours):
        for what, text in shown.items():
            for method, path in REQUESTS:
                authorization = f"Bearer {text}" if text else ""
                found, expected = (asked(host, method, path, authorization) for host in (ours, theirs))
                assert found == expected, (what, method, path)
        assert asked(ours, "GET", "/v2/", f"Bearer {shown['by name']}")[0] == 200

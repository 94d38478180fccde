"""Tokens of a central service: which count, and which are forged. They are made by hand (tests/tokens.py)."""

import base64
import datetime as dt
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from tokens import Key, ec_key, jwk, jwks, rsa_key, text_of, token

from app.registry.access.gates import Shown, UnauthorizedError
from app.registry.access.keys import TrustedKeys
from app.registry.access.scopes import CATALOG, of_repository
from app.registry.access.tokens import LEEWAY_S, MAX_TOKEN, ByToken, InvalidTokenError, Trust

NOW = int(time.time())
ACCESS = [{"type": "repository", "name": "shop/web", "actions": ["pull", "push"]}]
CLAIMS: Mapping[str, Any] = {
    "iss": "auth.example", "aud": "registry.example", "sub": "ann", "exp": NOW + 60, "nbf": NOW, "iat": NOW,
    "jti": "1", "access": ACCESS,
}  # fmt: skip
PULL = of_repository("shop/web", "pull")


def trust(keys: TrustedKeys | None = None, algorithms: frozenset[str] | None = None) -> Trust:
    found = keys or TrustedKeys.read(None, jwks(one=rsa_key(), two=ec_key()))
    return Trust("auth.example", "registry.example", found, algorithms)


def holds(text: str, by: Trust | None = None) -> bool:
    try:
        visitor = (by or trust()).visitor(text, NOW)
    except InvalidTokenError:
        return False
    return visitor.name == "ann" and visitor.may([PULL])


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def raw_token(header: object, claims: object, signature: bytes = b"") -> str:
    return ".".join([*(text_of(json.dumps(part).encode()) for part in (header, claims)), text_of(signature)])


def test_what_a_good_token_says() -> None:
    access = [*ACCESS, {"type": "registry", "class": "", "name": "catalog", "actions": ["*"]}]
    for key, kid in ((rsa_key(), "one"), (ec_key(), "two")):
        visitor = trust().visitor(token({**CLAIMS, "access": access}, key, kid), NOW)
        assert visitor.name == "ann"
        assert visitor.may([of_repository("shop/web", "pull", "push"), CATALOG])
        assert not visitor.may([of_repository("shop/web", "delete")])


@pytest.mark.parametrize("change", [{"sub": ""}, {"sub": None}, {"access": None}])
def test_who_is_nobody_or_may_nothing(change: dict[str, Any]) -> None:
    claims = {name: value for name, value in {**CLAIMS, **change}.items() if value is not None}
    visitor = trust().visitor(token(claims, rsa_key()), NOW)
    assert visitor.name == (None if "sub" in change else "ann")
    assert visitor.may([PULL]) is ("access" not in change)


@pytest.mark.parametrize(
    ("change", "good"),
    [
        ({"exp": NOW - LEEWAY_S + 1}, True),
        ({"exp": NOW - LEEWAY_S}, False),
        ({"exp": None}, False),
        ({"exp": "soon"}, False),
        ({"nbf": NOW + LEEWAY_S}, True),
        ({"nbf": NOW + LEEWAY_S + 1}, False),
        ({"nbf": None}, True),
        ({"iss": "other.example"}, False),
        ({"iss": None}, False),
        ({"aud": ["other", "registry.example"]}, True),
        ({"aud": "other"}, False),
        ({"aud": []}, False),
        ({"aud": None}, False),
        ({"aud": {"registry.example": 1}}, False),
        ({"sub": 7}, False),
        *[({"access": value}, False) for value in ("*", {}, [1], [{}], [{**ACCESS[0], "actions": "pull"}])],
        *[({"access": [{**ACCESS[0], **odd}]}, False) for odd in ({"actions": [1]}, {"name": 1}, {"type": None})],
    ],
)
def test_claims(change: dict[str, Any], good: bool) -> None:
    claims = {name: value for name, value in {**CLAIMS, **change}.items() if value is not None}
    assert holds(token(claims, rsa_key())) is good


def public_pem(key: Key) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def with_public_key_as_secret(key: Key, kid: str, alg: str, form: bytes) -> str:
    signed = raw_token({"alg": alg, "kid": kid}, CLAIMS).rpartition(".")[0]
    code = hmac.new(form, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{text_of(code)}"


GOOD = token(CLAIMS, rsa_key())
PARTS = GOOD.split(".")
FORGED = {
    "nobody's key by a trusted name": token(CLAIMS, rsa_key(9)),
    "a name nobody knows": token(CLAIMS, rsa_key(), "nine"),
    "no name at all": token(CLAIMS, rsa_key(), None),
    "the name of another key": token(CLAIMS, rsa_key(), "two"),
    "a name that is none": raw_token({"alg": "RS256", "kid": ["one"]}, CLAIMS, b"x" * 256),
    "not signed": raw_token({"alg": "none", "kid": "one"}, CLAIMS),
    "not signed, oddly spelt": raw_token({"alg": "nOnE", "kid": "one"}, CLAIMS),
    "no algorithm": raw_token({"kid": "one"}, CLAIMS, b"x" * 256),
    "an algorithm of another type": token(CLAIMS, rsa_key(), alg="ES256"),
    "an algorithm of another curve": token(CLAIMS, ec_key(), "two", alg="ES384"),
    "signature cut off": GOOD.rpartition(".")[0] + ".",
    "signature of something else": ".".join([*PARTS[:2], token({**CLAIMS, "sub": "bob"}, rsa_key()).split(".")[2]]),
    "claims of something else": ".".join([PARTS[0], text_of(json.dumps({**CLAIMS, "sub": "root"}).encode()), PARTS[2]]),
    "its own key beside it": token(CLAIMS, rsa_key(9), None, jwk=jwk(rsa_key(9), "nine")),
    "its own key by a trusted name": token(CLAIMS, rsa_key(9), None, jwk=jwk(rsa_key(9), "one")),
    "its own certificate": token(CLAIMS, rsa_key(9), None, x5c=["MIIB"]),
    "a place to look for keys": token(CLAIMS, rsa_key(9), None, jku="https://evil.example/keys"),
    "something critical that nobody knows": token(CLAIMS, rsa_key(), crit=["more"], more=1),
    "too long": token({**CLAIMS, "pad": "x" * MAX_TOKEN}, rsa_key()),
    "nothing": "",
    "dots": "..",
    "letters": "é.é.é",
    "claims that are no object": token([1], rsa_key()),  # type: ignore[arg-type]
    "a header that is no object": raw_token([1], CLAIMS),
    "a header that never ends": text_of(b"[" * 20_000) + ".e30.e30",
    **{
        f"{alg} with the public key as its secret": with_public_key_as_secret(key, kid, alg, form)
        for key, kid in ((rsa_key(), "one"), (ec_key(), "two"))
        for alg in ("HS256", "HS384")
        for form in (public_pem(key), public_pem(key).strip())
    },
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_forged_tokens(forged: str) -> None:
    assert not holds(forged)


def test_the_good_one_is_good() -> None:
    assert holds(GOOD)


_THREE_PARTS = st.lists(st.binary(max_size=60), min_size=3, max_size=3).map(lambda parts: ".".join(map(text_of, parts)))


@given(st.text(max_size=200) | _THREE_PARTS)
def test_any_text_is_a_token_or_refused(text: str) -> None:
    assert not holds(text)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["one", "RS256"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["kid", "x5c", "kty", "n"]), inner),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["alg", "kid", "jwk", "x5c", "crit", "b64", "typ", "jku"]), _JSON), _JSON)
def test_any_header_is_refused_unless_it_is_signed(header: dict[str, Any], claims: object) -> None:
    assert not holds(raw_token(header, claims, b"x" * 64))


@given(st.dictionaries(st.sampled_from(["iss", "aud", "sub", "exp", "nbf", "iat", "jti", "access"]), _JSON))
def test_any_claims_that_are_signed_are_understood_or_refused(claims: dict[str, Any]) -> None:
    holds(token({**CLAIMS, **claims}, ec_key(), "two"))


def test_only_the_algorithms_that_are_listed() -> None:
    assert holds(GOOD, trust(algorithms=frozenset({"RS256"})))
    assert not holds(GOOD, trust(algorithms=frozenset({"RS512", "ES256"})))
    assert not holds(GOOD, trust(algorithms=frozenset({"HS256"})))


def test_a_key_of_ed25519() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    x = text_of(key.public_key().public_bytes_raw())
    keys = TrustedKeys.read(None, json.dumps({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": x}]}))
    for alg in ("EdDSA", "Ed25519"):
        signed = raw_token({"alg": alg, "kid": "ed"}, CLAIMS).rpartition(".")[0]
        assert holds(f"{signed}.{text_of(key.sign(signed.encode()))}", trust(keys))
    assert not holds(raw_token({"alg": "EdDSA", "kid": "ed"}, CLAIMS, b"x" * 64), trust(keys))


# Certificates


@cache
def certificate(
    name: str, number: int, issuer: str = "", by: int = 0, *, authority: bool | None = None, days: int = 0
) -> x509.Certificate:
    """Of `ec_key(number)`, signed by `ec_key(by)`; with `days` it was valid so long ago."""
    now = dt.datetime.now(dt.UTC) - dt.timedelta(days=days)
    subject, signer = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (name, issuer or name))
    made = x509.CertificateBuilder(
        issuer_name=signer, subject_name=subject, public_key=ec_key(number).public_key(),
        serial_number=x509.random_serial_number(), not_valid_before=now - dt.timedelta(hours=1),
        not_valid_after=now + dt.timedelta(hours=1),
    )  # fmt: skip
    if authority is not None:
        made = made.add_extension(x509.BasicConstraints(authority, None), critical=True)
    return made.sign(ec_key(by), SHA256())


ROOT = certificate("root", 1, by=1, authority=True)
MIDDLE = certificate("middle", 2, "root", 1, authority=True)
LEAF = certificate("leaf", 3, "middle", 2)
ALONE = certificate("alone", 4, by=4)
BUNDLE = b"".join(one.public_bytes(Encoding.PEM) for one in (ROOT, ALONE))


def chain(*certificates: x509.Certificate) -> list[str]:
    return [b64(one.public_bytes(Encoding.DER)) for one in certificates]


def by_certificates() -> Trust:
    return trust(TrustedKeys.read(BUNDLE, None))


@pytest.mark.parametrize("wrap", [lambda x5c: {"x5c": x5c}, lambda x5c: {"jwk": {"kty": "EC", "x5c": x5c}}])
def test_chains_that_end_at_a_root(wrap: Any) -> None:
    assert holds(token(CLAIMS, ec_key(3), None, **wrap(chain(LEAF, MIDDLE))), by_certificates())
    assert holds(token(CLAIMS, ec_key(4), None, **wrap(chain(ALONE))), by_certificates())


@pytest.mark.parametrize(
    ("key", "certificates"),
    [
        (3, [LEAF]),
        (3, [MIDDLE, LEAF]),
        (9, [LEAF, MIDDLE]),
        (3, [certificate("leaf", 3, "middle", 2, days=9), MIDDLE]),
        (3, [LEAF, certificate("middle", 2, "root", 1, authority=True, days=9)]),
        (3, [certificate("leaf", 3, "plain", 5), certificate("plain", 5, "root", 1, authority=False)]),
        (3, [certificate("leaf", 3, "alone", 4)]),
        (6, [certificate("root", 6, by=6, authority=True)]),
        (6, [certificate("leaf", 6, "root", 6)]),
        (3, [LEAF, *[MIDDLE] * 9]),
        (3, []),
    ],
)
def test_chains_that_do_not(key: int, certificates: list[x509.Certificate]) -> None:
    assert not holds(token(CLAIMS, ec_key(key), None, x5c=chain(*certificates)), by_certificates())


def test_a_chain_where_no_certificate_is_trusted() -> None:
    assert not holds(token(CLAIMS, ec_key(4), "two", x5c=chain(ALONE)))


@pytest.mark.parametrize("odd", ["x", 1, [1], ["é"], [b64(b"no certificate")], [None], {}])
def test_what_is_no_chain(odd: object) -> None:
    header = {"alg": "ES256", "x5c": odd}
    assert not holds(raw_token(header, CLAIMS, b"x" * 64), by_certificates())


def test_certificates_have_two_names() -> None:
    """RFC 7638's thumbprint, and libtrust's, by which older services call them."""
    point = jwk(ec_key(4), "")
    told = json.dumps({name: point[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
    der = ec_key(4).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    letters = base64.b32encode(hashlib.sha256(der).digest()[:30]).decode()
    old = ":".join(letters[at : at + 4] for at in range(0, 48, 4))
    for name in (text_of(hashlib.sha256(told.encode()).digest()), old):
        assert holds(token(CLAIMS, ec_key(4), name), by_certificates())
        assert holds(token(CLAIMS, ec_key(4), None, jwk={"kty": "EC", "kid": name}), by_certificates())


@cache
def short_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=1024)


@pytest.mark.parametrize(
    ("bundle", "keys", "fault"),
    [
        (None, None, "no key is trusted"),
        (b"nothing", None, "no certificates in PEM"),
        (None, "[]", "not a set of keys"),
        (None, "{", "not a set of keys"),
        (None, '{"keys": []}', "not a set of keys"),
        (None, json.dumps({"keys": [jwk(ec_key(), "a"), jwk(ec_key(1), "a")]}), "each with a kid of its own"),
    ],
)
def test_keys_that_can_not_be_trusted(bundle: bytes | None, keys: str | None, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        TrustedKeys.read(bundle, keys)


@pytest.mark.filterwarnings("ignore:Key size")
def test_keys_that_sign_nothing_here() -> None:
    numbers = ec.generate_private_key(ec.SECP256K1()).public_key().public_numbers()
    x, y = (text_of(at.to_bytes(32, "big")) for at in (numbers.x, numbers.y))
    curve = json.dumps({"keys": [{"kty": "EC", "crv": "secp256k1", "kid": "k", "x": x, "y": y}]})
    for keys in (jwks(one=short_key()), curve, '{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}'):
        with pytest.raises(ValueError, match="public keys only"):
            TrustedKeys.read(None, keys)


# The challenge


def refused(shown: str | None, *wanted: Any) -> str:
    gate = ByToken("https://auth.example/token", trust)
    with pytest.raises(UnauthorizedError) as caught:
        gate.admit(Shown(lambda: "http://here", NOW, None, shown), wanted)
    return caught.value.challenge


def test_challenges() -> None:
    begin = 'Bearer realm="https://auth.example/token",service="registry.example"'
    push = of_repository("shop/web", "pull", "push")
    assert refused(None) == begin
    assert refused(None, push, of_repository("base", "pull")) == (
        f'{begin},scope="repository:shop/web:pull,push repository:base:pull"'
    )
    assert refused("x", PULL) == f'{begin},scope="repository:shop/web:pull",error="invalid_token"'
    delete = of_repository("shop/web", "delete")
    assert refused(GOOD, delete) == f'{begin},scope="repository:shop/web:delete",error="insufficient_scope"'


def test_a_realm_of_this_registry_itself() -> None:
    with pytest.raises(UnauthorizedError) as caught:
        ByToken("/auth/token/", trust).admit(Shown(lambda: "https://me.example", NOW), [])
    assert caught.value.challenge.startswith('Bearer realm="https://me.example/auth/token/",')

"""Identity tokens, signed here by hand: who issued them, for whom, until when."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from hypothesis import given
from hypothesis import strategies as st
from tokens import code_of, ec_key, jwk, jwks, rsa_key, text_of, token

from app.domain.identity_tokens import Issued, is_issued, oidc, parse_keys
from app.domain.proofs import Shown

NOW_S = 1_780_000_000
ISSUED = Issued("https://issuer.example", "https://tagtrail.example/hooks/gar", "push@project.example")
CLAIMS: dict[str, Any] = {
    "iss": ISSUED.issuer, "aud": ISSUED.audience, "email": ISSUED.email, "email_verified": True, "sub": "1",
    "iat": NOW_S - 10, "exp": NOW_S + 3590,
}  # fmt: skip
KEYS = parse_keys(jwks(one=rsa_key(), two=ec_key()))


def holds(text: str, issued: Issued = ISSUED) -> bool:
    return is_issued(text, KEYS, issued, NOW_S)


def test_a_token_of_either_algorithm_is_believed() -> None:
    assert holds(token(CLAIMS, rsa_key(), "one"))
    assert holds(token(CLAIMS, ec_key(), "two"))
    assert holds(token(CLAIMS | {"aud": ["other", ISSUED.audience]}, rsa_key()))


@pytest.mark.parametrize(
    "over",
    [
        {"iss": "https://other.example"}, {"iss": None}, {"aud": "other"}, {"aud": []}, {"aud": None}, {"exp": None},
        {"exp": NOW_S - 61}, {"exp": "soon"}, {"exp": True}, {"exp": 10**400}, {"nbf": NOW_S + 61},
        {"iat": NOW_S + 61}, {"email": "other@project.example"}, {"email": None}, {"email_verified": False},
        {"email_verified": "true"}, {"email_verified": None}, {"aud": {"a": 1}}, {"iss": [ISSUED.issuer]},
    ],
)  # fmt: skip
def test_a_claim_that_is_wrong_or_missing(over: dict[str, Any]) -> None:
    claims = {name: value for name, value in (CLAIMS | over).items() if value is not None}
    good = over == {"exp": 10**400}  # never expires, which its issuer may say
    assert holds(token(claims, rsa_key())) is good


def test_clocks_may_differ_by_a_minute() -> None:
    for over in ({"exp": NOW_S - 59}, {"iat": NOW_S + 60}, {"nbf": NOW_S + 60}):
        assert holds(token(CLAIMS | over, rsa_key())), over


def test_an_email_is_asked_for_only_where_one_is_configured() -> None:
    anyone = Issued(ISSUED.issuer, ISSUED.audience)
    claims = {name: value for name, value in CLAIMS.items() if not name.startswith("email")}
    assert holds(token(claims, rsa_key()), anyone)
    assert not holds(token(claims, rsa_key()))


def test_only_the_configured_keys_and_algorithms_sign() -> None:
    good = token(CLAIMS, rsa_key())
    head, claims, signature = good.split(".")
    by_public = text_of(json.dumps({"alg": "HS256", "kid": "one"}).encode()) + "." + claims
    public = json.dumps(jwk(rsa_key(), "one")).encode()
    wrong = [
        token(CLAIMS, rsa_key(1), "one"), token(CLAIMS, ec_key(1), "two"), token(CLAIMS, rsa_key(), "three"),
        token(CLAIMS, rsa_key(), None), token(CLAIMS, rsa_key(), "two"), token(CLAIMS, ec_key(), "one"),
        token(CLAIMS, rsa_key(), alg="none"), token(CLAIMS, rsa_key(), alg="RS512"), token(CLAIMS, rsa_key(), alg=1),
        token(CLAIMS, rsa_key(), crit=["exp"]), token(CLAIMS, rsa_key(), kid=["one"]),
        f"{text_of(json.dumps({'alg': 'none'}).encode())}.{claims}.", f"{head}.{claims}.", f"{head}.{claims}",
        f"{by_public}.{text_of(code_of(public, by_public.encode()))}",
        f"{head}.{text_of(json.dumps(CLAIMS | {'sub': '2'}).encode())}.{signature}", good + "x", good * 20, "",
        f"{text_of(b'[' * 9000)}.{claims}.{signature}",
    ]  # fmt: skip
    for text in wrong:
        assert not holds(text), text[:200]


@given(st.text(max_size=60) | st.lists(st.binary(max_size=30), max_size=5).map(lambda p: ".".join(map(text_of, p))))
def test_no_text_breaks_the_check_or_passes_by_accident(text: str) -> None:
    assert not holds(text)


@given(st.dictionaries(st.sampled_from([*CLAIMS, "nbf", "jti"]), st.none() | st.integers() | st.text() | st.floats()))
def test_no_signed_claims_break_the_check(claims: dict[str, Any]) -> None:
    assert not holds(token(claims, rsa_key()))


def test_it_is_the_bearer() -> None:
    good = token(CLAIMS, rsa_key())
    for value, believed in ((f"Bearer {good}", True), (good, False), (f"Basic {good}", False), ("", False)):
        assert oidc(KEYS, ISSUED)(Shown(lambda _name, value=value: value, NOW_S)) is believed


def private(key: EllipticCurvePrivateKey) -> str:
    return text_of(key.private_numbers().private_value.to_bytes(32, "big"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not a set of keys"), ("{}", "not a set of keys"), ('{"keys": []}', "not a set of keys"), ("[1]", "not a"),
        ('{"keys": 1}', "not a set"), ('{"keys": [1]}', "not a set"), ('{"keys": [{"kty": "RSA"}]}', "not a set"),
        ('{"keys": [{"kty": "new"}]}', "not a set"), ("[" * 100_000, "not a set"),
        ('{"keys": [{"kty": "oct", "k": "aHVudGVyMmh1bnRlcjI"}]}', "public RSA and EC keys only"),
        (json.dumps({"keys": [jwk(ec_key(), "one") | {"d": private(ec_key())}]}), "public RSA and EC keys only"),
    ],
)  # fmt: skip
def test_what_are_no_public_keys(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as raised:
        parse_keys(text)
    assert "aHVudGVy" not in str(raised.value)

"""What senders show: published vectors, two secrets at once, and nothing that is authentic by accident."""

import base64
from collections.abc import Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokens import code_of

from app.domain import proofs
from app.domain.proofs import Proof, Shown
from app.domain.seals import FORMS, Form, Seal, seal
from app.domain.signatures import SigningSecret

NOW_S = 1_614_265_330
OLD, NEW = b"old-secret", b"new-s\xc3\xa9cret"
SECRETS = [NEW, OLD]


def shows(proof: Proof, headers: Mapping[str, str], body: bytes = b"", path: str = "", now_s: int = NOW_S) -> bool:
    """Whether a request with these headers is authentic; `body` arrives in pieces."""
    known = {name.lower(): value for name, value in headers.items()}
    verdict = proof(Shown(lambda name: known.get(name.lower(), ""), now_s, path))
    if isinstance(verdict, Seal):
        for at in range(0, len(body), 3):
            verdict.feed(body[at : at + 3])
        return verdict.holds()
    return verdict


def latin(raw: bytes) -> str:
    return raw.decode("latin-1")


# Signatures of the body

VECTORS = [
    ("angos", "X-Registry-Signature-256", b"test-secret", b"hello world",
     "sha256=046e2496e13e0bfd8dbef84244dd188311a48086646355161bc4ad0769a49cf4"),
    ("github", "X-Hub-Signature-256", b"It's a Secret to Everybody", b"Hello, World!",
     "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"),
    # RFC 4231 and RFC 2202, test case 2
    ("gitea", "X-Gitea-Signature", b"Jefe", b"what do ya want for nothing?",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    ("nexus", "X-Nexus-Webhook-Signature", b"Jefe", b"what do ya want for nothing?",
     "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "header", "secret", "body", "value"), VECTORS)
def test_published_signatures(kind: str, header: str, secret: bytes, body: bytes, value: str) -> None:
    proof = proofs.signed(FORMS[kind], [b"another", secret])
    assert shows(proof, {header: value}, body)
    assert shows(proof, {header: value[:7] + value[7:].upper()}, body), "hex is hex"
    assert not shows(proof, {header: value}, body + b" ")
    assert not shows(proof, {header: value[:-1]}, body)
    assert not shows(proof, {header: f" {value}"}, body)
    assert not shows(proof, {}, body)
    assert not shows(proofs.signed(FORMS[kind], [b"another"]), {header: value}, body)


@given(st.binary(min_size=1, max_size=99), st.binary(max_size=99), st.sampled_from(["sha256", "sha1"]))
def test_any_form_of_signature(secret: bytes, body: bytes, algorithm: str) -> None:
    code = code_of(secret, body, algorithm)
    written = {"hex": code.hex(), "base64": base64.b64encode(code).decode()}
    for encoding, text in written.items():
        form = Form("X-Own", algorithm, "v0:", encoding)
        for secrets in ([secret], [b"another", secret], [secret, b"another"]):
            assert shows(proofs.signed(form, secrets), {"x-own": f"v0:{text}"}, body)
        assert not shows(proofs.signed(form, [secret]), {"x-own": text}, body)
        assert not shows(proofs.signed(form, [secret + b"x"]), {"x-own": f"v0:{text}"}, body)


NO_CODES = ["", "sha256=", "sha256=0", "sha256=zz", "sha256=" + "00" * 31, "sha256=" + "00" * 33, "00" * 32,
            "sha256= " + "00" * 32, "sha256=\xff", "sha256=sha256=" + "00" * 32]  # fmt: skip


@pytest.mark.parametrize("value", NO_CODES)
def test_what_is_no_signature_is_refused(value: str) -> None:
    assert not shows(proofs.signed(FORMS["github"], SECRETS), {"X-Hub-Signature-256": value}, b"body")


def test_what_claims_nothing_is_refused_before_the_body_is_read() -> None:
    assert seal(FORMS["github"], SECRETS, "sha256=zz") is None


def test_jfrog_shows_its_secret_or_signs_with_it() -> None:
    proof = proofs.jfrog(SECRETS)
    for secret in SECRETS:
        assert shows(proof, {"X-JFrog-Event-Auth": latin(secret)}, b"body")
        assert shows(proof, {"X-JFrog-Event-Auth": code_of(secret, b"body").hex()}, b"body")
        assert not shows(proof, {"X-JFrog-Event-Auth": code_of(secret, b"bodi").hex()}, b"body")
    assert not shows(proof, {"X-JFrog-Event-Auth": "secret"}, b"body")


SIGNING = SigningSecret.parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
STANDARD = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": str(NOW_S),
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
STANDARD_BODY = b'{"test": 2432232314}'


def test_standard_webhooks() -> None:
    proof = proofs.standard_webhooks([SigningSecret(b"k" * 24), SIGNING])
    assert shows(proof, STANDARD, STANDARD_BODY)
    for distance, holds in ((300, True), (-300, True), (301, False), (-301, False)):
        assert shows(proof, STANDARD, STANDARD_BODY, now_s=NOW_S + distance) is holds
    assert not shows(proof, STANDARD, STANDARD_BODY + b"\n")
    assert not shows(proofs.standard_webhooks([SigningSecret(b"k" * 24)]), STANDARD, STANDARD_BODY)


@pytest.mark.parametrize(
    ("name", "value"),
    [("webhook-id", ""), ("webhook-id", "a.b"), ("webhook-timestamp", ""), ("webhook-timestamp", "1_614_265_330"),
     ("webhook-timestamp", f"+{NOW_S}"), ("webhook-timestamp", f"{NOW_S}.0"), ("webhook-timestamp", "9" * 5000),
     ("webhook-timestamp", "١"), ("webhook-signature", ""), ("webhook-signature", "v1,"),
     ("webhook-signature", "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")],
)  # fmt: skip
def test_standard_webhooks_without_one_of_its_parts(name: str, value: str) -> None:
    assert not shows(proofs.standard_webhooks([SIGNING]), STANDARD | {name: value}, STANDARD_BODY)


# What stands outside the body


def packed(user: bytes, password: bytes) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(user + b":" + password).decode()}


def test_basic() -> None:
    proof = proofs.basic(b"Aladdin", [b"open sesame", b"a:b:"])
    assert shows(proof, {"authorization": "bAsIc QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}), "RFC 7617, section 2"
    assert shows(proof, packed(b"Aladdin", b"a:b:"))
    wrong = [packed(b"aladdin", b"open sesame"), packed(b"", b"open sesame"), packed(b"Aladdin", b""),
             packed(b"Aladdin:", b"open sesame"), {"Authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ"},
             {"Authorization": "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}, {"Authorization": "Basic"}, {}]  # fmt: skip
    for headers in wrong:
        assert not shows(proof, headers), headers


@pytest.mark.parametrize("secret", SECRETS)
def test_either_of_two_secrets_will_do(secret: bytes) -> None:
    assert shows(proofs.bearer(SECRETS), {"Authorization": f"Bearer {latin(secret)}"})
    assert shows(proofs.header("X-Own", SECRETS), {"X-OWN": latin(secret)})
    assert shows(proofs.path(SECRETS), {}, path=secret.decode())
    assert shows(proofs.basic(b"u", SECRETS), packed(b"u", secret))
    assert not shows(proofs.bearer(SECRETS), {"X-Own": latin(secret)})
    assert not shows(proofs.header("X-Own", SECRETS), {"X-Own": latin(secret) + "x"})
    assert not shows(proofs.path(SECRETS), {}, path=secret.decode() + "x")


def test_a_secret_of_other_letters_is_none_that_looks_like_its_escape() -> None:
    assert not shows(proofs.header("X-Own", [b"?"]), {"X-Own": "\u2603"})


KINDS: Mapping[str, tuple[Proof, str]] = {
    "bearer": (proofs.bearer(SECRETS), "authorization"),
    "basic": (proofs.basic(b"u", SECRETS), "authorization"),
    "header": (proofs.header("X-Own", SECRETS), "x-own"),
    "jfrog": (proofs.jfrog(SECRETS), "x-jfrog-event-auth"),
    "id": (proofs.standard_webhooks([SIGNING]), "webhook-id"),
    "timestamp": (proofs.standard_webhooks([SIGNING]), "webhook-timestamp"),
    "signature": (proofs.standard_webhooks([SIGNING]), "webhook-signature"),
    **{kind: (proofs.signed(form, SECRETS), form.header) for kind, form in FORMS.items()},
    "base64": (proofs.signed(Form("X-Own", encoding="base64"), SECRETS), "x-own"),
}
LETTERS = st.characters() | st.sampled_from("v1,=0aF .:\xff\x00")
NEAR = st.sampled_from(["Bearer ", "Basic ", "sha256=", "v1,", "old_secret", ""])


@pytest.mark.parametrize("kind", KINDS)
@given(start=NEAR, text=st.text(LETTERS, max_size=80), body=st.binary(max_size=20))
@example(start="", text="", body=b"")
@example(start="", text="\ud800", body=b"")
def test_no_header_breaks_a_proof_or_passes_by_accident(kind: str, start: str, text: str, body: bytes) -> None:
    proof, header = KINDS[kind]
    beside = STANDARD if header.startswith("webhook") else {}
    assert not shows(proof, beside | {header: start + text}, body)
    assert not shows(proof, beside, body, path=start + text)


@given(st.text(max_size=40))
def test_no_path_breaks_the_proof_or_passes_by_accident(text: str) -> None:
    assert shows(proofs.path(SECRETS), {}, path=text) is (text.encode("utf-8", "surrogatepass") in SECRETS)

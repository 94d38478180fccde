"""Standard Webhooks signatures: the published vector, rotation, tampering, replays, bad secrets."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.signatures import (
    InvalidSecretError,
    InvalidSignatureError,
    Signed,
    SigningSecret,
    sign,
    verify,
)

VECTOR_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VECTOR = Signed("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
VECTOR_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
NOW = VECTOR.timestamp_s


def secret_of(key: bytes) -> SigningSecret:
    return SigningSecret.parse("whsec_" + base64.b64encode(key).decode())


def test_the_published_vector() -> None:
    secret = SigningSecret.parse(VECTOR_SECRET)
    assert sign(secret, VECTOR.message_id, VECTOR.timestamp_s, VECTOR.body) == VECTOR_SIGNATURE
    verify([secret], VECTOR, VECTOR_SIGNATURE, NOW)


def test_any_secret_and_any_signature_of_a_rotation_will_do() -> None:
    old, new = secret_of(b"o" * 24), SigningSecret.parse(VECTOR_SECRET)
    other = sign(secret_of(b"x" * 32), VECTOR.message_id, NOW, VECTOR.body)
    verify([old, new], VECTOR, f"v1a,ed25519-of-somebody {other} {VECTOR_SIGNATURE}", NOW)


@pytest.mark.parametrize("signatures", ["", " ", "v1,", VECTOR_SIGNATURE[3:], "v2" + VECTOR_SIGNATURE[2:], "v1,ü"])
def test_what_is_no_signature_is_refused(signatures: str) -> None:
    with pytest.raises(InvalidSignatureError, match="no signature matches"):
        verify([SigningSecret.parse(VECTOR_SECRET)], VECTOR, signatures, NOW)


def test_no_secret_verifies_nothing() -> None:
    with pytest.raises(InvalidSignatureError):
        verify([], VECTOR, VECTOR_SIGNATURE, NOW)


@pytest.mark.parametrize(
    "signed",
    [
        Signed("msg_other", VECTOR.timestamp_s, VECTOR.body),
        Signed(VECTOR.message_id, VECTOR.timestamp_s + 1, VECTOR.body),
        Signed(VECTOR.message_id, VECTOR.timestamp_s, VECTOR.body + b" "),
    ],
)
def test_a_changed_part_is_refused(signed: Signed) -> None:
    with pytest.raises(InvalidSignatureError, match="no signature matches"):
        verify([SigningSecret.parse(VECTOR_SECRET)], signed, VECTOR_SIGNATURE, NOW)


@pytest.mark.parametrize(("distance", "side"), [(300, None), (-300, None), (301, "past"), (-301, "future")])
def test_the_window_of_time(distance: int, side: str | None) -> None:
    secrets = [SigningSecret.parse(VECTOR_SECRET)]
    if side is None:
        verify(secrets, VECTOR, VECTOR_SIGNATURE, NOW + distance)
        return
    with pytest.raises(InvalidSignatureError, match=f"301 s in the {side}"):
        verify(secrets, VECTOR, VECTOR_SIGNATURE, NOW + distance)


@pytest.mark.parametrize("message_id", ["", "a.1", "a b", "a\n", "ä"])
def test_an_id_that_could_shift_the_parts_is_refused(message_id: str) -> None:
    with pytest.raises(InvalidSignatureError, match="message id"):
        sign(SigningSecret.parse(VECTOR_SECRET), message_id, NOW, b"")


@pytest.mark.parametrize("size", [24, 64])
def test_keys_of_the_allowed_sizes(size: int) -> None:
    assert secret_of(b"k" * size).key == b"k" * size


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("hunter2-hunter2-hunter2", "must start with"),
        ("whsec_hunter2-hunter2_!!", "not base64"),
        ("whsec_" + base64.b64encode(b"hunter2" * 3).decode(), "holds 21 bytes"),
        ("whsec_" + base64.b64encode(b"hunter2" * 10).decode(), "holds 70 bytes"),
        ("whsec_hunter2ü", "not base64"),
    ],
)
def test_a_bad_secret_is_explained_and_never_repeated(text: str, reason: str) -> None:
    with pytest.raises(InvalidSecretError, match=reason) as caught:
        SigningSecret.parse(text)
    assert text.removeprefix("whsec_")[:7] not in f"{caught.value} {caught.value!r}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_secret_hides_itself() -> None:
    assert "key" not in repr(SigningSecret(b"k" * 24))


@given(st.binary(min_size=24, max_size=64), st.binary(), st.integers(0, 2**40))
def test_what_is_signed_verifies(key: bytes, body: bytes, timestamp_s: int) -> None:
    secret = SigningSecret(key)
    verify([secret], Signed("m", timestamp_s, body), sign(secret, "m", timestamp_s, body), timestamp_s)

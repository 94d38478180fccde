"""Signatures of webhooks, as Standard Webhooks 1.0 defines them (its spec, "Signature scheme").

Signed is `{webhook-id}.{webhook-timestamp}.{body}`. An id holds no full stop, so no part can shift.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from app.domain.errors import TagtrailError
from app.domain.seals import Seal, decoded

_PREFIX = "whsec_"
_ID = re.compile(r"[!-\-/-~]+")  # visible ASCII without the full stop
MIN_KEY, MAX_KEY = 24, 64
_V1 = "v1,"
"""The version of a signature by a shared secret; others (`v1a`) are not read."""
TOLERANCE_S = 300


class InvalidSecretError(TagtrailError, ValueError):
    """A text that is no signing secret. Says what is wrong and never repeats the text."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"not a signing secret: {reason}")
        self.reason = reason


class InvalidSignatureError(TagtrailError):
    """A message that nobody with the secret has signed, or that was signed too long ago."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"signature refused: {reason}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """A symmetric key of 24 to 64 bytes, written `whsec_<base64>`. Its repr shows nothing of it."""

    key: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raise InvalidSecretError unless `text` is `whsec_` and the base64 of 24 to 64 bytes."""
        if not text.startswith(_PREFIX):
            raise InvalidSecretError(f"it must start with {_PREFIX}")
        try:
            key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
        except (binascii.Error, ValueError):
            # `from None`: the cause's traceback would carry the text
            raise InvalidSecretError(f"what follows {_PREFIX} is not base64") from None
        if not MIN_KEY <= len(key) <= MAX_KEY:
            raise InvalidSecretError(f"it holds {len(key)} bytes, and {MIN_KEY} to {MAX_KEY} are wanted")
        return cls(key)


@dataclass(frozen=True, slots=True)
class Signed:
    """What a signature covers: the headers `webhook-id` and `webhook-timestamp` (seconds), the raw body."""

    message_id: str
    timestamp_s: int
    body: bytes

    @property
    def content(self) -> bytes:
        """The signed bytes; raise InvalidSignatureError for an id that could shift the parts."""
        if not _ID.fullmatch(self.message_id):
            raise InvalidSignatureError("the message id must be visible ASCII without a full stop")
        return f"{self.message_id}.{self.timestamp_s}.".encode() + self.body


def sign(secret: SigningSecret, message_id: str, timestamp_s: int, body: bytes) -> str:
    """The value of `webhook-signature`: `v1,` and the base64 of HMAC-SHA256."""
    return _signature(secret, Signed(message_id, timestamp_s, body).content)


def signed_headers(secret: SigningSecret, message_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The three headers of a signed message."""
    signature = sign(secret, message_id, timestamp_s, body)
    return {"webhook-id": message_id, "webhook-timestamp": str(timestamp_s), "webhook-signature": signature}


def sign_all(secrets: Sequence[SigningSecret], message_id: str, timestamp_s: int, body: bytes) -> str:
    """The same by each of `secrets`, as is sent while one is rotated out."""
    return " ".join(sign(secret, message_id, timestamp_s, body) for secret in secrets)


def verify(
    secrets: Sequence[SigningSecret], signed: Signed, signatures: str, now_s: int, tolerance_s: int = TOLERANCE_S
) -> None:
    """Raise InvalidSignatureError unless one of `signatures` (space-separated) is of one of `secrets`.

    Several of either are in use while a secret is rotated. A timestamp further than `tolerance_s` from `now_s`, in
    either direction, is refused: it may be a replay.
    """
    if not claimed(secrets, signed, signatures, now_s, tolerance_s).holds():
        raise InvalidSignatureError("no signature matches")


def claimed(
    secrets: Sequence[SigningSecret], signed: Signed, signatures: str, now_s: int, tolerance_s: int = TOLERANCE_S
) -> Seal:
    """What `signatures` claim of a message, of whose body `signed` has as much as has come. InvalidSignatureError."""
    content = signed.content
    distance = now_s - signed.timestamp_s
    if abs(distance) > tolerance_s:
        side = "past" if distance > 0 else "future"
        raise InvalidSignatureError(f"the timestamp lies {abs(distance)} s in the {side}")
    codes = [decoded(one.removeprefix(_V1), "base64") for one in signatures.split(" ") if one.startswith(_V1)]
    return Seal([code for code in codes if code], [hmac.new(secret.key, content, "sha256") for secret in secrets])


def _signature(secret: SigningSecret, content: bytes) -> str:
    return _V1 + base64.b64encode(hmac.digest(secret.key, content, "sha256")).decode()

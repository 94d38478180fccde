"""Signatures over a body: what came with it, and the codes of which one would have to be the same (RFC 2104)."""

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Algorithm = Literal["sha256", "sha1"]
Encoding = Literal["hex", "base64"]


@dataclass(frozen=True, slots=True)
class Form:
    """How a sender writes its signature: `prefix` and the encoded code in `header`."""

    header: str
    algorithm: Algorithm = "sha256"
    prefix: str = ""
    encoding: Encoding = "hex"


FORMS: Mapping[str, Form] = {
    "github": Form("X-Hub-Signature-256", prefix="sha256="),
    "gitea": Form("X-Gitea-Signature"),
    "nexus": Form("X-Nexus-Webhook-Signature", algorithm="sha1"),
    "angos": Form("X-Registry-Signature-256", prefix="sha256="),
}
"""As the senders that have one form of their own document it."""


@dataclass(frozen=True, slots=True)
class Seal:
    """`given` are the codes that came, `codes` those that their secrets make, fed with the body as it arrives."""

    given: Sequence[bytes]
    codes: Sequence[hmac.HMAC]

    def feed(self, chunk: bytes) -> None:
        for code in self.codes:
            code.update(chunk)

    def holds(self) -> bool:
        """Whether one that came is of one of the secrets. Every pair is compared, each in constant time."""
        wanted = [code.digest() for code in self.codes]
        matches = [hmac.compare_digest(one, other) for one in self.given for other in wanted]
        return any(matches)


def seal(form: Form, secrets: Sequence[bytes], header: str) -> Seal | None:
    """What the value of the form's header claims about the body to come; None where it claims nothing."""
    code = decoded(header.removeprefix(form.prefix), form.encoding) if header.startswith(form.prefix) else None
    if not code:
        return None
    return Seal((code,), [hmac.new(secret, digestmod=form.algorithm) for secret in secrets])


def sign(form: Form, secret: bytes, body: bytes) -> str:
    """The value of the form's header for a body."""
    code = hmac.digest(secret, body, form.algorithm)
    return form.prefix + (code.hex() if form.encoding == "hex" else base64.b64encode(code).decode())


def decoded(text: str, encoding: Encoding) -> bytes | None:
    """The bytes that `text` stands for, or None."""
    try:
        return binascii.unhexlify(text) if encoding == "hex" else base64.b64decode(text, validate=True)
    except ValueError:  # binascii.Error is one
        return None

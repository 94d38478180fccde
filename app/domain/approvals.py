"""What somebody has to allow before it goes: the decision, and the links that may give it.

A link's secret is nowhere in the database. A message that asks is stored with a seal in the secret's place; who sends
it puts the secret there, which only the installation's key makes of the seal. So each attempt sends the same bytes.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass

from app.domain.deliveries import End, Hold, Status
from app.domain.times import SECOND_NS, rfc3339

APPROVED, REJECTED = "approved", "rejected"
LOOK_AGAIN_NS = 60 * SECOND_NS
"""How often it is looked whether what waits is still so."""
_BREAK = rb"(?:=\r?\n)?"
"""A soft line break of quoted-printable (RFC 2045 §6.7), in which mails stand: it may cut a link anywhere."""
_SEALED = re.compile(
    _BREAK.join(map(re.escape, (b"/approve/"[at : at + 1] for at in range(9))))
    + rb"((?:%s[A-Za-z0-9_-]){43})(?!%s[A-Za-z0-9_-])" % (_BREAK, _BREAK)
)
_LETTER = re.compile(rb"(%s)([A-Za-z0-9_-])" % _BREAK)
"""One letter of a seal, with the break before it."""


@dataclass(frozen=True, slots=True)
class Approval:
    """What is asked about a delivery: whether `digest` may go. `decision` is None, APPROVED or REJECTED."""

    delivery_id: str
    digest: str
    asked_ns: int
    deadline_ns: int
    decision: str | None
    decided_ns: int | None
    actor: str | None
    note: str | None


def awaited(approval: Approval, digest: str | None, now_ns: int) -> Hold | End | None:
    """None if `digest` may go."""
    if approval.decision == APPROVED and approval.digest == digest:
        return None
    if approval.decision is not None:
        why = f": {approval.note}" if approval.note else ""
        return End(Status.DEAD, f"{approval.decision} by {approval.actor}{why}")
    deadline = rfc3339(approval.deadline_ns, 0)
    if now_ns >= approval.deadline_ns:
        return End(Status.DEAD, f"nobody approved it until {deadline}")
    again_ns = min(approval.deadline_ns, now_ns + LOOK_AGAIN_NS)
    return Hold(f"waits for approval until {deadline}", again_ns)


def secret_of(key: bytes, seal: str) -> str:
    """43 letters of a URL, of 256 bits."""
    made = hmac.digest(key, b"approve:" + seal.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()


def secret_sha256(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def unsealed(key: bytes, body: bytes) -> bytes:
    """`body` with secrets in place of seals. What else looks like a seal becomes a secret that opens nothing."""

    def opened(found: re.Match[bytes]) -> bytes:
        letters = iter(secret_of(key, _seal(found)).encode())
        link, given = found[0][: found.start(1) - found.start()], found[1]
        return link + _LETTER.sub(lambda one: one[1] + bytes((next(letters),)), given)

    return _SEALED.sub(opened, body)


def _seal(found: re.Match[bytes]) -> str:
    return _LETTER.sub(lambda one: one[2], found[1]).decode()


def sealed(key: bytes, body: bytes, text: bytes) -> bytes:
    """`text`, that may repeat what was sent for `body`, without the secrets."""
    for found in _SEALED.finditer(body):
        seal = _seal(found)
        text = text.replace(secret_of(key, seal).encode(), seal.encode())
    return text

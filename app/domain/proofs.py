"""How senders prove themselves: pure checks of what they show, each in constant time.

A proof by what stands outside the body is decided at once; one that signs the body is a seal, decided when all of the
body has been fed to it. Any of several secrets will do: two are in use while one is changed.
"""

import base64
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.domain.seals import Form, Seal, seal
from app.domain.signatures import InvalidSignatureError, Signed, SigningSecret, claimed


@dataclass(frozen=True, slots=True)
class Shown:
    """What a request shows before its body: `header` gives a header's bytes as Latin-1 text, "" where it is missing."""

    header: Callable[[str], str]
    now_s: int
    path_secret: str = ""


Verdict = bool | Seal
Proof = Callable[[Shown], Verdict]
Secrets = Sequence[bytes]

JFROG = "X-JFrog-Event-Auth"
_MOST_DIGITS = 12


def one_of(secrets: Secrets, given: str) -> bool:
    """Whether `given` is one of `secrets`. All are compared."""
    shown = given.encode("latin-1", "backslashreplace")
    matches = [hmac.compare_digest(shown, secret) for secret in secrets]
    return any(matches)


def bearer(secrets: Secrets) -> Proof:
    return lambda shown: one_of(secrets, credentials(shown, "bearer"))


def basic(username: bytes, passwords: Secrets) -> Proof:
    def prove(shown: Shown) -> bool:
        user, _, password = _user_and_password(credentials(shown, "basic")).partition(":")
        return one_of([username], user) & one_of(passwords, password)

    return prove


def header(name: str, values: Secrets) -> Proof:
    return lambda shown: one_of(values, shown.header(name))


def path(secrets: Secrets) -> Proof:
    def prove(shown: Shown) -> bool:
        return one_of(secrets, shown.path_secret.encode("utf-8", "backslashreplace").decode("latin-1"))

    return prove


def signed(form: Form, secrets: Secrets) -> Proof:
    return lambda shown: seal(form, secrets, shown.header(form.header)) or False


def jfrog(secrets: Secrets) -> Proof:
    """JFrog's header has the secret itself or, with "use secret for payload signing", the code of the body in hex."""
    by_value, by_code = header(JFROG, secrets), signed(Form(JFROG), secrets)
    return lambda shown: by_value(shown) or by_code(shown)


def standard_webhooks(secrets: Sequence[SigningSecret]) -> Proof:
    def prove(shown: Shown) -> Verdict:
        timestamp = shown.header("webhook-timestamp")
        if not (timestamp.isascii() and timestamp.isdecimal()) or len(timestamp) > _MOST_DIGITS:
            return False
        message = Signed(shown.header("webhook-id"), int(timestamp), b"")
        try:
            return claimed(secrets, message, shown.header("webhook-signature"), shown.now_s)
        except InvalidSignatureError:
            return False

    return prove


def credentials(shown: Shown, scheme: str) -> str:
    """What follows the scheme in Authorization; "" where it is another one."""
    given, _, credentials = shown.header("Authorization").partition(" ")
    return credentials.strip() if given.lower() == scheme else ""


def _user_and_password(credentials: str) -> str:
    """As RFC 7617 packs them, as Latin-1 text like any header; "" where they are not packed so."""
    try:
        return base64.b64decode(credentials, validate=True).decode("latin-1")
    except ValueError:
        return ""

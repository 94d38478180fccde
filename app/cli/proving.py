"""What a sender shows to prove itself, made here from the secret that it would use: the other side of web.senders."""

from collections.abc import Callable, Mapping

from app.cli.pasting import first_secret, fixed_headers
from app.domain.proofs import JFROG
from app.domain.seals import FORMS, Form
from app.domain.seals import sign as sealed
from app.domain.signatures import SigningSecret, sign
from app.settings.proofs import Auth, Hmac

Known = Callable[[str], str]
"""What a text with references stands for. Raises ValueError where that is not at hand."""


def proven(auth: Auth | None, known: Known, body: bytes, message_id: str, now_s: int) -> Mapping[str, str]:
    """The headers that prove `body`, however a sender but that of `oidc` does. Raises ValueError as `known` does."""
    if auth is None or auth.kind == "path":
        return {}
    secret = known(first_secret(auth))
    if isinstance(auth.section, Hmac):
        how = auth.section
        form = Form(how.header, how.algorithm, how.prefix, how.encoding)
        return {form.header: sealed(form, secret.encode(), body)}
    if auth.kind in FORMS:
        return {FORMS[auth.kind].header: sealed(FORMS[auth.kind], secret.encode(), body)}
    if auth.kind == "jfrog":
        return {JFROG: secret}
    if auth.kind == "standard-webhooks":
        signature = sign(SigningSecret.parse(secret), message_id, now_s, body)
        return {"webhook-id": message_id, "webhook-timestamp": str(now_s), "webhook-signature": signature}
    return fixed_headers(auth, known)

"""Checking who sends: the proof that an origin's `auth:` asks for, and what those are told who don't give it."""

import logging
from collections.abc import Callable, Mapping
from functools import partial

from flask import Response, request

from app.domain import proofs
from app.domain.proofs import Proof, Secrets, Shown, Verdict
from app.domain.seals import FORMS, Form
from app.domain.signatures import SigningSecret
from app.domain.text import printable
from app.domain.times import SECOND_NS
from app.settings.proofs import Auth, Basic, Header, Hmac, Oidc
from app.web.failures import Failures, told_to_wait
from app.web.problems import problem

log = logging.getLogger(__name__)

_BY_SECRET: Mapping[str, Callable[[Secrets], Proof]] = {
    "bearer": proofs.bearer,
    "jfrog": proofs.jfrog,
    "path": proofs.path,
    **{kind: partial(proofs.signed, form) for kind, form in FORMS.items()},
}
_CHALLENGES = {"bearer": "Bearer", "oidc": "Bearer", "basic": 'Basic realm="tagtrail"'}
_OTHER_CHALLENGE = "Webhook"
"""A 401 has to name a scheme (RFC 9110, 11.6.1); none is registered for the ways of webhooks."""


def verdict(auth: Auth, path_secret: str | None, now_ns: int) -> Verdict:
    """What the request under way proves, or the seal that will say so when it is fed with the body."""
    shown = Shown(lambda name: request.headers.get(name, ""), now_ns // SECOND_NS, path_secret or "")
    return _proof(auth)(shown)


def _proof(auth: Auth) -> Proof:
    secrets = [secret.encode() for secret in auth.secrets]
    match auth.section:
        case Basic(username=username):
            return proofs.basic(username.encode(), secrets)
        case Header(name=name):
            return proofs.header(name, secrets)
        case Hmac() as how:
            return proofs.signed(Form(how.header, how.algorithm, how.prefix, how.encoding), secrets)
        case Oidc() as how:
            from app.domain.identity_tokens import Issued, oidc, parse_keys  # 9 MB that others need not load

            return oidc(parse_keys(how.keys), Issued(how.issuer, how.audience, how.email))
    if auth.kind == "standard-webhooks":
        return proofs.standard_webhooks([SigningSecret.parse(secret) for secret in auth.secrets])
    return _BY_SECRET[auth.kind](secrets)


class Refusals:
    """Answers those who prove nothing, and tells an address that fails too often to wait.

    It only ever answers failed checks: who proves itself is heard, from whatever address.
    """

    def __init__(self) -> None:
        self._failures = Failures()

    def refuse(self, origin: str, proof: str, now_ns: int) -> Response:
        wait_s = self._failures.count(request.remote_addr or "", now_ns)
        if wait_s:
            return told_to_wait(wait_s)
        log.warning("%s: a sender at %s failed its %s proof", origin, printable(request.remote_addr or "-"), proof)
        challenge = _CHALLENGES.get(proof, _OTHER_CHALLENGE)
        return problem(401, "the secret is missing or wrong", headers={"WWW-Authenticate": challenge})

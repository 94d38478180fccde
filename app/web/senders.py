"""Checking who sends: the proof that an origin's `auth:` asks for, and what those are told who don't give it."""

import ipaddress
import logging
import threading
from collections import OrderedDict
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
            return problem(429, "too many failed proofs from this address", headers={"Retry-After": str(wait_s)})
        log.warning("%s: a sender at %s failed its %s proof", origin, printable(request.remote_addr or "-"), proof)
        challenge = _CHALLENGES.get(proof, _OTHER_CHALLENGE)
        return problem(401, "the secret is missing or wrong", headers={"WWW-Authenticate": challenge})


class Failures:
    """Failed checks by client address: so many are answered as such within a minute that begins with the first."""

    MOST = 20
    WITHIN_NS = 60 * SECOND_NS
    ADDRESSES = 4096
    """More are not remembered: the one that began longest ago is forgotten."""

    def __init__(self) -> None:
        self._began: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._lock = threading.Lock()

    def count(self, address: str, now_ns: int) -> int:
        """Count a failure of `address`; how many seconds it has to wait, 0 while it may go on."""
        key = _network(address)
        with self._lock:
            began_ns, failed = self._began.get(key, (now_ns, 0))
            if abs(now_ns - began_ns) >= self.WITHIN_NS:  # a clock may be set back
                self._began.pop(key)
                began_ns, failed = now_ns, 0
            self._began[key] = (began_ns, failed + 1)
            if len(self._began) > self.ADDRESSES:
                self._began.popitem(last=False)
        return -((now_ns - began_ns - self.WITHIN_NS) // SECOND_NS) if failed >= self.MOST else 0


def _network(address: str) -> str:
    """Whose `address` it is: a host has a whole /64 of IPv6."""
    try:
        parsed = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    return str(parsed.ipv4_mapped or ipaddress.IPv6Network((parsed, 64), strict=False))

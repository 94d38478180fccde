"""`POST /hooks/<origin>`: where registries tell what happened. Answers at once, and never no (DESIGN decision 1)."""

import hashlib
import logging
import math
import re
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import BinaryIO

from flask import Blueprint, Response, jsonify, request

from app.bootstrap import Services
from app.domain.origins import Origin
from app.domain.proofs import Verdict
from app.domain.seals import Seal
from app.domain.text import printable, storable
from app.envelopes import KEPT_HEADERS, TELLING_HEADERS, Reading, Received, parse
from app.settings.sections import OriginSection
from app.store.quarantine import KEPT_BYTES, Rejected
from app.usecases.ingest import Parcel, parts, reject
from app.web.callers import Callers
from app.web.problems import problem
from app.web.senders import Refusals, verdict
from app.web.unproven import Unproven

log = logging.getLogger(__name__)

PATHS = ("/hooks/<origin>", "/hooks/<origin>/", "/hooks/<origin>/<secret>", "/hooks/<origin>/<secret>/")
ORIGIN = "tagtrail.origin"
"""In the WSGI environment: the origin that a request names, if there is such a one."""
_SENDER = re.compile(r"[0-9A-Za-z._:\[\]-]{1,255}")
MAX_BODY = 4 * 1024 * 1024
"""Bytes of an envelope that is read as one; more goes into quarantine (a proven sender's) or is refused."""
MAX_UNPROVEN = 64 * 1024 * 1024
"""Bytes that are read to find out whether their sender has signed them."""
CHUNK = 64 * 1024
MAX_HEADER = 1024
"""Characters of a header that a dialect gets to see."""


@dataclass(frozen=True, slots=True)
class _Body:
    """What came: all of it, or the first part with the length and digest of all."""

    kept: bytes
    length: int
    sha256: str

    @property
    def whole(self) -> bool:
        return self.length == len(self.kept)


def blueprint(services: Services, callers: Callers, unproven: Unproven) -> Blueprint:
    routes = Blueprint("receiver", __name__)
    refusals = Refusals()

    def receive(origin: str, secret: str | None = None) -> Response:
        found = _configured(services, origin, secret)
        if isinstance(found, Response):
            return found
        known, section = found
        received_ns = time.time_ns()
        shown = None if section.auth is None else verdict(section.auth, secret, received_ns)
        if shown is False:
            shown = callers.may_send(request, known.registries)
        if shown is False:
            return refusals.refuse(origin, section.proof, received_ns)
        body = _awaited(unproven, shown)
        if isinstance(body, Response):
            return body
        if isinstance(shown, Seal) and not shown.holds():
            return refusals.refuse(origin, section.proof, received_ns)
        headers = _headers(KEPT_HEADERS - TELLING_HEADERS if isinstance(shown, Seal) else KEPT_HEADERS)
        return _take_in(services, known, (body, headers), received_ns)

    def permit(origin: str, secret: str | None = None) -> Response:
        found = _configured(services, origin, secret)
        return found if isinstance(found, Response) else _permission()

    for path in PATHS:
        routes.add_url_rule(path, view_func=receive, methods=["POST"], provide_automatic_options=False)
        routes.add_url_rule(path, view_func=permit, methods=["OPTIONS"])
    return routes


def _configured(services: Services, name: str, secret: str | None) -> tuple[Origin, OriginSection] | Response:
    """The origin that a path names, or what is wrong with the path; only an origin proven by it has a second part."""
    found = services.in_force().settings.origin(name)
    if found is None:
        return problem(404, f"no origin is called {name!r}; add it with: tagtrail origin add")
    request.environ[ORIGIN] = name
    auth = found[1].auth
    if secret is not None and (auth is None or auth.kind != "path"):
        return problem(404, f"there is nothing below the origin {name!r}")
    return found


def _permission() -> Response:
    """What CloudEvents senders want to hear before they send (its HTTP 1.1 Web Hooks, section 4)."""
    headers = {"Allow": "POST, OPTIONS"}
    asked = request.headers.get("WebHook-Request-Origin", "")
    if _SENDER.fullmatch(asked):
        headers |= {"WebHook-Allowed-Origin": asked, "WebHook-Allowed-Rate": "*"}
    return Response(headers=headers)


def _awaited(unproven: Unproven, shown: Verdict | None) -> _Body | Response:
    """The body of the request under way, or what is wrong with it."""
    take = partial(_read, request.environ["wsgi.input"], shown)
    body = take() if shown is True else unproven.read(request.remote_addr or "", take)
    if body is None:
        return problem(413, f"an envelope has at most {MAX_BODY} bytes", headers={"Connection": "close"})
    if isinstance(body, _Body) and body.length < (request.content_length or 0):
        return problem(400, "the body ended early")
    return body


def _read(stream: BinaryIO, shown: Verdict | None) -> _Body | None:
    """All that comes, in flat memory, fed to the seal if there is one.

    None: more than is read of a sender that has proven nothing (`shown` None), or nothing yet.
    """
    most = MAX_BODY if shown is None else MAX_UNPROVEN if isinstance(shown, Seal) else math.inf
    kept, length, digest = bytearray(), 0, hashlib.sha256()
    while chunk := stream.read(CHUNK):
        length += len(chunk)
        if length > most:
            return None
        digest.update(chunk)
        if isinstance(shown, Seal):
            shown.feed(chunk)
        if length <= MAX_BODY:
            kept += chunk
        else:
            del kept[KEPT_BYTES:]
    return _Body(bytes(kept), length, digest.hexdigest())


def _take_in(
    services: Services, origin: Origin, told: tuple[_Body, dict[str, str]], received_ns: int
) -> Response:
    body, headers = told
    received = Received(body.kept, headers)
    reading = parse(origin.kind, received, origin.expressions) if body.whole else Reading()
    if reading.answer is not None:
        return jsonify(reading.answer)
    rejected = _rejected(origin, body, received, reading, received_ns)
    for part in parts(Parcel(origin, reading, received_ns, rejected)):
        services.parcels.submit(part)
    answer: dict[str, object] = {"events": len(reading.reports)}
    if rejected is not None:
        log.warning("%s: quarantined %s: %s", origin.name, rejected.id, printable(rejected.detail))
        answer |= {"quarantined": rejected.id, "reason": rejected.detail}
    response = jsonify(answer)
    response.status_code = 202
    return response


def _headers(names: frozenset[str]) -> dict[str, str]:
    """Those of `names` that came."""
    given = ((name, request.headers.get(name)) for name in sorted(names))
    return {name: storable(value)[:MAX_HEADER] for name, value in given if value}


def _rejected(
    origin: Origin, body: _Body, received: Received, reading: Reading, received_ns: int
) -> Rejected | None:
    content_type = storable(request.content_type or "")[:200] or None
    if not body.whole:
        why = ("too-large", f"{body.length} bytes; the first {len(body.kept)} are kept")
        cut = reject(origin.name, received, received_ns, why, content_type)
        return replace(cut, length=body.length, sha256=body.sha256)
    if not reading.faults:
        return None
    detail = "; ".join(reading.faults[:3]) + ("; …" if len(reading.faults) > 3 else "")
    return reject(origin.name, received, received_ns, ("unreadable", detail), content_type)

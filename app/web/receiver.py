"""`POST /hooks/<origin>`: where registries tell what happened. Answers at once, and never no (DESIGN decision 1)."""

import hashlib
import hmac
import logging
import time
from dataclasses import dataclass, replace
from typing import BinaryIO

from flask import Blueprint, Response, jsonify, request

from app.bootstrap import Services
from app.domain.origins import Origin
from app.domain.text import storable
from app.envelopes import KEPT_HEADERS, Reading, Received, parse
from app.settings.sections import OriginSection
from app.store.quarantine import KEPT_BYTES, Rejected
from app.usecases.ingest import Parcel, reject
from app.web.problems import problem

log = logging.getLogger(__name__)

MAX_BODY = 4 * 1024 * 1024
"""Bytes of an envelope that is read as one; more goes into quarantine (a proven sender's) or is refused."""
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


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("receiver", __name__)

    @routes.post("/hooks/<origin>")
    @routes.post("/hooks/<origin>/")
    def receive(origin: str) -> Response:
        found = services.settings.origin(origin)
        if found is None:
            return problem(404, f"no origin is called {origin!r}; add it with: tagtrail origin add")
        known, section = found
        if not _authentic(section):
            return problem(401, "the secret is missing or wrong", headers={"WWW-Authenticate": "Bearer"})
        received_ns = time.time_ns()
        body = _read(request.environ["wsgi.input"], proven=section.auth is not None)
        if body is None:
            return problem(413, f"an envelope has at most {MAX_BODY} bytes", headers={"Connection": "close"})
        return _take_in(services, known, body, received_ns)

    return routes


def _authentic(section: OriginSection) -> bool:
    if section.auth is None:
        return True
    expected = section.auth.bearer.get_secret_value().encode()
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), expected)


def _read(stream: BinaryIO, *, proven: bool) -> _Body | None:
    """All that comes, in flat memory. None: too large, from a sender that has proven nothing."""
    kept, length, digest = bytearray(), 0, hashlib.sha256()
    while chunk := stream.read(CHUNK):
        length += len(chunk)
        if length > MAX_BODY and not proven:
            return None
        digest.update(chunk)
        if length <= MAX_BODY:
            kept += chunk
        else:
            del kept[KEPT_BYTES:]
    return _Body(bytes(kept), length, digest.hexdigest())


def _take_in(services: Services, origin: Origin, body: _Body, received_ns: int) -> Response:
    received = Received(body.kept, _kept_headers())
    reading = parse(origin.kind, received) if body.whole else Reading()
    if reading.answer is not None:
        return jsonify(reading.answer)
    rejected = _rejected(origin, body, received, reading, received_ns)
    services.parcels.submit(Parcel(origin, reading, received_ns, rejected))
    answer: dict[str, object] = {"events": len(reading.reports)}
    if rejected is not None:
        log.warning("%s: quarantined %s: %s", origin.name, rejected.id, rejected.detail)
        answer |= {"quarantined": rejected.id, "reason": rejected.detail}
    response = jsonify(answer)
    response.status_code = 202
    return response


def _kept_headers() -> dict[str, str]:
    """Those that dialects look at, as far as they came."""
    given = ((name, request.headers.get(name)) for name in sorted(KEPT_HEADERS))
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

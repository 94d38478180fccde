"""Errors outside `/v2/`: problem+json (RFC 9457)."""

import json
import logging
from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from app.domain.access import LimitedScopeError
from app.domain.errors import TagtrailError
from app.domain.text import printable
from app.registry.errors import NO_ENDPOINT, UNSUPPORTED
from app.settings import ConfigurationError
from app.store.engine import UnavailableError
from app.usecases.approve import UndecidableError
from app.usecases.drop import NotDeadError
from app.web.oci import error_answer

log = logging.getLogger(__name__)

RETRY_AFTER_S = 2
STATUS: Mapping[type[Exception], int] = {
    UnavailableError: 503,
    ConfigurationError: 503,
    LimitedScopeError: 403,
    UndecidableError: 409,
    NotDeadError: 409,
    TagtrailError: 400,
}
"""What each error of ours means to a client; the first that fits."""


def problem(
    status: int, detail: str, extra: Mapping[str, Any] | None = None, *, headers: Mapping[str, str] | None = None
) -> Response:
    body = {"type": "about:blank", "status": status, "detail": printable(detail), **(extra or {})}
    return Response(json.dumps(body), status, dict(headers or {}), mimetype="application/problem+json")


_READ = ("application/problem+json", "text/html")
"""By programs, which get it unless they prefer the other; and by people."""


def handle(app: Flask) -> None:
    """Let every error of `app` be answered as a problem."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(TagtrailError, _own)
    app.register_error_handler(500, _unexpected)


def _http(error: HTTPException) -> Response:
    """Also what no route of `/v2/` was asked for: clients of a registry read OCI errors there, and people a page."""
    if request.path.startswith("/v2"):
        return error_answer(UNSUPPORTED if error.code == 405 else NO_ENDPOINT)
    if request.url_rule is None and error.code == 404 and request.accept_mimetypes.best_match(_READ) == _READ[1]:
        return make_response(render_template("problem.html", status=404, detail="There is no such page."), 404)
    allowed = getattr(error, "valid_methods", None)
    headers = {"Allow": ", ".join(allowed)} if allowed else None
    return problem(error.code or 500, error.description or error.name, headers=headers)


def _own(error: TagtrailError) -> Response:
    status = next(status for kind, status in STATUS.items() if isinstance(error, kind))
    if status == 503:
        log.error("%s", error)
    return problem(status, str(error), headers={"Retry-After": str(RETRY_AFTER_S)} if status == 503 else None)


def _unexpected(error: Exception) -> Response:
    log.exception("a request failed", exc_info=getattr(error, "original_exception", None) or error)
    return problem(500, "this should not have happened; the log says more")

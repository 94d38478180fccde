"""Answers as clients of a registry read them."""

from collections.abc import Mapping
from typing import Any

from flask import Response, json

from app.registry.errors import Code


class Answer(Response):
    default_mimetype = None


def error_answer(code: Code, *details: Any, headers: Mapping[str, str] | None = None) -> Response:
    """An OCI error body: one entry for each detail, or one without."""
    entry = {"code": code.code, "message": code.message}
    body = {"errors": [entry | {"detail": detail} for detail in details] or [entry]}
    return json_answer(body, code.status, headers or {})


def json_answer(body: Mapping[str, Any], status: int, headers: Mapping[str, str]) -> Response:
    return Answer(json.dumps(body), status, headers, content_type="application/json")

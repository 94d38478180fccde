"""`/v2/` where it is off: on an address that others reach, until access to it can be configured (decision 16)."""

from flask import Blueprint, Response

from app.registry.errors import DENIED
from app.web.registry.answers import error_answer


def blueprint() -> Blueprint:
    routes = Blueprint("registry_off", __name__, url_prefix="/v2")

    @routes.route("/", defaults={"rest": ""}, methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
    @routes.route("/<path:rest>", methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
    def off(rest: str) -> Response:  # noqa: ARG001 - every path is answered alike
        return error_answer(DENIED, "the registry is served on loopback only: start with --host 127.0.0.1")

    return routes

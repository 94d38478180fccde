"""`/v2/` where it is off: on an address that others reach, until access to it is configured (decision 16)."""

from flask import Blueprint, Response

from app.registry.errors import DENIED
from app.web.oci import error_answer

_WHY = "the registry is off: say under registry: auth: who may do what with it, or start with --host 127.0.0.1"


def blueprint() -> Blueprint:
    routes = Blueprint("registry_off", __name__, url_prefix="/v2")

    @routes.route("/", defaults={"rest": ""}, methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
    @routes.route("/<path:rest>", methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
    def off(rest: str) -> Response:  # noqa: ARG001 - every path is answered alike
        return error_answer(DENIED, _WHY)

    return routes

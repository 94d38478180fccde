"""From a request to what answers it, and from errors to answers."""

from collections.abc import Callable, Mapping
from functools import partial

from flask import Blueprint, Request, Response, current_app, request
from werkzeug.routing import BaseConverter

from app.bootstrap.access import TOKENS
from app.domain.errors import InvalidDigestError, InvalidNameError
from app.registry import errors
from app.registry.access.gates import UnauthorizedError
from app.registry.bodies import CHUNK
from app.registry.errors import BlobRangeError, RegistryError, UploadRangeError
from app.registry.notify import Listener
from app.registry.registry import Registry
from app.registry.storage.driver import StorageError
from app.web.oci import error_answer, json_answer
from app.web.registry import paths
from app.web.registry.answers import Call, upload_headers
from app.web.registry.blobs import (
    append_upload,
    cancel_upload,
    delete_blob,
    finish_upload,
    get_blob,
    get_upload,
    start_upload,
)
from app.web.registry.causes import ACTOR
from app.web.registry.entrance import Entrance
from app.web.registry.manifests import delete_manifest, get_manifest, put_manifest
from app.web.registry.manner import Manner
from app.web.registry.repositories import delete_repository, list_referrers, list_repositories, list_tags
from app.web.unproven import Unproven

_VERSION = {"Docker-Distribution-Api-Version": "registry/2.0"}
_OPEN_HANDED = Manner()
_READING = ("GET", "HEAD")
_METHODS = (*_READING, "POST", "PUT", "PATCH", "DELETE")
_DRAINED = 16 * 1024 * 1024
"""Bytes: more than the chunks that clients cut uploads into."""


def blueprint(
    registry: Registry,
    listener_for: Callable[[Request], Listener],
    entrance: Entrance,
    manner: Manner = _OPEN_HANDED,
) -> Blueprint:
    """All of `/v2/`. The app it is put into has `strict_slashes` and `merge_slashes` off.

    Bodies are read from `wsgi.input` as they come, so the app's limits on bodies and forms don't apply here.
    """
    routes = Blueprint("registry_v2", __name__, url_prefix="/v2")

    def serve(rest: str = "") -> Response:  # noqa: ARG001  cut from the path instead, with its trailing slash
        route = paths.parse(request.path.removeprefix("/v2/"))
        if route is None:
            raise RegistryError(errors.NO_ENDPOINT)
        visitor = entrance.admit(route)
        handler = _handler(route, manner)
        if isinstance(handler, Response):
            return handler
        return handler(Call(registry, listener_for(request), manner, visitor, route.repository, route.reference))

    def version() -> Response:
        if request.method not in _READING:
            return error_answer(errors.UNSUPPORTED, headers={"Allow": ", ".join(_READING)})
        entrance.admit(None)
        return json_answer({}, 200, {})

    routes.add_url_rule("/", view_func=version, methods=_METHODS)
    if entrance.access.service is not None:
        from app.web.registry import tokens

        give = partial(tokens.give, entrance.access.service, entrance, Unproven())
        routes.add_url_rule(TOKENS, "token", give, methods=["GET", "POST"])
    routes.record_once(lambda state: state.app.url_map.converters.update(everything=_Everything))
    routes.add_url_rule("/<everything:rest>", view_func=serve, methods=_METHODS)
    routes.register_error_handler(RegistryError, partial(_refused, manner))
    routes.register_error_handler(UnauthorizedError, entrance.refuse)
    routes.register_error_handler(InvalidDigestError, _bad_digest)
    routes.register_error_handler(InvalidNameError, _bad_name)
    routes.register_error_handler(StorageError, _storage_failed)
    routes.register_error_handler(500, _failed)
    routes.after_request(_drained)
    routes.after_request(partial(_stamped, manner))
    return routes


class _Everything(BaseConverter):
    """A path that may begin with a slash, which Werkzeug's own does not match: then others would answer, in HTML."""

    regex = ".*"
    part_isolating = False


def _handler(route: paths.Route, manner: Manner) -> "_Handler | Response":
    """What answers `request`, or the answer that nothing does."""
    handlers = _HANDLERS[route.kind]
    handler = handlers.get(request.method)
    refusal = None if handler is None else manner.refuses(route.kind, request.method)
    if handler is not None and refusal is None:
        return handler
    granted = [method for method in handlers if manner.refuses(route.kind, method) is None]
    return error_answer(errors.UNSUPPORTED, *([refusal] if refusal else []), headers={"Allow": ", ".join(granted)})


_Handler = Callable[[Call], Response]
_HANDLERS: Mapping[paths.Kind, Mapping[str, _Handler]] = {
    "catalog": {"GET": list_repositories, "HEAD": list_repositories},
    "manifest": {
        "GET": get_manifest,
        "HEAD": get_manifest,
        "PUT": put_manifest,
        "DELETE": delete_manifest,
    },
    "blob": {"GET": get_blob, "HEAD": get_blob, "DELETE": delete_blob},
    "uploads": {"POST": start_upload},
    "upload": {
        "GET": get_upload,
        "HEAD": get_upload,
        "PATCH": append_upload,
        "PUT": finish_upload,
        "DELETE": cancel_upload,
    },
    "tags": {"GET": list_tags, "HEAD": list_tags},
    "referrers": {"GET": list_referrers, "HEAD": list_referrers},
    "repository": {"DELETE": delete_repository},
}


def _refused(manner: Manner, error: RegistryError) -> Response:
    headers = {}
    if isinstance(error, UploadRangeError):
        headers = upload_headers(manner, error.repository, error.session, error.size)
    elif isinstance(error, BlobRangeError):
        headers = {"Content-Range": f"bytes */{error.size}"}
    return error_answer(error.code, *error.details, headers=headers)


def _bad_digest(error: InvalidDigestError) -> Response:
    return error_answer(errors.DIGEST_INVALID, error.text[:300])


def _bad_name(error: InvalidNameError) -> Response:
    code = errors.TAG_INVALID if error.what == "tag" else errors.NAME_INVALID
    return error_answer(code, error.text[:300])


def _storage_failed(error: StorageError) -> Response:
    current_app.logger.error("storage: %s", error)
    return error_answer(errors.UNAVAILABLE)


def _failed(_: Exception) -> Response:
    return error_answer(errors.UNKNOWN)


def _drained(response: Response) -> Response:
    """Read what is left of a body that was refused, if it is no more than a chunk: else the server hangs up on a client
    that still sends it, or asks for more on the same connection.

    Of who has not been let in nothing is awaited, and nothing of who asks before sending. Without the server's promise
    of an end it would be awaited for ever (PEP 3333).
    """
    ends = request.environ.get("wsgi.input_terminated", False)
    sending = ends and ACTOR in request.environ and "Expect" not in request.headers
    left = _DRAINED if sending and response.status_code >= 400 else 0
    while left > 0 and (piece := request.environ["wsgi.input"].read(min(left, CHUNK))):
        left -= len(piece)
    return response


def _stamped(manner: Manner, response: Response) -> Response:
    for name, values in manner.headers.items():
        response.headers.setlist(name, values)
    response.headers.update(_VERSION)
    return response

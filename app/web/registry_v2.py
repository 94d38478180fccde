"""`/v2/`: the routes of our own registry (OCI distribution-spec 1.1, distribution's HTTP API V2)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from flask import Blueprint, Request, Response, current_app, json, request

from app.domain.digests import Descriptor, Digest
from app.domain.errors import InvalidDigestError, InvalidNameError
from app.domain.names import parse_repository, parse_tag
from app.registry import errors
from app.registry.bodies import CHUNK, Body
from app.registry.errors import BlobRangeError, Code, RegistryError, UploadRangeError
from app.registry.notify import Listener
from app.registry.registry import Registry
from app.registry.storage.driver import StorageError
from app.registry.uploads import Session
from app.web import registry_headers, registry_paths

_VERSION = {"Docker-Distribution-Api-Version": "registry/2.0"}
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


class _Answer(Response):
    default_mimetype = None


@dataclass(frozen=True, slots=True)
class _Call:
    """One request, with its path taken apart."""

    registry: Registry
    listener: Listener
    repository: str
    reference: str

    @property
    def session(self) -> Session:
        return Session.parse(self.repository, self.reference)


def blueprint(registry: Registry, listener_for: Callable[[Request], Listener]) -> Blueprint:
    """All of `/v2/`. The app it is put into has `strict_slashes` and `merge_slashes` off.

    Bodies are read from `wsgi.input` as they come, so the app's limits on bodies and forms don't apply here.
    """
    routes = Blueprint("registry_v2", __name__, url_prefix="/v2")

    def serve(rest: str = "") -> Response:  # noqa: ARG001  cut from the path instead, with its trailing slash
        return _dispatch(registry, listener_for)

    routes.add_url_rule("/", view_func=_version, methods=["GET"])
    routes.add_url_rule("/<path:rest>", view_func=serve, methods=_METHODS)
    routes.register_error_handler(RegistryError, _refused)
    routes.register_error_handler(InvalidDigestError, _bad_digest)
    routes.register_error_handler(InvalidNameError, _bad_name)
    routes.register_error_handler(StorageError, _storage_failed)
    routes.register_error_handler(500, _failed)
    routes.after_request(_stamped)
    return routes


def error_answer(code: Code, *details: Any, headers: Mapping[str, str] | None = None) -> Response:
    """An OCI error body: one entry for each detail, or one without."""
    entry = {"code": code.code, "message": code.message}
    body = {"errors": [entry | {"detail": detail} for detail in details] or [entry]}
    return _json(body, code.status, headers or {})


def _dispatch(registry: Registry, listener_for: Callable[[Request], Listener]) -> Response:
    route = registry_paths.parse(request.path.removeprefix("/v2/"))
    if route is None:
        raise RegistryError(errors.NO_ENDPOINT)
    handlers = _HANDLERS[route.kind]
    handler = handlers.get(request.method)
    if handler is None:
        return error_answer(errors.UNSUPPORTED, headers={"Allow": ", ".join(handlers)})
    return handler(_Call(registry, listener_for(request), route.repository, route.reference))


def _version() -> Response:
    return _json({}, 200, {})


def _get_blob(call: _Call) -> Response:
    blob = call.registry.blob(call.repository, Digest.parse(call.reference))
    headers = _content(blob.descriptor) | {"Accept-Ranges": "bytes", "Cache-Control": "max-age=31536000"}
    if registry_headers.matches(request.headers.get("If-None-Match"), blob.descriptor.digest):
        return _Answer(status=304, headers=headers)
    size = blob.descriptor.size
    span = registry_headers.byte_range(request.headers.get("Range"), size)
    start, stop = (span.start, span.stop) if span else (0, size)
    stream = call.registry.open_blob(blob, start)
    call.listener.pulled(blob.pulled())
    headers["Content-Length"] = str(stop - start)
    if span:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    answer = _Answer(_pieces(stream, stop - start), 206 if span else 200, headers)
    answer.call_on_close(stream.close)
    return answer


def _delete_blob(call: _Call) -> Response:
    call.registry.delete_blob(call.repository, Digest.parse(call.reference), call.listener)
    return _Answer(status=202)


def _start_upload(call: _Call) -> Response:
    if "mount" in request.args:
        return _mount(call)
    if "digest" in request.args:
        digest = Digest.parse(request.args["digest"])
        pushed = call.registry.push_blob(call.repository, digest, _body(), call.listener)
        return _blob_created(call.repository, pushed)
    return _upload_state(call.registry.start_upload(call.repository), 0, 202)


def _mount(call: _Call) -> Response:
    digest, source = Digest.parse(request.args["mount"]), request.args.get("from")
    mounted = source and call.registry.mount(parse_repository(source), call.repository, digest, call.listener)
    if mounted:
        return _blob_created(call.repository, mounted)
    return _upload_state(call.registry.start_upload(call.repository), 0, 202)


def _get_upload(call: _Call) -> Response:
    return _upload_state(call.session, call.registry.upload_size(call.session), 204)


def _append_upload(call: _Call) -> Response:
    return _upload_state(call.session, call.registry.append(call.session, _body()), 202)


def _finish_upload(call: _Call) -> Response:
    if "digest" not in request.args:
        call.registry.upload_size(call.session)
        raise RegistryError(errors.DIGEST_INVALID, "digest missing")
    digest = Digest.parse(request.args["digest"])
    pushed = call.registry.finish_upload(call.session, digest, _body(), call.listener)
    return _blob_created(call.repository, pushed)


def _cancel_upload(call: _Call) -> Response:
    call.registry.cancel_upload(call.session)
    return _Answer(status=204)


def _get_manifest(call: _Call) -> Response:
    stored = call.registry.manifest(call.repository, _existing(call.reference))
    manifest = stored.manifest
    if not registry_headers.accepts(request.headers.get("Accept", ""), manifest.media_type):
        raise RegistryError(errors.MANIFEST_UNKNOWN, f"it is a {manifest.media_type}, which Accept excludes")
    headers = _content(manifest.descriptor)
    if registry_headers.matches(request.headers.get("If-None-Match"), manifest.digest):
        return _Answer(status=304, headers=headers)
    call.listener.pulled(stored.pulled())
    return _Answer(manifest.body, 200, headers)


def _put_manifest(call: _Call) -> Response:
    text = call.reference
    reference = Digest.parse(text) if ":" in text else parse_tag(text)
    media_type = request.headers.get("Content-Type", "").split(";")[0].strip()
    pushed = call.registry.put_manifest(call.repository, reference, media_type, _body(), call.listener)
    location = f"/v2/{call.repository}/manifests/{pushed.digest}"
    return _Answer(status=201, headers={"Location": location, "Docker-Content-Digest": str(pushed.digest)})


def _delete_manifest(call: _Call) -> Response:
    reference = _existing(call.reference)
    if isinstance(reference, Digest):
        call.registry.delete_manifest(call.repository, reference, call.listener)
    else:
        call.registry.delete_tag(call.repository, reference, call.listener)
    return _Answer(status=202)


def _list_tags(call: _Call) -> Response:
    count = registry_headers.page_size(request.args.get("n"))
    tags, more = call.registry.tags(call.repository, request.args.get("last", ""), count)
    return _page({"name": call.repository, "tags": list(tags)}, more and f"last={tags[-1]}&n={count}")


def _list_repositories(call: _Call) -> Response:
    count = min(registry_headers.page_size(request.args.get("n", "100")) or 0, 1000)
    names, more = call.registry.repositories(request.args.get("last", ""), count)
    return _page({"repositories": list(names)}, bool(more and names) and f"last={names[-1]}&n={count}")


def _page(found: Any, rest: str | bool) -> Response:
    return _json(found, 200, {"Link": f'<{request.path}?{rest}>; rel="next"'} if rest else {})


_Handler = Callable[[_Call], Response]
_HANDLERS: Mapping[registry_paths.Kind, Mapping[str, _Handler]] = {
    "catalog": {"GET": _list_repositories, "HEAD": _list_repositories},
    "manifest": {
        "GET": _get_manifest,
        "HEAD": _get_manifest,
        "PUT": _put_manifest,
        "DELETE": _delete_manifest,
    },
    "blob": {"GET": _get_blob, "HEAD": _get_blob, "DELETE": _delete_blob},
    "uploads": {"POST": _start_upload},
    "upload": {
        "GET": _get_upload,
        "HEAD": _get_upload,
        "PATCH": _append_upload,
        "PUT": _finish_upload,
        "DELETE": _cancel_upload,
    },
    "tags": {"GET": _list_tags, "HEAD": _list_tags},
}


def _existing(text: str) -> str | Digest:
    """A reference to something that should be there; what can't be a tag is unknown."""
    if ":" in text:
        return Digest.parse(text)
    try:
        return parse_tag(text)
    except InvalidNameError:
        raise RegistryError(errors.MANIFEST_UNKNOWN, text[:300]) from None


def _body() -> Body:
    """Without a length and without the server's promise of an end there is no body (PEP 3333)."""
    length = request.content_length
    if length is None and not request.environ.get("wsgi.input_terminated"):
        length = 0
    offset = None
    if "Content-Range" in request.headers:
        offset, claimed = registry_headers.content_range(request.headers["Content-Range"])
        if length not in (None, claimed):
            raise RegistryError(errors.SIZE_INVALID, f"a range of {claimed} bytes in a body of {length}")
        length = claimed
    return Body(request.environ["wsgi.input"], length, offset)


def _pieces(stream: BinaryIO, left: int) -> Iterator[bytes]:
    while left and (piece := stream.read(min(CHUNK, left))):
        left -= len(piece)
        yield piece


def _content(descriptor: Descriptor) -> dict[str, str]:
    digest = str(descriptor.digest)
    return {"Content-Type": descriptor.media_type, "Docker-Content-Digest": digest, "ETag": f'"{digest}"'}


def _blob_created(repository: str, pushed: Descriptor) -> Response:
    location = f"/v2/{repository}/blobs/{pushed.digest}"
    return _Answer(status=201, headers={"Location": location, "Docker-Content-Digest": str(pushed.digest)})


def _upload_headers(repository: str, session: str, size: int) -> dict[str, str]:
    """An empty upload says `0-0` like one of one byte does: clients expect it so."""
    location = f"/v2/{repository}/blobs/uploads/{session}"
    return {"Location": location, "Range": f"0-{max(size - 1, 0)}", "Docker-Upload-UUID": session}


def _upload_state(session: Session, size: int, status: int) -> Response:
    return _Answer(status=status, headers=_upload_headers(session.repository, session.identifier, size))


def _json(body: Mapping[str, Any], status: int, headers: Mapping[str, str]) -> Response:
    return _Answer(json.dumps(body), status, headers, content_type="application/json")


def _refused(error: RegistryError) -> Response:
    headers = {}
    if isinstance(error, UploadRangeError):
        headers = _upload_headers(error.repository, error.session, error.size)
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


def _stamped(response: Response) -> Response:
    response.headers.update(_VERSION)
    return response

"""Blobs, and uploads of them."""

from collections.abc import Iterator

from flask import Response, request

from app.domain.digests import Descriptor, Digest
from app.domain.names import parse_repository
from app.registry import errors
from app.registry.blobs import Blob
from app.registry.bodies import CHUNK
from app.registry.errors import RegistryError
from app.registry.storage.driver import FileReader
from app.registry.uploads import Session
from app.web.oci import Answer
from app.web.registry import parsing
from app.web.registry.answers import Call, body, content, upload_headers
from app.web.registry.parsing import Span


def get_blob(call: Call) -> Response:
    blob = call.registry.blob(call.repository, Digest.parse(call.reference))
    headers = content(blob.descriptor) | {"Accept-Ranges": "bytes", "Cache-Control": "max-age=31536000"}
    if parsing.matches(request.headers.get("If-None-Match"), blob.descriptor.digest):
        return Answer(status=304, headers=headers)
    answer = _described(blob, headers) if request.method == "HEAD" else _sent(call, blob, headers)
    call.listener.pulled(blob.pulled())
    return answer


def _described(blob: Blob, headers: dict[str, str]) -> Response:
    """HEAD knows no ranges (RFC 9110 §14.2)."""
    return Answer(headers=headers | {"Content-Length": str(blob.descriptor.size)})


def _sent(call: Call, blob: Blob, headers: dict[str, str]) -> Response:
    span = parsing.byte_range(request.headers.get("Range"), blob.descriptor.size)
    url = call.registry.blob_url(blob)
    return _redirected(blob, url) if url else _served(call, blob, span, headers)


def _redirected(blob: Blob, url: str) -> Response:
    """To the storage, of which the client asks the same range. HEAD is answered here, with the digest."""
    return Answer(status=307, headers={"Location": url, "Docker-Content-Digest": str(blob.descriptor.digest)})


def _served(call: Call, blob: Blob, span: Span | None, headers: dict[str, str]) -> Response:
    size = blob.descriptor.size
    start, stop = (span.start, span.stop) if span else (0, size)
    headers["Content-Length"] = str(stop - start)
    if span:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    status = 206 if span else 200
    stream = call.registry.open_blob(blob, start)
    answer = Answer(_pieces(stream, stop - start), status, headers)
    answer.call_on_close(stream.close)
    return answer


def delete_blob(call: Call) -> Response:
    call.registry.delete_blob(call.repository, Digest.parse(call.reference), call.listener)
    return Answer(status=202)


def start_upload(call: Call) -> Response:
    if "mount" in request.args:
        return _mount(call)
    if "digest-algorithm" in request.args:
        parsing.algorithm(request.args["digest-algorithm"])
    if "digest" in request.args:
        digest = Digest.parse(request.args["digest"])
        pushed = call.registry.push_blob(call.repository, digest, body(), call.listener)
        return _blob_created(call, pushed)
    return _upload_state(call, call.registry.start_upload(call.repository), 0, 202)


def _mount(call: Call) -> Response:
    digest, source = Digest.parse(request.args["mount"]), request.args.get("from") or None
    mounted = None
    if source is not None or call.visitor.sees_everything:
        mounted = call.registry.mount(source and parse_repository(source), call.repository, digest, call.listener)
    if mounted:
        return _blob_created(call, mounted)
    return _upload_state(call, call.registry.start_upload(call.repository), 0, 202)


def get_upload(call: Call) -> Response:
    return _upload_state(call, call.session, call.registry.upload_size(call.session), 204)


def append_upload(call: Call) -> Response:
    return _upload_state(call, call.session, call.registry.append(call.session, body()), 202)


def finish_upload(call: Call) -> Response:
    if "digest" not in request.args:
        call.registry.upload_size(call.session)
        raise RegistryError(errors.DIGEST_INVALID, "digest missing")
    digest = Digest.parse(request.args["digest"])
    pushed = call.registry.finish_upload(call.session, digest, body(), call.listener)
    return _blob_created(call, pushed)


def cancel_upload(call: Call) -> Response:
    call.registry.cancel_upload(call.session)
    return Answer(status=204)


def _pieces(stream: FileReader, left: int) -> Iterator[bytes]:
    while left and (piece := stream.read(min(CHUNK, left))):
        left -= len(piece)
        yield piece


def _blob_created(call: Call, pushed: Descriptor) -> Response:
    location = call.manner.location(f"/v2/{call.repository}/blobs/{pushed.digest}")
    return Answer(status=201, headers={"Location": location, "Docker-Content-Digest": str(pushed.digest)})


def _upload_state(call: Call, session: Session, size: int, status: int) -> Response:
    return Answer(status=status, headers=upload_headers(call.manner, session.repository, session.identifier, size))

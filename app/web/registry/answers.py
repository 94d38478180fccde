"""What routes of `/v2/` are asked with, and answer with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Response, request

from app.domain.digests import Descriptor
from app.registry import errors
from app.registry.access.scopes import Visitor
from app.registry.bodies import Body
from app.registry.errors import RegistryError
from app.registry.notify import Listener
from app.registry.registry import Registry
from app.registry.uploads import Session
from app.web.oci import json_answer
from app.web.registry import parsing
from app.web.registry.manner import Manner


@dataclass(frozen=True, slots=True)
class Call:
    """One request, with its path taken apart."""

    registry: Registry
    listener: Listener
    manner: Manner
    visitor: Visitor
    repository: str
    reference: str

    @property
    def session(self) -> Session:
        return Session.parse(self.repository, self.reference)


def page(found: Any, rest: Mapping[str, str] | None) -> Response:
    return json_answer(found, 200, {"Link": link(rest)} if rest else {})


def link(rest: Mapping[str, str]) -> str:
    """To what follows (RFC 8288)."""
    return f'<{request.path}?{urlencode(rest)}>; rel="next"'


def body() -> Body:
    """Without a length and without the server's promise of an end there is no body (PEP 3333)."""
    length = request.content_length
    if length is None and not request.environ.get("wsgi.input_terminated"):
        length = 0
    offset = None
    if "Content-Range" in request.headers:
        offset, claimed = parsing.content_range(request.headers["Content-Range"])
        if length not in (None, claimed):
            raise RegistryError(errors.SIZE_INVALID, f"a range of {claimed} bytes in a body of {length}")
        length = claimed
    return Body(request.environ["wsgi.input"], length, offset)


def content(descriptor: Descriptor) -> dict[str, str]:
    digest = str(descriptor.digest)
    return {"Content-Type": descriptor.media_type, "Docker-Content-Digest": digest, "ETag": f'"{digest}"'}


def upload_headers(manner: Manner, repository: str, session: str, size: int) -> dict[str, str]:
    """An empty upload says `0-0` like one of one byte does: clients expect it so."""
    return {
        "Location": manner.upload(repository, session, size),
        "Range": f"0-{max(size - 1, 0)}",
        "Docker-Upload-UUID": session,
    }

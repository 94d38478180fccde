"""Manifests, by tag and by digest."""

from collections.abc import Iterator

from flask import Response, request

from app.domain.digests import Digest
from app.domain.errors import InvalidNameError
from app.domain.names import parse_tag
from app.registry import errors
from app.registry.errors import RegistryError
from app.registry.registry import Target
from app.registry.schema1 import SIGNED
from app.registry.validation import Manifest
from app.web.oci import Answer
from app.web.registry import parsing
from app.web.registry.answers import Call, body, content

_MOST_TAGS = 100


def get_manifest(call: Call) -> Response:
    stored = call.registry.manifest(call.repository, _existing(call.reference))
    manifest = stored.manifest
    if not parsing.accepts(request.headers.get("Accept", ""), manifest.media_type):
        raise RegistryError(errors.MANIFEST_UNKNOWN, f"it is a {manifest.media_type}, which Accept excludes")
    headers = content(manifest.descriptor)
    if parsing.matches(request.headers.get("If-None-Match"), manifest.digest):
        return Answer(status=304, headers=headers)
    call.listener.pulled(stored.pulled())
    return Answer(call.registry.served(manifest), 200, headers)


def put_manifest(call: Call) -> Response:
    target = _target(call)
    media_type = request.headers.get("Content-Type", "").split(";")[0].strip()
    pushed = call.registry.put_manifest(target, media_type, body(), call.listener)
    location = call.manner.location(f"/v2/{call.repository}/manifests/{pushed.digest}")
    headers = [("Location", location), ("Docker-Content-Digest", str(pushed.digest))]
    if pushed.subject is not None and pushed.subject.computable:
        headers.append(("OCI-Subject", str(pushed.subject)))
    headers += [("OCI-Tag", tag) for tag in target.tags if target.digest is not None]
    headers += [("Warning", f'299 - "{text}"') for text in _warnings(pushed)]
    return Answer(status=201, headers=headers)


def _warnings(pushed: Manifest) -> Iterator[str]:
    """What is taken, and may not do what its author expects (distribution-spec "Warnings")."""
    if pushed.media_type == SIGNED:
        yield "manifests of schema 1 are deprecated, and many clients pull none"
    elsewhere = len(pushed.references) - len(pushed.required)
    if elsewhere:
        yield f"{elsewhere} of its layers may lie elsewhere, and are not asked for here"
    if pushed.subject is not None and not pushed.subject.computable:
        yield "it is not listed below its subject, whose digest is of an algorithm that is not known here"


def _target(call: Call) -> Target:
    """By tag, or by digest with any number of tags beside it (`?tag=`, distribution-spec after 1.1)."""
    tags = [parse_tag(tag) for tag in dict.fromkeys(request.args.getlist("tag"))]
    if len(tags) > _MOST_TAGS:
        raise RegistryError(errors.TOO_MANY_TAGS, f"at most {_MOST_TAGS} in one request")
    if ":" in call.reference:
        return Target(call.repository, tags, Digest.parse(call.reference))
    if tags:
        raise RegistryError(errors.TAG_INVALID, "tag= goes with a digest in the path")
    return Target(call.repository, [parse_tag(call.reference)])


def delete_manifest(call: Call) -> Response:
    reference = _existing(call.reference)
    if isinstance(reference, Digest):
        call.registry.delete_manifest(call.repository, reference, call.listener)
    else:
        call.registry.delete_tag(call.repository, reference, call.listener)
    return Answer(status=202)


def _existing(text: str) -> str | Digest:
    """A reference to something that should be there; what can't be a tag is unknown."""
    if ":" in text:
        return Digest.parse(text)
    try:
        return parse_tag(text)
    except InvalidNameError:
        raise RegistryError(errors.MANIFEST_UNKNOWN, text[:300]) from None

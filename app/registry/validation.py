"""What a manifest must look like before it is stored. Pure.

Rules: OCI image-spec `manifest.md` and `image-index.md`, docker's "Image Manifest V 2, Schema 2", and the
2021 advisory on type confusion (GHSA-qq97-vm5h-rrhg): a body is never both an image and an index.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NoReturn

from app.domain.digests import Descriptor, Digest
from app.domain.errors import InvalidDigestError
from app.registry.errors import MANIFEST_INVALID, MANIFEST_UNKNOWN, RegistryError

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})
MEDIA_TYPES = frozenset({OCI_MANIFEST, DOCKER_MANIFEST}) | INDEXES

_TYPE_FORM = re.compile(r"(?=.{3,255}\Z)[\x21-\x7e]+/[\x20-\x7e]+")
_PASSED_ON = ("urls", "annotations", "platform", "artifactType")
_ELSEWHERE = (
    "application/vnd.oci.image.layer.nondistributable.",
    "application/vnd.docker.image.rootfs.foreign.",
)
_MAX_SIZE = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest that was checked, or one found in storage. `references`: config and layers, or children, in
    order. `subject`: what it refers to (image-spec `manifest.md`), which need not be there.
    """

    media_type: str
    digest: Digest
    body: bytes
    references: tuple[Descriptor, ...]
    subject: Digest | None = None
    artifact_type: str | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(self.media_type, self.digest, len(self.body))

    @property
    def is_index(self) -> bool:
        return self.media_type in INDEXES

    @property
    def required(self) -> Sequence[Descriptor]:
        """What must be there before it: all but layers that may lie elsewhere (image-spec `layer.md`,
        "Non-Distributable Layers").
        """
        if self.is_index:
            return self.references
        return [part for part in self.references if not _lies_elsewhere(part)]


def parse(media_type: str, body: bytes, digest: Digest) -> Manifest:
    """What a client pushes as `media_type`. MANIFEST_INVALID with the reason if it breaks a rule."""
    if media_type not in MEDIA_TYPES:
        _invalid(f"media type {media_type[:100]!r} is not one of a manifest")
    document = _document(body)
    _check_type(document, media_type)
    return _manifest(media_type, digest, body, document)


def stored(body: bytes, digest: Digest) -> Manifest:
    """What storage holds, perhaps by another registry's rules: references that break ours are left out.

    MANIFEST_UNKNOWN if it is of no type that is served here.
    """
    return (_remembered if len(body) <= _SMALL else _understood)(body, digest)


def _understood(body: bytes, digest: Digest) -> Manifest:
    try:
        document = _document(body)
        media_type = _type_of(document)
    except RegistryError:
        raise RegistryError(MANIFEST_UNKNOWN, f"{digest} is of a type that is not served") from None
    try:
        return _manifest(media_type, digest, body, document)
    except RegistryError:
        return Manifest(media_type, digest, body, ())


_SMALL = 64 * 1024
_remembered = lru_cache(1024)(_understood)
"""A manifest is asked for again and again, and its bytes never mean anything else."""


def _manifest(media_type: str, digest: Digest, body: bytes, document: dict[str, Any]) -> Manifest:
    is_index = media_type in INDEXES
    references = _references(document, is_index)
    if media_type not in (OCI_MANIFEST, OCI_INDEX):
        return Manifest(media_type, digest, body, references)
    subject = document.get("subject")
    return Manifest(
        media_type,
        digest,
        body,
        references,
        None if subject is None else _descriptor(subject).digest,
        _artifact_type(document) or (None if is_index else references[0].media_type),
        _annotations(document),
    )


def _artifact_type(document: dict[str, Any]) -> str | None:
    """None where it says none: an image's is its config's media type then (distribution-spec "Listing Referrers")."""
    said = document.get("artifactType")
    if said is None or said == "":
        return None
    if not isinstance(said, str) or not _TYPE_FORM.fullmatch(said):
        _invalid(f"artifactType is {said!r:.100}")
    return said


def _annotations(document: dict[str, Any]) -> dict[str, str]:
    found = document.get("annotations")
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        _invalid("annotations are not texts by name")
    return found


def _lies_elsewhere(layer: Descriptor) -> bool:
    return bool(layer.extra.get("urls")) or layer.media_type.startswith(_ELSEWHERE)


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        _invalid(f"not JSON: {error}")
    if not isinstance(document, dict):
        _invalid("not a JSON object")
    if type(document.get("schemaVersion")) is not int or document["schemaVersion"] != 2:
        _invalid("schemaVersion is not 2")
    return document


def _check_type(document: dict[str, Any], media_type: str) -> None:
    said = document.get("mediaType")
    if said != media_type and not (said is None and media_type.startswith("application/vnd.oci.")):
        _invalid(f"mediaType is {said!r:.100}, Content-Type is {media_type}")
    foreign = ("config", "layers") if media_type in INDEXES else ("manifests",)
    for name in foreign:
        if name in document:
            _invalid(f"{name} in a {media_type}")


def _type_of(document: dict[str, Any]) -> str:
    said = document.get("mediaType")
    if said is None:
        return OCI_INDEX if "manifests" in document else OCI_MANIFEST
    if said not in MEDIA_TYPES:
        _invalid(f"mediaType is {said!r:.100}")
    return str(said)


def _references(document: dict[str, Any], is_index: bool) -> tuple[Descriptor, ...]:
    if is_index:
        return tuple(_descriptor(child) for child in _list(document, "manifests"))
    return tuple(_descriptor(part) for part in (document.get("config"), *_list(document, "layers")))


def _list(document: dict[str, Any], name: str) -> list[Any]:
    found = document.get(name)
    if not isinstance(found, list):
        _invalid(f"{name} is not a list")
    return found


def _descriptor(found: Any) -> Descriptor:
    if not isinstance(found, dict):
        _invalid("a descriptor is not a JSON object")
    media_type, size = found.get("mediaType"), found.get("size")
    if not isinstance(media_type, str) or not _TYPE_FORM.fullmatch(media_type):
        _invalid(f"a descriptor's mediaType is {media_type!r:.100}")
    if type(size) is not int or not 0 <= size <= _MAX_SIZE:
        _invalid(f"a descriptor's size is {size!r:.100}")
    extra = {name: found[name] for name in _PASSED_ON if name in found}
    return Descriptor(media_type, _digest(found.get("digest")), size, extra)


def _digest(found: Any) -> Digest:
    try:
        return Digest.parse(found if isinstance(found, str) else "")
    except InvalidDigestError:
        _invalid(f"a descriptor's digest is {found!r:.200}")


def _refuse_constant(name: str) -> NoReturn:
    _invalid(f"not JSON: {name}")


def _invalid(reason: str) -> NoReturn:
    raise RegistryError(MANIFEST_INVALID, reason)

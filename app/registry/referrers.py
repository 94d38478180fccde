"""What refers to a manifest: signatures, SBOMs and other artifacts (distribution-spec "Listing Referrers").

A manifest with a subject is linked below that subject when it is pushed. Clients of registries without this list kept
it in an index under a tag instead (`sha256-<hex>`, the referrers tag schema): what is listed there counts too.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.digests import Digest
from app.registry import links, paths
from app.registry.errors import RegistryError
from app.registry.manifests import Manifests
from app.registry.storage.driver import StorageDriver
from app.registry.validation import OCI_INDEX, Manifest

_MOST_BYTES = 3 * 1024 * 1024
"""Of the descriptors of one page: an index has to fit into 4 MiB."""


@dataclass(frozen=True, slots=True)
class ReferrersAsked:
    """A page: at most `count` behind the digest `after` ("": from the first), in byte order of digests."""

    artifact_type: str | None = None
    after: str = ""
    count: int = 1000


class Referrers:
    def __init__(self, driver: StorageDriver, manifests: Manifests) -> None:
        self._driver = driver
        self._manifests = manifests

    def page(self, repository: str, subject: Digest, asked: ReferrersAsked) -> tuple[Sequence[dict[str, Any]], bool]:
        """Descriptors of what refers to `subject`, which need not be there, and whether more follow."""
        found: list[dict[str, Any]] = []
        size = 0
        for manifest in self._of(repository, subject, asked.after):
            if asked.artifact_type not in (None, manifest.artifact_type):
                continue
            told = _told(manifest)
            size += len(json.dumps(told))
            if len(found) >= asked.count or (found and size > _MOST_BYTES):
                return found, True
            found.append(told)
        return found, False

    def _of(self, repository: str, subject: Digest, after: str) -> Iterator[Manifest]:
        if not subject.computable:
            return
        linked = links.below(self._driver, paths.referrers(repository, subject))
        digests = {*(digest for digest, _ in linked), *self._under_tag(repository, subject)}
        for digest in sorted(digests, key=str):
            manifest = self._get(repository, digest) if str(digest) > after else None
            if manifest and manifest.subject == subject:
                yield manifest

    def _get(self, repository: str, reference: str | Digest) -> Manifest | None:
        try:
            return self._manifests.get(repository, reference).manifest
        except RegistryError:
            return None

    def _under_tag(self, repository: str, subject: Digest) -> Sequence[Digest]:
        index = self._get(repository, f"{subject.algorithm}-{subject.encoded[:64]}")
        return [child.digest for child in index.references] if index and index.media_type == OCI_INDEX else ()


def _told(manifest: Manifest) -> dict[str, Any]:
    descriptor = manifest.descriptor
    told: dict[str, Any] = {
        "mediaType": descriptor.media_type, "digest": str(descriptor.digest), "size": descriptor.size,
        "artifactType": manifest.artifact_type, "annotations": manifest.annotations,
    }  # fmt: skip
    return {name: value for name, value in told.items() if value}

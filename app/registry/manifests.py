"""Manifests: images and indexes, by digest and by tag."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from app.domain.digests import Digest
from app.pausepoints import pause
from app.registry import links, paths, schema1, validation
from app.registry.blobs import Blobs
from app.registry.errors import MANIFEST_BLOB_UNKNOWN, MANIFEST_UNKNOWN, RegistryError
from app.registry.locks import Locks
from app.registry.notify import Fact, Listener
from app.registry.policy import Policy
from app.registry.storage.driver import PathNotFoundError, StorageDriver
from app.registry.tags import Tags
from app.registry.validation import Manifest


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """A manifest as one repository holds it, and the tag by which it was asked for, if it was."""

    repository: str
    manifest: Manifest
    tag: str | None

    def pulled(self) -> Fact:
        found = self.manifest
        return Fact("pull", "manifest", self.repository, found.descriptor, tag=self.tag, references=found.references)


class Manifests:
    def __init__(self, driver: StorageDriver, locks: Locks, blobs: Blobs, tags: Tags, policy: Policy) -> None:
        self._driver = driver
        self._locks = locks
        self._blobs = blobs
        self._tags = tags
        self._policy = policy

    def get(self, repository: str, reference: str | Digest) -> StoredManifest:
        """By digest, or by tag if `reference` is a string. MANIFEST_UNKNOWN if there is none."""
        tag = None if isinstance(reference, Digest) else reference
        digest = reference if isinstance(reference, Digest) else self._tags.resolve(repository, reference)
        body = self._body(repository, digest) if digest else None
        if digest is None or body is None:
            raise RegistryError(MANIFEST_UNKNOWN, str(reference))
        old = self._policy.schema1 is not None and schema1.is_schema1(body)
        return StoredManifest(repository, (schema1 if old else validation).stored(body, digest), tag)

    def holds(self, repository: str, digest: Digest) -> bool:
        """Whether the repository has the link."""
        return self._target(repository, digest) is not None

    def put(self, repository: str, tags: Sequence[str], manifest: Manifest, listener: Listener) -> None:
        """Store it, and let each of `tags` point to it. MANIFEST_BLOB_UNKNOWN for each part that is missing."""
        with self._locks.repository(repository):
            self._require(repository, manifest)
            facts = [self._pushed(repository, tag, manifest) for tag in tags or (None,)]
            with listener.writing(facts), self._locks.linking(manifest.digest):
                pause("registry.manifest.intent")
                self._store(repository, manifest)
                pause("registry.manifest.stored")
                if tags:
                    self._tags.move(repository, tags, manifest.digest)
                    pause("registry.manifest.tagged")

    def _pushed(self, repository: str, tag: str | None, manifest: Manifest) -> Fact:
        before = self._tags.resolve(repository, tag) if tag is not None else None
        references = manifest.references
        return Fact("push", "manifest", repository, manifest.descriptor, tag=tag, references=references, before=before)

    def _store(self, repository: str, manifest: Manifest) -> None:
        """What refers to its subject is listed before it is served: a link without it counts as none."""
        digest, subject = manifest.digest, manifest.subject
        files = [(paths.blob_data(digest), manifest.body)]
        if subject is not None and subject.computable:
            files.append(links.to(paths.referrer_link(repository, subject, digest), digest))
        self._driver.put_all([*files, links.to(paths.revision_link(repository, digest), digest)])

    def delete(self, repository: str, digest: Digest, listener: Listener) -> None:
        """Take it out of the repository with every tag that points to it. MANIFEST_UNKNOWN if it is not
        there.
        """
        with self._locks.repository(repository):
            if not self.holds(repository, digest):
                raise RegistryError(MANIFEST_UNKNOWN, str(digest))
            self.remove(repository, digest, self._tags.pointing_at(repository, digest), listener)

    def remove(self, repository: str, digest: Digest, tags: Sequence[str], listener: Listener) -> None:
        """With the `tags` that point to it, which go first: where it ends half-way, it can be asked for again.

        For who holds the repository's lock.
        """
        manifest = self._last_seen(repository, digest)
        found = manifest.descriptor
        facts = [Fact("delete", "manifest", repository, found, tags=tuple(tags))]
        facts += [Fact("delete", "tag", repository, found, tag=tag) for tag in tags]
        with listener.writing(facts):
            for tag in tags:
                self._tags.remove(repository, tag)
            self._driver.delete(paths.revision_link(repository, digest))
            self._forget_subject(repository, manifest)

    def untag(self, repository: str, tag: str, listener: Listener) -> None:
        """MANIFEST_UNKNOWN if there is no such tag. The manifest stays."""
        with self._locks.repository(repository):
            digest = self._tags.resolve(repository, tag)
            if digest is None:
                raise RegistryError(MANIFEST_UNKNOWN, tag)
            found = self._last_seen(repository, digest).descriptor
            with listener.writing([Fact("delete", "tag", repository, found, tag=tag)]):
                self._tags.remove(repository, tag)

    def _require(self, repository: str, manifest: Manifest) -> None:
        missing = self._missing(repository, manifest)
        if missing:
            raise RegistryError(MANIFEST_BLOB_UNKNOWN, *missing)

    def _missing(self, repository: str, manifest: Manifest) -> Sequence[str]:
        found = self.holds if manifest.is_index else self._blobs.find
        return [str(part.digest) for part in self._policy.required(manifest) if not found(repository, part.digest)]

    def _last_seen(self, repository: str, digest: Digest) -> Manifest:
        try:
            return self.get(repository, digest).manifest
        except RegistryError:
            return Manifest("", digest, b"", ())

    def _forget_subject(self, repository: str, manifest: Manifest) -> None:
        if manifest.subject is not None and manifest.subject.computable:
            with suppress(PathNotFoundError):  # another registry wrote it, which lists no referrers
                self._driver.delete(paths.referrer_link(repository, manifest.subject, manifest.digest))

    def _target(self, repository: str, digest: Digest) -> Digest | None:
        if not digest.computable:
            return None
        return links.follow(self._driver, paths.revision_link(repository, digest))

    def _body(self, repository: str, digest: Digest) -> bytes | None:
        target = self._target(repository, digest)
        try:
            return self._driver.get_content(paths.blob_data(target)) if target else None
        except PathNotFoundError:
            return None

"""Blobs: bytes by digest, and which repository holds which."""

from dataclasses import dataclass

from app.domain.digests import Descriptor, Digest
from app.registry import links, paths
from app.registry.errors import BLOB_UNKNOWN, RegistryError
from app.registry.locks import Locks
from app.registry.notify import Fact, Listener
from app.registry.storage.driver import FileReader, PathNotFoundError, StorageDriver

MEDIA_TYPE = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob as one repository holds it. `stored_as` differs from the descriptor's digest if distribution
    wrote it.
    """

    repository: str
    descriptor: Descriptor
    stored_as: Digest

    def pulled(self) -> Fact:
        return Fact("pull", "blob", self.repository, self.descriptor)


class Blobs:
    def __init__(self, driver: StorageDriver, locks: Locks) -> None:
        self._driver = driver
        self._locks = locks

    def find(self, repository: str, digest: Digest) -> Blob | None:
        """None unless the repository holds it and its bytes are there: a collector may leave links behind."""
        target = self._target(repository, digest)
        return self._stored(repository, digest, target) if target else None

    def get(self, repository: str, digest: Digest) -> Blob:
        """BLOB_UNKNOWN if `find` finds none."""
        blob = self.find(repository, digest)
        if blob is None:
            raise RegistryError(BLOB_UNKNOWN, str(digest))
        return blob

    def open(self, blob: Blob, offset: int) -> FileReader:
        """Its bytes from `offset` on. BLOB_UNKNOWN if they went just now."""
        try:
            return self._driver.reader(paths.blob_data(blob.stored_as), offset)
        except PathNotFoundError:
            raise RegistryError(BLOB_UNKNOWN, str(blob.descriptor.digest)) from None

    def url(self, blob: Blob) -> str | None:
        """Where its bytes can be had for a while without this process; None if nowhere."""
        return self._driver.redirect_url(paths.blob_data(blob.stored_as))

    def holds(self, repository: str, digest: Digest) -> bool:
        """Whether the repository has the link."""
        return self._target(repository, digest) is not None

    def link(self, repository: str, digest: Digest, stored_as: Digest) -> None:
        links.write(self._driver, paths.layer_link(repository, digest), stored_as)

    def mount(self, source: str | None, repository: str, digest: Digest, listener: Listener) -> Blob | None:
        """Let `repository` hold a blob of another one, or (None) of whichever has it. None: it is not there."""
        found = self._of(source, digest)
        if found is None:
            return None
        fact = Fact("mount", "blob", repository, found.descriptor, from_repository=source)
        with self._locks.linking(found.stored_as):
            if self._of(source, digest) is None:
                return None
            with listener.writing([fact]):
                self.link(repository, digest, found.stored_as)
        return found

    def _of(self, source: str | None, digest: Digest) -> Blob | None:
        if source is not None:
            return self.find(source, digest)
        return self._stored("", digest, digest) if digest.computable else None

    def delete(self, repository: str, digest: Digest, listener: Listener) -> None:
        """Take it out of the repository; the bytes stay, others may hold them. BLOB_UNKNOWN if it is not
        there.

        Locked, so that of two deletes at once one finds nothing and says nothing.
        """
        with self._locks.repository(repository):
            self.unlink(self.get(repository, digest), listener)

    def unlink(self, blob: Blob, listener: Listener) -> None:
        """For who holds the repository's lock."""
        with listener.writing([Fact("delete", "blob", blob.repository, blob.descriptor)]):
            self._driver.delete(paths.layer_link(blob.repository, blob.descriptor.digest))

    def _stored(self, repository: str, digest: Digest, target: Digest) -> Blob | None:
        try:
            size = self._driver.stat(paths.blob_data(target)).size
        except PathNotFoundError:
            return None
        return Blob(repository, Descriptor(MEDIA_TYPE, digest, size), target)

    def _target(self, repository: str, digest: Digest) -> Digest | None:
        if not digest.computable:
            return None
        return links.follow(self._driver, paths.layer_link(repository, digest))

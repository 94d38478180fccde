"""The registry: what the routes of `/v2/` call."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from app.domain.digests import Descriptor, Digest
from app.registry import catalog, validation
from app.registry.blobs import Blob, Blobs
from app.registry.bodies import Body
from app.registry.collect import Asked, Collected, Collector, Progress
from app.registry.errors import DIGEST_INVALID, MANIFEST_TOO_LARGE, NAME_UNKNOWN, RegistryError
from app.registry.locks import Locks
from app.registry.manifests import Manifests, StoredManifest
from app.registry.notify import Fact, Listener
from app.registry.policy import Policy
from app.registry.referrers import Referrers, ReferrersAsked
from app.registry.schema1 import SIGNED, SPELLINGS
from app.registry.storage.driver import FileReader, StorageDriver
from app.registry.tags import Tags
from app.registry.uploads import Session, Uploads
from app.registry.validation import Manifest

_ANYTHING = Policy()
MAX_MANIFEST = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Target:
    """Where a manifest goes: tags, and the digest that it must have if one was said."""

    repository: str
    tags: Sequence[str]
    digest: Digest | None = None


class Registry:
    """Names are taken to be valid: `app.domain.names` has parsed them.

    Errors are RegistryError, which clients see, InvalidDigestError for an algorithm that can't be computed,
    and StorageError, after which the same request may be made again.
    """

    def __init__(self, driver: StorageDriver, locks: Locks, policy: Policy = _ANYTHING) -> None:
        """`locks` must reach every process that writes to the driver's storage."""
        self._driver = driver
        self._locks = locks
        self._blobs = Blobs(driver, locks)
        self._tags = Tags(driver)
        self._uploads = Uploads(driver, locks, self._blobs)
        self._policy = policy
        self._manifests = Manifests(driver, locks, self._blobs, self._tags, policy)
        self._referrers = Referrers(driver, self._manifests)

    def blob(self, repository: str, digest: Digest) -> Blob:
        """BLOB_UNKNOWN if the repository does not hold it."""
        return self._blobs.get(repository, digest)

    def open_blob(self, blob: Blob, offset: int) -> FileReader:
        """The bytes of a blob from `offset` on. The caller closes it."""
        return self._blobs.open(blob, offset)

    def blob_url(self, blob: Blob) -> str | None:
        """Where a client gets the bytes from the storage itself; None if it must be served."""
        return self._blobs.url(blob)

    def delete_blob(self, repository: str, digest: Digest, listener: Listener) -> None:
        self._blobs.delete(repository, digest, listener)

    def mount(self, source: str | None, repository: str, digest: Digest, listener: Listener) -> Descriptor | None:
        """Let `repository` hold a blob of `source` too; None if that does not hold it.

        Without a source, of whichever repository holds it: for who may read all of them.
        """
        mounted = self._blobs.mount(source, repository, digest, listener)
        return mounted.descriptor if mounted else None

    def start_upload(self, repository: str) -> Session:
        return self._uploads.start(repository)

    def upload_size(self, session: Session) -> int:
        """Bytes so far. BLOB_UPLOAD_UNKNOWN if there is no such session, here and below."""
        return self._uploads.size(session)

    def append(self, session: Session, body: Body) -> int:
        """Add to an upload; its size after that. What came is kept, also of a short body (SIZE_INVALID)."""
        return self._uploads.append(session, body)

    def finish_upload(self, session: Session, digest: Digest, body: Body, listener: Listener) -> Descriptor:
        """Make a blob of an upload and of its last bytes. With DIGEST_INVALID the session is gone."""
        return self._uploads.finish(session, digest, body, listener)

    def cancel_upload(self, session: Session) -> None:
        self._uploads.cancel(session)

    def push_blob(self, repository: str, digest: Digest, body: Body, listener: Listener) -> Descriptor:
        """A whole blob in one request; nothing of it stays if it fails."""
        return self._uploads.push(repository, digest, body, listener)

    def manifest(self, repository: str, reference: str | Digest) -> StoredManifest:
        """By tag (a string) or by digest. MANIFEST_UNKNOWN if there is none."""
        return self._manifests.get(repository, reference)

    def put_manifest(self, target: Target, media_type: str, body: Body, listener: Listener) -> Manifest:
        """Store a manifest of at most 4 MiB.

        SIZE_INVALID, DIGEST_INVALID, MANIFEST_INVALID, or MANIFEST_BLOB_UNKNOWN with one detail a missing
        part.
        """
        content = body.whole(MAX_MANIFEST, MANIFEST_TOO_LARGE)
        manifest = self._parsed(target.digest, media_type, content)
        self._policy.check(manifest)
        self._manifests.put(target.repository, target.tags, manifest, listener)
        return manifest

    def _parsed(self, expected: Digest | None, media_type: str, content: bytes) -> Manifest:
        if self._policy.schema1 is not None and media_type in SPELLINGS:
            manifest = self._policy.schema1.parse(content)
            if expected not in (None, manifest.digest):
                raise RegistryError(DIGEST_INVALID, str(expected))
            return manifest
        digest = Digest.of(content) if expected is None else _matching(expected, content)
        return validation.parse(media_type, content, digest)

    def served(self, manifest: Manifest) -> bytes:
        """What a client gets for it: its bytes, and a signature with them if it is of schema 1."""
        if self._policy.schema1 is None or manifest.media_type != SIGNED:
            return manifest.body
        return self._policy.schema1.signed(manifest)

    def referrers(
        self, repository: str, subject: Digest, asked: ReferrersAsked
    ) -> tuple[Sequence[dict[str, Any]], bool]:
        """Descriptors of the manifests that refer to `subject`, and whether more follow."""
        return self._referrers.page(repository, subject, asked)

    def delete_manifest(self, repository: str, digest: Digest, listener: Listener) -> None:
        """Also deletes the tags that point to it. MANIFEST_UNKNOWN if there is none."""
        self._manifests.delete(repository, digest, listener)

    def delete_tag(self, repository: str, tag: str, listener: Listener) -> None:
        """MANIFEST_UNKNOWN if there is none."""
        self._manifests.untag(repository, tag, listener)

    def tags(self, repository: str, after: str, count: int | None) -> tuple[Sequence[str], bool]:
        """At most `count` tags behind `after` in byte order, and whether more follow. NAME_UNKNOWN."""
        return self._tags.page(repository, after, count)

    def repositories(self, after: str, count: int) -> tuple[Sequence[str], bool]:
        """At most `count` repositories behind `after` in byte order, and whether more follow."""
        found = list(islice(catalog.repositories(self._driver, after), count + 1)) if count else []
        return found[:count], len(found) > count

    def delete_repository(self, repository: str, listener: Listener) -> None:
        """With all its tags, manifests and links to blobs. NAME_UNKNOWN if nothing was ever pushed there."""
        with self._locks.repository(repository):
            if not catalog.exists(self._driver, repository):
                raise RegistryError(NAME_UNKNOWN, repository)
            tags = tuple(self._tags.all_names(repository))
            with listener.writing([Fact("delete", "repository", repository, tags=tags)]):
                catalog.remove(self._driver, repository)

    def collect(self, asked: Asked, listener: Listener, progress: Progress) -> Iterator[Collected]:
        """Take away what nothing refers to any more. CollectingError if that is under way already."""
        rooms = (self._blobs, self._manifests, self._tags)
        return Collector(self._driver, self._locks, rooms).collect(asked, listener, progress)

    def holds(self, fact: Fact) -> bool:  # noqa: PLR0911  a case for each kind of fact
        """Whether storage shows what `fact` says was written. False for a pull, which leaves no trace."""
        match fact:
            case Fact(action="push" | "mount", kind="blob", descriptor=Descriptor(digest=digest)):
                return self._blobs.holds(fact.repository, digest)
            case Fact(action="push", kind="manifest", descriptor=Descriptor(digest=digest)):
                return self._holds_manifest(fact, digest)
            case Fact(action="delete", kind="blob", descriptor=Descriptor(digest=digest)):
                return not self._blobs.holds(fact.repository, digest)
            case Fact(action="delete", kind="manifest", descriptor=Descriptor(digest=digest)):
                return not self._manifests.holds(fact.repository, digest)
            case Fact(action="delete", kind="tag", tag=str(tag)):
                return self._tags.resolve(fact.repository, tag) is None
            case Fact(action="delete", kind="repository"):
                return not catalog.exists(self._driver, fact.repository)
        return False

    def _holds_manifest(self, fact: Fact, digest: Digest) -> bool:
        tagged = fact.tag is None or self._tags.resolve(fact.repository, fact.tag) == digest
        return tagged and self._manifests.holds(fact.repository, digest)


def _matching(expected: Digest, content: bytes) -> Digest:
    if not expected.computable or Digest.of(content, expected.algorithm) != expected:
        raise RegistryError(DIGEST_INVALID, str(expected))
    return expected

"""Upload sessions: a blob on its way in.

All state is on storage, so that any process may take the next request. Only the size of the data on storage
says how far a session has come; what an aborted request brought stays. One request at a time writes a
session: another one meanwhile gets 416 with the size so far, as one that comes with the wrong chunk does, and
may ask again.

A session outlives processes, but need not outlive a power cut: then the client begins again (README, "Decisions"). What
a hash state tells of is on disk before it, so that it never speaks of bytes that are not there.
"""

import re
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from app.domain.digests import Descriptor, Digest, Verifier
from app.registry import paths, sha256
from app.registry.blobs import MEDIA_TYPE, Blobs
from app.registry.bodies import CHUNK, Body
from app.registry.errors import BLOB_UPLOAD_UNKNOWN, DIGEST_INVALID, RegistryError, UploadRangeError
from app.registry.locks import BusyError, Locks
from app.registry.notify import Fact, Listener
from app.registry.sha256 import Sha256
from app.registry.storage.driver import PathNotFoundError, StorageDriver

_WORTH_KEEPING = 1024 * 1024
"""Bytes that are dearer to read and hash again than the state of their hash is to write and read."""
_IDENTIFIER = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Session:
    """Which upload, in which repository. That it exists is not said."""

    repository: str
    identifier: str

    @classmethod
    def parse(cls, repository: str, identifier: str) -> Self:
        """BLOB_UPLOAD_UNKNOWN for what can't be an identifier: ours and distribution's are UUIDs."""
        if not _IDENTIFIER.fullmatch(identifier):
            raise RegistryError(BLOB_UPLOAD_UNKNOWN)
        return cls(repository, identifier)


class Uploads:
    def __init__(self, driver: StorageDriver, locks: Locks, blobs: Blobs) -> None:
        self._driver = driver
        self._locks = locks
        self._blobs = blobs

    def start(self, repository: str) -> Session:
        session = Session(repository, str(uuid.uuid4()))
        started = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        place = paths.upload_started(repository, session.identifier)
        self._driver.put_content(place, started.encode(), durable=False)
        return session

    def size(self, session: Session) -> int:
        """How many bytes have come. BLOB_UPLOAD_UNKNOWN if there is no such session."""
        try:
            self._driver.stat(paths.upload_started(session.repository, session.identifier))
        except PathNotFoundError:
            raise RegistryError(BLOB_UPLOAD_UNKNOWN) from None
        return self._driver.written(_data(session))

    def append(self, session: Session, body: Body) -> int:
        """Take more bytes, and tell how many there are now.

        UploadRangeError if they don't belong at the end, SIZE_INVALID if less came than announced; that is
        kept.
        """
        with (
            self._writing(session, body) as before,
            self._hashing(session, before) as hashed,
            closing(self._driver.writer(_data(session), append=True)) as writer,
        ):
            for chunk in body.chunks():
                writer.write(chunk)
                if hashed:
                    hashed.update(chunk)
            return writer.size

    def finish(self, session: Session, digest: Digest, body: Body, listener: Listener) -> Descriptor:
        """Take the last bytes, if any, and make a blob of the whole.

        InvalidDigestError if `digest` can't be computed. DIGEST_INVALID if the content is another: then the
        session is gone with all it held. Else the errors of `append`, after which it is still there.
        """
        verifier = Verifier(digest)
        with self._writing(session, body) as before:
            hashed = self._hash_of(session, before) if before and digest.algorithm == "sha256" else None
            if hashed:
                verifier = Verifier(digest, hashed)
            unread = before and not hashed
            size = self._complete(session, body, None if unread else verifier)
            if unread:
                self._read_into(verifier, session)
            if not verifier.matches():
                self._remove(session)
                raise RegistryError(DIGEST_INVALID, str(digest))
            descriptor = Descriptor(MEDIA_TYPE, digest, size)
            self._store(session, descriptor, listener)
            self._remove(session)
        return descriptor

    def push(self, repository: str, digest: Digest, body: Body, listener: Listener) -> Descriptor:
        """A whole blob at once. Whatever goes wrong, nothing of it stays: the client knows no session to go
        on with.
        """
        session = self.start(repository)
        try:
            return self.finish(session, digest, body, listener)
        except BaseException:
            self._give_up(session)
            raise

    def cancel(self, session: Session) -> None:
        with self._writing(session, None):
            self._give_up(session)

    @contextmanager
    def _writing(self, session: Session, body: Body | None) -> Iterator[int]:
        """Alone with the session, which is known and ends where `body` begins. Gives its size."""
        try:
            with self._locks.upload(session.identifier):
                size = self.size(session)
                if body and body.offset not in (None, size):
                    raise UploadRangeError(session.repository, session.identifier, size)
                yield size
        except BusyError as error:
            raise UploadRangeError(session.repository, session.identifier, self.size(session)) from error

    @contextmanager
    def _hashing(self, session: Session, size: int) -> Iterator[Sha256 | None]:
        """The hash of the `size` bytes that are there, to go on with.

        It is kept for the next request, also if this one's body is short. After a failure of the storage it is
        not: nobody knows then which bytes are there.
        """
        hashed = self._hash_of(session, size)
        try:
            yield hashed
        except RegistryError:
            self._keep(session, hashed)
            raise
        self._keep(session, hashed)

    def _hash_of(self, session: Session, size: int) -> Sha256 | None:
        """None if all must be read again: a crash, or distribution, may have left no state of just these bytes."""
        if not size:
            return sha256.begin()
        place = paths.upload_hash_state(session.repository, session.identifier, size)
        try:
            return sha256.resume(self._driver.get_content(place), size)
        except PathNotFoundError:
            return None

    def _keep(self, session: Session, hashed: Sha256 | None) -> None:
        if hashed and hashed.length >= _WORTH_KEEPING:
            place = paths.upload_hash_state(session.repository, session.identifier, hashed.length)
            self._driver.put_content(place, hashed.state(), durable=False)

    def _complete(self, session: Session, body: Body, verifier: Verifier | None) -> int:
        with closing(self._driver.writer(_data(session), append=True)) as writer:
            for chunk in body.chunks():
                writer.write(chunk)
                if verifier:
                    verifier.update(chunk)
            writer.commit()
            return writer.size

    def _read_into(self, verifier: Verifier, session: Session) -> None:
        with closing(self._driver.reader(_data(session), 0)) as stream:
            while chunk := stream.read(CHUNK):
                verifier.update(chunk)

    def _store(self, session: Session, descriptor: Descriptor, listener: Listener) -> None:
        fact = Fact("push", "blob", session.repository, descriptor)
        with listener.writing([fact]), self._locks.linking(descriptor.digest):
            self._driver.move(_data(session), paths.blob_data(descriptor.digest))
            self._blobs.link(session.repository, descriptor.digest, descriptor.digest)

    def _give_up(self, session: Session) -> None:
        self._driver.writer(_data(session), append=True).cancel()
        self._remove(session)

    def _remove(self, session: Session) -> None:
        """Nothing of the session is left, also if nothing was."""
        try:
            self._driver.delete(paths.upload(session.repository, session.identifier), durable=False)
        except PathNotFoundError:
            return


def _data(session: Session) -> str:
    return paths.upload_data(session.repository, session.identifier)

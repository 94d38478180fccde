"""Who may write: one at a time per repository, one at a time per upload session."""

import fcntl
import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from app.domain.errors import TagtrailError

_STRIPES = 1024


class BusyError(TagtrailError):
    """Another request is writing this upload session."""

    def __init__(self, session: str) -> None:
        super().__init__(f"upload {session} is being written by another request")
        self.session = session


class Locks(Protocol):
    """Exclusion over every process that writes to one storage. Nothing nests: who holds one asks for no
    other.
    """

    def repository(self, name: str) -> AbstractContextManager[None]:
        """Held while manifests or tags of a repository change, which is short. Waits."""

    def upload(self, session: str) -> AbstractContextManager[None]:
        """Held while a body is written, which may take hours. Does not wait: BusyError."""


class ThreadLocks:
    """For one process, i.e. for the storage in memory."""

    def __init__(self) -> None:
        self._held: set[tuple[str, str]] = set()
        self._changed = threading.Condition()

    @contextmanager
    def repository(self, name: str) -> Iterator[None]:
        key = ("repository", name)
        with self._changed:
            self._changed.wait_for(lambda: key not in self._held)
            self._held.add(key)
        with self._holding(key):
            yield

    @contextmanager
    def upload(self, session: str) -> Iterator[None]:
        key = ("upload", session)
        with self._changed:
            if key in self._held:
                raise BusyError(session)
            self._held.add(key)
        with self._holding(key):
            yield

    @contextmanager
    def _holding(self, key: tuple[str, str]) -> Iterator[None]:
        try:
            yield
        finally:
            with self._changed:
                self._held.discard(key)
                self._changed.notify_all()


class FileLocks:
    """For all threads and processes of one machine. The kernel frees what a dead process held.

    File names are made from digests, so that no name can lead out of `folder`. Repositories share 1024 files
    for good; a session has a file of its own, which goes when the lock does.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    @contextmanager
    def repository(self, name: str) -> Iterator[None]:
        stripe = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) % _STRIPES
        descriptor = _opened(self._folder / f"repository-{stripe}")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def upload(self, session: str) -> Iterator[None]:
        place = self._folder / f"upload-{hashlib.sha256(session.encode()).hexdigest()[:32]}"
        descriptor = _opened(place)
        try:
            if not _taken(descriptor, place):
                raise BusyError(session)
            try:
                yield
            finally:
                place.unlink(missing_ok=True)
        finally:
            os.close(descriptor)


def _opened(place: Path) -> int:
    return os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _taken(descriptor: int, place: Path) -> bool:
    """Lock without waiting. A file that its last holder has unlinked meanwhile locks nothing: not taken."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(descriptor), place.stat())
    except (BlockingIOError, FileNotFoundError):
        return False

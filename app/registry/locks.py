"""Who may write: one at a time per repository, one at a time per upload session. And when a collector may take away."""

import fcntl
import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Set
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from app.domain.digests import Digest
from app.domain.errors import TagtrailError

_STRIPES = 1024
_LINKED = "linked"
_COLLECTION = ("collection", "")


class BusyError(TagtrailError):
    """Another request is writing this upload session."""

    def __init__(self, session: str) -> None:
        super().__init__(f"upload {session} is being written by another request")
        self.session = session


class CollectingError(TagtrailError):
    """Another collection is under way."""

    def __init__(self) -> None:
        super().__init__("another collection is under way")


Sweeping = Callable[[], AbstractContextManager[Set[str]]]
"""Entered by a collector before it takes anything: nobody begins to refer to stored bytes meanwhile. Gives the digests
to which somebody did since the collection began.
"""


class Locks(Protocol):
    """Exclusion over every process that writes to one storage.

    Who holds a repository or an upload may ask for `linking`, and a collector that holds a repository may sweep; for
    nothing else.
    """

    def repository(self, name: str) -> AbstractContextManager[None]:
        """Held while manifests or tags of a repository change, which is short. Waits."""

    def upload(self, session: str) -> AbstractContextManager[None]:
        """Held while a body is written, which may take hours. Does not wait: BusyError."""

    def linking(self, digest: Digest) -> AbstractContextManager[None]:
        """Held while a repository begins to refer to the bytes that are stored under `digest`. Shared."""

    def collecting(self) -> AbstractContextManager[Sweeping]:
        """Held by a collector. CollectingError if there is another."""


class ThreadLocks:
    """For one process, i.e. for the storage in memory."""

    def __init__(self) -> None:
        self._held: set[tuple[str, str]] = set()
        self._changed = threading.Condition()
        self._linking, self._sweeping = 0, False
        self._linked: set[str] = set()

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
    def linking(self, digest: Digest) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._sweeping)
            self._linking += 1
            if _COLLECTION in self._held:
                self._linked.add(str(digest))
        try:
            yield
        finally:
            with self._changed:
                self._linking -= 1
                self._changed.notify_all()

    @contextmanager
    def collecting(self) -> Iterator[Sweeping]:
        with self._changed:
            if _COLLECTION in self._held:
                raise CollectingError
            self._held.add(_COLLECTION)
            self._linked.clear()
        with self._holding(_COLLECTION):
            yield self._sweep

    @contextmanager
    def _sweep(self) -> Iterator[Set[str]]:
        with self._changed:
            self._changed.wait_for(lambda: not self._linking)
            self._sweeping = True
        try:
            yield self._linked
        finally:
            with self._changed:
                self._sweeping = False
                self._changed.notify_all()

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

    @contextmanager
    def linking(self, digest: Digest) -> Iterator[None]:
        """The file is empty unless somebody collects."""
        with self._linked(fcntl.LOCK_SH) as descriptor:
            if os.fstat(descriptor).st_size:
                os.write(descriptor, f"{digest}\n".encode())
            yield

    @contextmanager
    def collecting(self) -> Iterator[Sweeping]:
        descriptor = _opened(self._folder / "collection")
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CollectingError from None
            self._note(b"\n")
            try:
                yield self._sweep
            finally:
                self._note(b"")
        finally:
            os.close(descriptor)

    @contextmanager
    def _sweep(self) -> Iterator[Set[str]]:
        with self._linked(fcntl.LOCK_EX):
            yield set((self._folder / _LINKED).read_text().split())

    def _note(self, content: bytes) -> None:
        with self._linked(fcntl.LOCK_EX) as descriptor:
            os.ftruncate(descriptor, 0)
            os.write(descriptor, content)

    @contextmanager
    def _linked(self, how: int) -> Iterator[int]:
        descriptor = _opened(self._folder / _LINKED, os.O_APPEND)
        try:
            fcntl.flock(descriptor, how)
            yield descriptor
        finally:
            os.close(descriptor)


def _opened(place: Path, also: int = 0) -> int:
    return os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | also, 0o600)


def _taken(descriptor: int, place: Path) -> bool:
    """Lock without waiting. A file that its last holder has unlinked meanwhile locks nothing: not taken."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(descriptor), place.stat())
    except (BlockingIOError, FileNotFoundError):
        return False

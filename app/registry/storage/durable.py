"""Every fsync of the filesystem driver, in one place."""

import os
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

_REMEMBERED = 10_000


def sync_file(descriptor: int) -> None:
    """Put a file's data and length on disk."""
    os.fsync(descriptor)


def draw(descriptor: int, offset: int) -> None:
    """Let the disk begin with what was written from `offset` on; nobody waits for it, and nothing is promised."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, offset, 0, os.POSIX_FADV_DONTNEED)


def sync_folder(folder: str) -> None:
    """Put on disk which names a folder holds: a file is found after a power cut only if this was done."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Folders:
    """Makes folders that last.

    That a folder exists does not mean that it is durable: whoever made it may not have synced its parent yet.
    So each process syncs the parent of every folder that it comes by once itself, and remembers that.
    """

    def __init__(self, root: str) -> None:
        """Make `root` too if it is missing, and what it lies in. If that fails now, `make` tries again."""
        self._root = root
        self._has_root = False
        self._durable: set[str] = set()
        self._lock = threading.Lock()
        with suppress(OSError):
            self._make_root()

    def _make_root(self) -> None:
        root = Path(self._root)
        missing = [folder for folder in (root, *root.parents) if not folder.exists()]
        root.mkdir(parents=True, exist_ok=True)
        for folder in missing:
            sync_folder(str(folder.parent))
        self._has_root = True

    def make(self, folder: str) -> Sequence[str]:
        """Make `folder` and all between it and the root; those of them that may not last before `sync` is told."""
        if not self._has_root:
            self._make_root()
        created, unsure = self._create(folder), []
        while folder != self._root:
            if folder in created or folder not in self._durable:
                unsure.append(folder)
            folder = os.path.dirname(folder)
        return unsure

    def sync(self, unsure: Iterable[str], changed: Iterable[str]) -> None:
        """Put on disk that the folders `unsure` exist, and which names `changed` hold."""
        for folder in dict.fromkeys([*map(os.path.dirname, unsure), *changed]):
            sync_folder(folder)
        for folder in unsure:
            self._remember(folder)

    def _create(self, folder: str) -> set[str]:
        """Make what is missing; what was made."""
        try:
            os.mkdir(folder)
        except FileExistsError:
            return set()
        except FileNotFoundError:
            return self._create(os.path.dirname(folder)) | self._create(folder)
        return {folder}

    def _remember(self, folder: str) -> None:
        with self._lock:
            if len(self._durable) >= _REMEMBERED:
                self._durable.clear()
            self._durable.add(folder)

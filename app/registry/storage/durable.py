"""Every fsync of the filesystem driver, in one place."""

import os
import threading
from contextlib import suppress
from pathlib import Path

_REMEMBERED = 10_000


def sync_file(descriptor: int) -> None:
    """Put a file's data and length on disk."""
    os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
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

    def __init__(self, root: Path) -> None:
        """Make `root` too if it is missing, and what it lies in. If that fails now, `make` tries again."""
        self._root = root
        self._has_root = False
        self._durable: set[Path] = set()
        self._lock = threading.Lock()
        with suppress(OSError):
            self._make_root()

    def _make_root(self) -> None:
        missing = [folder for folder in (self._root, *self._root.parents) if not folder.exists()]
        self._root.mkdir(parents=True, exist_ok=True)
        for folder in missing:
            sync_folder(folder.parent)
        self._has_root = True

    def make(self, folder: Path) -> None:
        """Make `folder` and all between it and the root, durably.

        All are made before any is synced: the first sync of a journalling file system then covers the rest.
        """
        if not self._has_root:
            self._make_root()
        created = self._create(folder)
        parts = [folder, *folder.parents]
        below_root = parts[: parts.index(self._root)]
        unsure = [part for part in below_root if part in created or part not in self._durable]
        for parent in dict.fromkeys(part.parent for part in unsure):
            sync_folder(parent)
        for part in unsure:
            self._remember(part)

    def _create(self, folder: Path) -> set[Path]:
        """Make what is missing; what was made."""
        try:
            folder.mkdir()
        except FileExistsError:
            return set()
        except FileNotFoundError:
            return self._create(folder.parent) | self._create(folder)
        return {folder}

    def _remember(self, folder: Path) -> None:
        with self._lock:
            if len(self._durable) >= _REMEMBERED:
                self._durable.clear()
            self._durable.add(folder)

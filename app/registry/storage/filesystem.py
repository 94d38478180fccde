"""Files below one folder, as distribution's driver of the same name lays them out.

Small files are written beside their place, synced, renamed over it, and then the folders are synced. A crash
leaves a `NAME.<hex>.tmp` at worst, never half a file under its real name. Places are texts, not `pathlib`'s: every
request looks at several.
"""

import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from app.registry.storage.driver import FileInfo, PathNotFoundError
from app.registry.storage.durable import Folders, draw, sync_file, sync_folder
from app.registry.storage.remembered import Remembered

_DRAWN_BYTES = 8 * 1024 * 1024
"""Of a large file: the disk begins with so much while the next comes, instead of with all of it at the end."""


@contextmanager
def _found(path: str) -> Iterator[None]:
    """Inside, "no such file" and its kin mean that nothing of the wanted kind is stored at `path`."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise PathNotFoundError(path) from None


class Filesystem:
    """Everything below `root`, which is made if it is missing. Modes follow the umask."""

    name = "filesystem"

    def __init__(self, root: Path) -> None:
        self._root = str(root.absolute())
        self._folders = Folders(self._root)
        self._remembered = Remembered()

    def get_content(self, path: str) -> bytes:
        with _found(path):
            return self._remembered.read(self._root + path)

    def put_content(self, path: str, content: bytes, durable: bool = True) -> None:
        self._put([(path, content)], durable)

    def put_all(self, files: Sequence[tuple[str, bytes]]) -> None:
        self._put(files, durable=True)

    def _put(self, files: Sequence[tuple[str, bytes]], durable: bool) -> None:
        """Each step is done for all files before the next: a journalling file system then syncs them together."""
        folders = [os.path.dirname(self._root + path) for path, _ in files]
        unsure = [one for folder in folders for one in self._folders.make(folder)]
        with _Partials() as partials:
            for path, content in files:
                partials.write(self._root + path, content)
            if durable:
                partials.sync()
            partials.put()
        if durable:
            self._folders.sync(unsure, folders)

    def reader(self, path: str, offset: int) -> BinaryIO:
        with _found(path):
            file = open(self._root + path, "rb", buffering=0)  # noqa: SIM115  the caller's
        file.seek(offset)
        return file

    def writer(self, path: str, append: bool) -> "_Writer":
        place = self._root + path
        self._folders.make(os.path.dirname(place))
        return _Writer(place, append)

    def written(self, path: str) -> int:
        try:
            return os.stat(self._root + path).st_size
        except (FileNotFoundError, NotADirectoryError):
            return 0

    def redirect_url(self, path: str) -> str | None:
        """None: there is nobody else who could serve it."""

    def stat(self, path: str) -> FileInfo:
        with _found(path):
            found = os.stat(self._root + path)
        is_folder = stat.S_ISDIR(found.st_mode)
        modified = datetime.fromtimestamp(found.st_mtime, UTC)
        return FileInfo(path, 0 if is_folder else found.st_size, modified, is_folder)

    def list(self, path: str) -> Sequence[str]:
        with _found(path), os.scandir(self._root + path) as entries:
            return [f"{path.rstrip('/')}/{entry.name}" for entry in entries]

    def holders(self, folder: str, inner: str, after: str) -> Iterator[tuple[str, int]]:
        place = self._root + folder
        with _found(folder), os.scandir(place) as entries:
            names = sorted(entry.name for entry in entries if entry.name > after)
        for name in names:
            try:
                found = os.stat(f"{place}/{name}/{inner}")
            except (FileNotFoundError, NotADirectoryError):
                continue
            if stat.S_ISREG(found.st_mode):
                yield name, found.st_size

    def move(self, source: str, destination: str) -> None:
        old, new = self._root + source, self._root + destination
        with _found(source):
            os.stat(old)
        folder = os.path.dirname(new)
        unsure = self._folders.make(folder)
        os.rename(old, new)
        self._folders.sync(unsure, [folder])

    def delete(self, path: str, durable: bool = True) -> None:
        place = self._root + path
        with _found(path):
            if os.path.isdir(place):
                shutil.rmtree(place)
            else:
                os.unlink(place)
        if durable:
            sync_folder(os.path.dirname(place))


class _Partials:
    """Files that stand beside their places until they are `put` there. What is not put goes at the end."""

    def __init__(self) -> None:
        self._open: list[tuple[int, str, str]] = []

    def __enter__(self) -> "_Partials":
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor, partial, _place in self._open:
            os.close(descriptor)
            with suppress(FileNotFoundError):
                os.unlink(partial)

    def write(self, place: str, content: bytes) -> None:
        partial = f"{place}.{os.urandom(16).hex()}.tmp"
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        self._open.append((descriptor, partial, place))
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    def sync(self) -> None:
        for descriptor, _partial, _place in self._open[1:]:
            draw(descriptor, 0)
        for descriptor, _partial, _place in self._open:
            sync_file(descriptor)

    def put(self) -> None:
        while self._open:
            descriptor, partial, place = self._open[0]
            os.rename(partial, place)
            del self._open[0]
            os.close(descriptor)


class _Writer:
    """A file that stays open from the first to the last byte."""

    def __init__(self, place: str, append: bool) -> None:
        self._place = place
        self._file = open(place, "ab" if append else "wb", buffering=0)  # noqa: SIM115  closed by `close`
        self._size = os.fstat(self._file.fileno()).st_size
        self._drawn = self._size
        self._durable = False

    @property
    def size(self) -> int:
        return self._size

    def write(self, data: bytes) -> None:
        self._durable = False
        rest = memoryview(data)
        while rest:
            count = self._file.write(rest)
            self._size += count
            rest = rest[count:]
        if self._size - self._drawn >= _DRAWN_BYTES:
            draw(self._file.fileno(), self._drawn)
            self._drawn = self._size

    def commit(self) -> None:
        sync_file(self._file.fileno())
        self._durable = True

    def cancel(self) -> None:
        self._file.close()
        with suppress(FileNotFoundError):
            os.unlink(self._place)

    def close(self) -> None:
        with self._file:
            if not self._durable:
                self.commit()

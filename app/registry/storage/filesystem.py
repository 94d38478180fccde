"""Files below one folder, as distribution's driver of the same name lays them out.

Small files are written beside their place, synced, renamed over it, and then the folder is synced. A crash
leaves a `NAME.<hex>.tmp` at worst, never half a file under its real name.
"""

import os
import shutil
import stat
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from app.registry.storage.driver import FileInfo, PathNotFoundError
from app.registry.storage.durable import Folders, sync_file, sync_folder


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
        self._root = root.absolute()
        self._folders = Folders(self._root)

    def get_content(self, path: str) -> bytes:
        with _found(path):
            return self._place(path).read_bytes()

    def put_content(self, path: str, content: bytes) -> None:
        place = self._place(path)
        self._folders.make(place.parent)
        partial = place.with_name(f"{place.name}.{uuid.uuid4().hex}.tmp")
        try:
            with partial.open("xb") as file:
                file.write(content)
                file.flush()
                sync_file(file.fileno())
            partial.rename(place)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        sync_folder(place.parent)

    def reader(self, path: str, offset: int) -> BinaryIO:
        with _found(path):
            file = self._place(path).open("rb", buffering=0)
        file.seek(offset)
        return file

    def writer(self, path: str, append: bool) -> "_Writer":
        place = self._place(path)
        self._folders.make(place.parent)
        return _Writer(place, append)

    def written(self, path: str) -> int:
        try:
            return self._place(path).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return 0

    def redirect_url(self, path: str) -> str | None:
        """None: there is nobody else who could serve it."""

    def stat(self, path: str) -> FileInfo:
        place = self._place(path)
        with _found(path):
            found = place.stat()
        is_folder = stat.S_ISDIR(found.st_mode)
        modified = datetime.fromtimestamp(found.st_mtime, UTC)
        return FileInfo(path, 0 if is_folder else found.st_size, modified, is_folder)

    def list(self, path: str) -> Sequence[str]:
        with _found(path), os.scandir(self._place(path)) as entries:
            return [f"{path.rstrip('/')}/{entry.name}" for entry in entries]

    def holders(self, folder: str, inner: str, after: str) -> Iterator[tuple[str, int]]:
        place = self._place(folder)
        with _found(folder), os.scandir(place) as entries:
            names = sorted(entry.name for entry in entries if entry.name > after)
        for name in names:
            try:
                found = os.stat(f"{place}/{name}/{inner}")  # noqa: PTH116  to make a Path takes as long
            except (FileNotFoundError, NotADirectoryError):
                continue
            if stat.S_ISREG(found.st_mode):
                yield name, found.st_size

    def move(self, source: str, destination: str) -> None:
        old, new = self._place(source), self._place(destination)
        with _found(source):
            old.stat()
        self._folders.make(new.parent)
        old.rename(new)
        sync_folder(new.parent)
        sync_folder(old.parent)

    def delete(self, path: str) -> None:
        place = self._place(path)
        with _found(path):
            if place.is_dir():
                shutil.rmtree(place)
            else:
                place.unlink()
        sync_folder(place.parent)

    def _place(self, path: str) -> Path:
        return self._root / path.lstrip("/")


class _Writer:
    """A file that stays open from the first to the last byte."""

    def __init__(self, place: Path, append: bool) -> None:
        self._place = place
        self._file = place.open("ab" if append else "wb", buffering=0)
        self._size = os.fstat(self._file.fileno()).st_size
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

    def commit(self) -> None:
        sync_file(self._file.fileno())
        sync_folder(self._place.parent)
        self._durable = True

    def cancel(self) -> None:
        self._file.close()
        self._place.unlink(missing_ok=True)

    def close(self) -> None:
        with self._file:
            if not self._durable:
                self.commit()

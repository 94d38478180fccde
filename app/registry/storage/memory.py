"""A driver that forgets everything when its process ends: for tests and trials."""

import io
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO

from app.registry.storage.driver import FileInfo, PathNotFoundError, StorageError
from app.registry.storage.pieces import holders


@dataclass(slots=True)
class _File:
    content: bytearray
    modified: datetime


class Memory:
    """Files in a dictionary. A folder exists as long as something is in it."""

    name = "inmemory"

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}
        self._lock = threading.RLock()

    def get_content(self, path: str) -> bytes:
        with self._lock:
            return bytes(self._file(path).content)

    def put_content(self, path: str, content: bytes, durable: bool = True) -> None:  # noqa: ARG002  a protocol's signature
        with self._lock:
            self._refuse_file_as_folder(path)
            self._files[path] = _File(bytearray(content), datetime.now(UTC))

    def put_all(self, files: Sequence[tuple[str, bytes]]) -> None:
        for path, content in files:
            self.put_content(path, content)

    def reader(self, path: str, offset: int) -> BinaryIO:
        with self._lock:
            return io.BytesIO(self._file(path).content[offset:])

    def writer(self, path: str, append: bool) -> "_Writer":
        with self._lock:
            if not append or path not in self._files:
                self.put_content(path, b"")
            return _Writer(self, path)

    def written(self, path: str) -> int:
        with self._lock:
            return len(self._files[path].content) if path in self._files else 0

    def redirect_url(self, path: str) -> str | None:
        """None: there is nobody else who could serve it."""

    def stat(self, path: str) -> FileInfo:
        with self._lock:
            file = self._files.get(path)
            if file:
                return FileInfo(path, len(file.content), file.modified, is_folder=False)
            inside = self._inside(path)
            if not inside:
                raise PathNotFoundError(path)
            newest = max(self._files[name].modified for name in inside)
            return FileInfo(path, 0, newest, is_folder=True)

    def list(self, path: str) -> Sequence[str]:
        with self._lock:
            inside = self._inside(path)
        if not inside and path != "/":
            raise PathNotFoundError(path)
        folder = path.rstrip("/") + "/"
        return sorted({folder + name.removeprefix(folder).split("/")[0] for name in inside})

    def holders(self, folder: str, inner: str, after: str) -> Iterator[tuple[str, int]]:
        with self._lock:
            sizes = {path: len(self._files[path].content) for path in self._inside(folder)}
        if not sizes:
            raise PathNotFoundError(folder)
        yield from holders(folder, inner, after, sizes)

    def move(self, source: str, destination: str) -> None:
        with self._lock:
            file = self._file(source)
            self._refuse_file_as_folder(destination)
            self._files[destination] = file
            del self._files[source]

    def delete(self, path: str, durable: bool = True) -> None:  # noqa: ARG002  a protocol's signature
        with self._lock:
            doomed = [path] if path in self._files else self._inside(path)
            if not doomed:
                raise PathNotFoundError(path)
            for name in doomed:
                del self._files[name]

    def extend(self, path: str, data: bytes) -> None:
        """Append to a file that a writer holds open."""
        with self._lock:
            file = self._file(path)
            file.content += data
            file.modified = datetime.now(UTC)

    def _file(self, path: str) -> _File:
        try:
            return self._files[path]
        except KeyError:
            raise PathNotFoundError(path) from None

    def _inside(self, path: str) -> Sequence[str]:
        folder = path.rstrip("/") + "/"
        return [name for name in self._files if name.startswith(folder)]

    def _refuse_file_as_folder(self, path: str) -> None:
        parts = path.split("/")
        if any("/".join(parts[:end]) in self._files for end in range(2, len(parts))):
            raise StorageError(path, "a file is in the place of a folder")
        if self._inside(path):
            raise StorageError(path, "a folder is in the place of a file")


class _Writer:
    def __init__(self, memory: Memory, path: str) -> None:
        self._memory = memory
        self._path = path

    @property
    def size(self) -> int:
        return self._memory.stat(self._path).size

    def write(self, data: bytes) -> None:
        self._memory.extend(self._path, data)

    def commit(self) -> None:
        """Nothing to do: what is written can be read at once."""

    def cancel(self) -> None:
        self._memory.delete(self._path)

    def close(self) -> None:
        """Nothing to do: there is nothing more durable than memory here."""

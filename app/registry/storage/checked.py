"""The checks that every driver needs, made once."""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from app.registry.storage.driver import (
    FileInfo,
    FileReader,
    FileWriter,
    InvalidOffsetError,
    InvalidPathError,
    StorageDriver,
    StorageError,
    WriterStateError,
)

_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._-]+)+")


class _Named:
    """Inside, storage errors get the driver's name, and any other failure of the system becomes one.

    No generator: it stands around every read and write.
    """

    __slots__ = ("_driver", "_path")

    def __init__(self, driver: str, path: str) -> None:
        self._driver = driver
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, StorageError):
            error.driver = self._driver
        elif isinstance(error, OSError):
            failure = StorageError(self._path, error.strerror or type(error).__name__)
            failure.driver = self._driver
            raise failure from error


class Checked:
    """A driver that refuses bad paths and offsets, and whose every error is a StorageError that names the
    driver.

    Stricter than distribution's grammar in one point: `.` and `..` are no parts of a path.
    """

    def __init__(self, driver: StorageDriver, redirects: bool = True) -> None:
        """Without `redirects` this process serves everything itself."""
        self._driver = driver
        self._redirects = redirects

    @property
    def name(self) -> str:
        return self._driver.name

    def get_content(self, path: str) -> bytes:
        with self._checking(path):
            return self._driver.get_content(path)

    def put_content(self, path: str, content: bytes, durable: bool = True) -> None:
        with self._checking(path):
            self._driver.put_content(path, content, durable)

    def put_all(self, files: Sequence[tuple[str, bytes]]) -> None:
        with ExitStack() as stack:
            for path, _ in files:
                stack.enter_context(self._checking(path))
            self._driver.put_all(files)

    def reader(self, path: str, offset: int) -> "CheckedReader":
        with self._checking(path):
            if offset < 0:
                raise InvalidOffsetError(path, offset)
            return CheckedReader(self._driver.reader(path, offset), self.name, path)

    def writer(self, path: str, append: bool) -> "CheckedWriter":
        with self._checking(path):
            return CheckedWriter(self._driver.writer(path, append), self.name, path)

    def written(self, path: str) -> int:
        with self._checking(path):
            return self._driver.written(path)

    def redirect_url(self, path: str) -> str | None:
        with self._checking(path):
            return self._driver.redirect_url(path) if self._redirects else None

    def stat(self, path: str) -> FileInfo:
        with self._checking(path, root=True):
            return self._driver.stat(path)

    def list(self, path: str) -> Sequence[str]:
        with self._checking(path, root=True):
            return self._driver.list(path)

    def holders(self, folder: str, inner: str, after: str) -> Iterator[tuple[str, int]]:
        with self._checking(f"{folder}/{inner}"):
            yield from self._driver.holders(folder, inner, after)

    def move(self, source: str, destination: str) -> None:
        with self._checking(destination), self._checking(source):
            self._driver.move(source, destination)

    def delete(self, path: str, durable: bool = True) -> None:
        with self._checking(path):
            self._driver.delete(path, durable)

    def _checking(self, path: str, root: bool = False) -> _Named:
        if not _PATH.fullmatch(path) and not (root and path == "/"):
            error = InvalidPathError(path)
            error.driver = self.name
            raise error
        return _Named(self.name, path)


class CheckedReader:
    """A reader whose every error is a StorageError."""

    def __init__(self, reader: FileReader, driver: str, path: str) -> None:
        self._reader = reader
        self._driver = driver
        self._path = path

    def read(self, size: int, /) -> bytes:
        with _Named(self._driver, self._path):
            return self._reader.read(size)

    def close(self) -> None:
        self._reader.close()


class CheckedWriter:
    """A writer that insists on the order of calls."""

    def __init__(self, writer: FileWriter, driver: str, path: str) -> None:
        self._writer = writer
        self._driver = driver
        self._path = path
        self._committed = False
        self._closed = False

    @property
    def size(self) -> int:
        return self._writer.size

    def write(self, data: bytes) -> None:
        with self._open():
            self._writer.write(data)

    def commit(self) -> None:
        with self._open():
            self._writer.commit()
        self._committed = True

    def cancel(self) -> None:
        with self._open():
            self._closed = True
            self._writer.cancel()

    def close(self) -> None:
        self._refuse(self._closed, "already closed")
        with _Named(self._driver, self._path):
            self._closed = True
            self._writer.close()

    def _open(self) -> _Named:
        self._refuse(self._closed, "already closed")
        self._refuse(self._committed, "already committed")
        return _Named(self._driver, self._path)

    def _refuse(self, state: bool, reason: str) -> None:
        if state:
            error = WriterStateError(self._path, reason)
            error.driver = self._driver
            raise error

"""What the registry asks of a place that keeps bytes (the verbs of distribution's `StorageDriver`).

Paths are absolute, with `/` between parts that hold letters, digits, `.`, `_` and `-`. `Checked` enforces
that and names the driver in every error, so drivers do neither.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.domain.errors import TagtrailError


class StorageError(TagtrailError):
    """The storage could not do what was asked. `driver` is filled in by `Checked`."""

    def __init__(self, path: str, reason: str = "failed") -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason
        self.driver = ""

    def __str__(self) -> str:
        return f"{self.driver}: {self.reason}: {self.path}"


class PathNotFoundError(StorageError):
    """Nothing is stored at `path`."""

    def __init__(self, path: str) -> None:
        super().__init__(path, "path not found")


class InvalidPathError(StorageError):
    """`path` breaks the grammar above."""

    def __init__(self, path: str) -> None:
        super().__init__(path, "invalid path")


class InvalidOffsetError(StorageError):
    """A reader was asked to begin before the beginning. `offset` in bytes."""

    def __init__(self, path: str, offset: int) -> None:
        super().__init__(path, f"invalid offset {offset}")
        self.offset = offset


class WriterStateError(StorageError):
    """A writer was used after it was closed or committed."""


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What is known of a path without reading it. `size` in bytes, 0 for a folder; `modified` in UTC."""

    path: str
    size: int
    modified: datetime
    is_folder: bool


class FileReader(Protocol):
    """The bytes of a file, from where it was opened to its end."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""

    def close(self) -> None:
        """Let go of the file, wherever reading has come to."""


class FileWriter(Protocol):
    """A file being written: `write* commit close`, or `write* close` for one that is continued later.

    After `close` or `cancel` nothing else is allowed, after `commit` only `close`: WriterStateError
    otherwise.
    """

    @property
    def size(self) -> int:
        """Bytes in the file, with those that were there when it was opened for appending."""

    def write(self, data: bytes) -> None:
        """Append all of `data`."""

    def commit(self) -> None:
        """Make everything written readable, and durable as `StorageDriver` says."""

    def cancel(self) -> None:
        """Remove the file, with what was there before."""

    def close(self) -> None:
        """Let go of the file. Without `commit` what was written need not be readable yet."""


class StorageDriver(Protocol):
    """A tree of files. Safe for use by several threads, and by several processes if it outlives one.

    What returns has happened, and is durable unless that was not asked for: for what may be lost with the
    power, and only then. What a closed writer wrote is durable as bytes; its file's place lasts once it is
    moved. Undefined: writing one path from two writers at once, and appending to what was committed with
    content. An object store has no folders: there a name may be a file and have others below it, and a folder
    is gone with the last of its files.
    """

    @property
    def name(self) -> str:
        """The name that configuration uses."""

    def get_content(self, path: str) -> bytes:
        """All of a small file. PathNotFoundError if there is none."""

    def put_content(self, path: str, content: bytes, durable: bool = True) -> None:
        """Create or replace a small file at once, with its folders. Readers see the old or the new."""

    def put_all(self, files: Sequence[tuple[str, bytes]]) -> None:
        """`put_content` for each (path, content), in this order; after a failure the first of them may be there."""

    def reader(self, path: str, offset: int) -> FileReader:
        """A stream from `offset` bytes on; at or behind the end it is empty.

        InvalidOffsetError if `offset` is negative, PathNotFoundError whatever the offset if there is no file.
        """

    def writer(self, path: str, append: bool) -> FileWriter:
        """Write a file with its folders: from nothing, or behind what it holds if `append`."""

    def written(self, path: str) -> int:
        """Bytes that writers have brought to a file, committed or not; 0 if none ever began it."""

    def redirect_url(self, path: str) -> str | None:
        """Where a client may GET the file by itself for a while; None if this process must serve it.

        Whether the file is there is not asked.
        """

    def stat(self, path: str) -> FileInfo:
        """PathNotFoundError if there is neither file nor folder; `/` may be either."""

    def list(self, path: str) -> Sequence[str]:
        """The direct children of a folder as absolute paths, in any order. `/` can always be listed.

        PathNotFoundError for anything else that is not a folder. Names that end in `.tmp` may be the remains
        of a crash.
        """

    def holders(self, folder: str, inner: str, after: str) -> Iterator[tuple[str, int]]:
        """In byte order the children of a folder behind `after` that hold a file `inner`, a path below each: name, and
        size of that file. Who wants only some takes only some. PathNotFoundError if there is no folder.
        """

    def move(self, source: str, destination: str) -> None:
        """Rename a file, replacing one at `destination`. PathNotFoundError, and nothing changed, if there is
        none.
        """

    def delete(self, path: str, durable: bool = True) -> None:
        """Remove a file, or a folder with all it holds. PathNotFoundError if there is neither."""

"""Files in an object store: keys and bytes, with no folders and nothing to rename.

A bucket raises FileNotFoundError where nothing lies under a key, and another OSError where it can't be asked.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.registry.storage.driver import FileInfo, FileReader, FileWriter, PathNotFoundError
from app.registry.storage.pieces import holders

REDIRECTED_FOR_S = 20 * 60
"""How long a client may use the address that it was sent to; as long as distribution's."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a bucket knows of an object. `size` in bytes."""

    size: int
    modified: datetime


class Bucket(Protocol):
    """What drivers of this kind differ in. Keys don't begin with `/`; what is written has replaced what was there."""

    @property
    def name(self) -> str:
        """The name that configuration uses for the driver."""

    def get(self, key: str) -> bytes:
        """All of an object."""

    def put(self, key: str, content: bytes) -> None:
        """Write a small object."""

    def reader(self, key: str, offset: int) -> FileReader:
        """The bytes from `offset` on; none at or behind the end."""

    def writer(self, key: str, append: bool) -> FileWriter:
        """Write an object of any size, in pieces."""

    def written(self, key: str) -> int:
        """Bytes that writers have brought, committed or not."""

    def find(self, key: str) -> Found | None:
        """The object, if it is there."""

    def below(self, prefix: str) -> Iterator[tuple[str, Found]]:
        """Every object whose key begins so."""

    def children(self, prefix: str) -> Iterator[str]:
        """Every object whose key begins so, up to the next `/`: what comes before that, once or more often."""

    def copy(self, source: str, destination: str) -> None:
        """Within the store: the bytes don't come here."""

    def delete(self, key: str) -> None:
        """Take out one object, which is there."""

    def clear(self, prefix: str) -> bool:
        """Take out all objects whose keys begin so, and all that was begun there and never committed.

        Whether there was an object.
        """

    def url(self, key: str) -> str:
        """Where anybody may GET the object for REDIRECTED_FOR_S."""


@contextmanager
def _found(path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise PathNotFoundError(path) from None


class Objects:
    """A driver over a bucket, whose keys are `rootdirectory` and the path."""

    def __init__(self, bucket: Bucket, rootdirectory: str) -> None:
        self._bucket = bucket
        self._root = "".join(f"{part}/" for part in rootdirectory.split("/") if part)

    @property
    def name(self) -> str:
        return self._bucket.name

    def get_content(self, path: str) -> bytes:
        with _found(path):
            return self._bucket.get(self._key(path))

    def put_content(self, path: str, content: bytes, durable: bool = True) -> None:  # noqa: ARG002  a protocol's signature
        self._bucket.put(self._key(path), content)

    def put_all(self, files: Sequence[tuple[str, bytes]]) -> None:
        for path, content in files:
            self.put_content(path, content)

    def reader(self, path: str, offset: int) -> FileReader:
        with _found(path):
            return self._bucket.reader(self._key(path), offset)

    def writer(self, path: str, append: bool) -> FileWriter:
        return self._bucket.writer(self._key(path), append)

    def written(self, path: str) -> int:
        return self._bucket.written(self._key(path))

    def redirect_url(self, path: str) -> str | None:
        return self._bucket.url(self._key(path))

    def stat(self, path: str) -> FileInfo:
        file = self._bucket.find(self._key(path)) if path != "/" else None
        if file:
            return FileInfo(path, file.size, file.modified, is_folder=False)
        for _key, inside in self._bucket.below(self._folder(path)):
            return FileInfo(path, 0, inside.modified, is_folder=True)
        raise PathNotFoundError(path)

    def list(self, path: str) -> Sequence[str]:
        children = {f"/{key.removeprefix(self._root)}" for key in self._bucket.children(self._folder(path))}
        if not children and path != "/":
            raise PathNotFoundError(path)
        return sorted(children)

    def holders(self, folder: str, inner: str, after: str) -> Iterator[tuple[str, int]]:
        """All keys below are listed, which is a request for a thousand: one for each child would be many more."""
        below = self._bucket.below(self._folder(folder))
        sizes = {f"/{key.removeprefix(self._root)}": found.size for key, found in below}
        if not sizes:
            raise PathNotFoundError(folder)
        yield from holders(folder, inner, after, sizes)

    def move(self, source: str, destination: str) -> None:
        with _found(source):
            self._bucket.copy(self._key(source), self._key(destination))
        self._bucket.delete(self._key(source))

    def delete(self, path: str, durable: bool = True) -> None:  # noqa: ARG002  a protocol's signature
        is_file = self._bucket.find(self._key(path)) is not None
        if not self._bucket.clear(self._folder(path)) and not is_file:
            raise PathNotFoundError(path)
        if is_file:
            self._bucket.delete(self._key(path))

    def _key(self, path: str) -> str:
        return self._root + path.removeprefix("/")

    def _folder(self, path: str) -> str:
        """What the keys of all below `path` begin with."""
        return self._root + path.strip("/") + "/" if path != "/" else self._root

"""How long a driver takes, for who wants to know."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from app.registry.storage.driver import FileInfo, FileReader, FileWriter, StorageDriver

Observe = Callable[[str, str, float], None]
"""Hears the driver's name, the action as distribution calls it, and the seconds."""


class Timed:
    """A driver that tells of every action. To open a stream is one; what is read from it later is not seen."""

    def __init__(self, driver: StorageDriver, observe: Observe) -> None:
        self._driver = driver
        self._observe = observe

    @property
    def name(self) -> str:
        return self._driver.name

    @contextmanager
    def _timing(self, action: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self._observe(self.name, action, time.perf_counter() - began)

    def get_content(self, path: str) -> bytes:
        with self._timing("GetContent"):
            return self._driver.get_content(path)

    def put_content(self, path: str, content: bytes, durable: bool = True) -> None:
        with self._timing("PutContent"):
            self._driver.put_content(path, content, durable)

    def put_all(self, files: Sequence[tuple[str, bytes]]) -> None:
        with self._timing("PutContent"):
            self._driver.put_all(files)

    def reader(self, path: str, offset: int) -> FileReader:
        with self._timing("Reader"):
            return self._driver.reader(path, offset)

    def writer(self, path: str, append: bool) -> FileWriter:
        with self._timing("Writer"):
            return self._driver.writer(path, append)

    def written(self, path: str) -> int:
        with self._timing("Stat"):
            return self._driver.written(path)

    def redirect_url(self, path: str) -> str | None:
        with self._timing("RedirectURL"):
            return self._driver.redirect_url(path)

    def stat(self, path: str) -> FileInfo:
        with self._timing("Stat"):
            return self._driver.stat(path)

    def list(self, path: str) -> Sequence[str]:
        with self._timing("List"):
            return self._driver.list(path)

    def holders(self, folder: str, inner: str, after: str) -> Iterator[tuple[str, int]]:
        with self._timing("Walk"):
            yield from self._driver.holders(folder, inner, after)

    def move(self, source: str, destination: str) -> None:
        with self._timing("Move"):
            self._driver.move(source, destination)

    def delete(self, path: str, durable: bool = True) -> None:
        with self._timing("Delete"):
            self._driver.delete(path, durable)

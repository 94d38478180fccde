"""What files hold that say who is let in: read again when they change."""

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from app.domain.errors import TagtrailError

log = logging.getLogger(__name__)

T = TypeVar("T")
_Stamp = tuple[int, int, int]


class Followed(Generic[T]):
    """What `read` makes of the files at `paths`, as they are now; what it can't use is told once, and the old stays."""

    def __init__(self, paths: Sequence[Path], read: Callable[[], T]) -> None:
        """Raises what `read` raises."""
        self._paths = paths
        self._read = read
        self._lock = threading.Lock()
        self._stamps = self._look()
        self._found = read()

    def now(self) -> T:
        with self._lock:
            stamps = self._look()
            if stamps != self._stamps:
                self._stamps = stamps
                self._read_again()
            return self._found

    def _read_again(self) -> None:
        try:
            self._found = self._read()
        except TagtrailError as error:
            log.warning("what has changed can't be used, and what was before stays in force: %s", error)

    def _look(self) -> Sequence[_Stamp | None]:
        return [_stamp(path) for path in self._paths]


def _stamp(path: Path) -> _Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size

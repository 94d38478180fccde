"""Small files as they were last read, for as long as the file system shows that they are the same."""

import os
import threading
import time
from typing import NamedTuple

_SMALL = 64 * 1024
_MOST_BYTES = 32 * 1024 * 1024
_SETTLED_NS = 3_000_000_000
"""Two writes within a tick of the clock leave one time: only what was written longer ago than any tick is kept. The
coarsest file systems tick every two seconds.
"""


class _Mark(NamedTuple):
    """Differs after every write: files are renamed over others, and a write in place changes the times."""

    inode: int
    modified_ns: int
    changed_ns: int
    size: int

    @classmethod
    def of(cls, found: os.stat_result) -> "_Mark":
        return cls(found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)


class Remembered:
    """What small files hold, asked of the file system by one `stat` each."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[_Mark, bytes]] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def read(self, place: str) -> bytes:
        """All that the file at `place` holds now. Raises OSError."""
        held = self._held.get(place)
        if held is not None and held[0] == _Mark.of(os.stat(place)):
            return held[1]
        with open(place, "rb", buffering=0) as file:
            mark = _Mark.of(os.fstat(file.fileno()))
            content = file.readall()
        if len(content) <= _SMALL and max(mark.modified_ns, mark.changed_ns) + _SETTLED_NS < time.time_ns():
            self._keep(place, mark, content)
        return content

    def _keep(self, place: str, mark: _Mark, content: bytes) -> None:
        with self._lock:
            size = len(place) + len(content)
            if self._bytes + size > _MOST_BYTES:
                self._held.clear()
                self._bytes = 0
            self._bytes += size
            self._held[place] = mark, content

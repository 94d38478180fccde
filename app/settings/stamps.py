"""Which files a configuration was read from, as they were then: other stamps mean to read it again."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from app.settings.references import files_in

Stamp = frozenset[tuple[str, int, int, int]]
"""Path, inode, time and size of each file that is there: editors write in place, and times are coarse."""


def stamp(config: Path, folder: Path) -> Stamp:
    """Of the configuration file, the files it refers to, and all of `folder`."""
    return frozenset(_stats(_files(config, folder)))


def _files(config: Path, folder: Path) -> Iterator[Path]:
    yield config
    with suppress(OSError):
        yield from files_in(config.read_text(encoding="utf-8", errors="replace"), config.parent)
    if folder.is_dir():
        yield from folder.iterdir()


def _stats(paths: Iterable[Path]) -> Iterator[tuple[str, int, int, int]]:
    for path in paths:
        try:
            found = path.stat()
        except OSError:
            continue
        yield str(path), found.st_ino, found.st_mtime_ns, found.st_size

"""Uploads that nobody went on with (distribution's `storage.maintenance.uploadpurging`)."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from app.domain.times import SECOND_NS, parse_rfc3339
from app.registry import catalog, links, paths
from app.registry.locks import BusyError, Locks
from app.registry.storage.driver import PathNotFoundError, StorageDriver


@dataclass(frozen=True, slots=True)
class Stale:
    """An upload that began too long ago."""

    repository: str
    identifier: str


def stale(driver: StorageDriver, before_ns: int) -> Iterator[Stale]:
    """The uploads that began before a moment; of what says no moment, the folder's own age counts."""
    for repository in catalog.places(driver):
        for folder in links.children(driver, paths.uploads(repository)):
            upload = Stale(repository, folder.rpartition("/")[2])
            began_ns = _began(driver, upload)
            if began_ns is not None and began_ns < before_ns:
                yield upload


def remove(driver: StorageDriver, locks: Locks, upload: Stale) -> bool:
    """Whether it is gone: not while it is written."""
    try:
        with locks.upload(upload.identifier), suppress(PathNotFoundError):
            driver.delete(paths.upload(upload.repository, upload.identifier))
    except BusyError:
        return False
    return True


def _began(driver: StorageDriver, upload: Stale) -> int | None:
    """None for an upload that went just now."""
    try:
        text = driver.get_content(paths.upload_started(upload.repository, upload.identifier))
        began_ns = parse_rfc3339(text.decode("ascii", "replace"))
    except PathNotFoundError:
        began_ns = None
    if began_ns is not None:
        return began_ns
    try:
        modified = driver.stat(paths.upload(upload.repository, upload.identifier)).modified
    except PathNotFoundError:
        return None
    return int(modified.timestamp()) * SECOND_NS

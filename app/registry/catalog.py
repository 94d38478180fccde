"""Which repositories there are (distribution's HTTP API V2, "Listing Repositories")."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from app.domain.errors import InvalidNameError
from app.domain.names import parse_repository
from app.registry import paths
from app.registry.storage.driver import PathNotFoundError, StorageDriver


def repositories(driver: StorageDriver) -> Sequence[str]:
    """The names of all repositories that ever held a manifest, in byte order."""
    return sorted(_below(driver, paths.REPOSITORIES))


def _below(driver: StorageDriver, folder: str) -> Iterator[str]:
    """Names are folders in folders, and one may be part of another: `shop` of `shop/web`."""
    try:
        children = driver.list(folder)
    except PathNotFoundError:  # nothing was ever pushed, a file of somebody else's, or one that went just now
        return
    if any(child.endswith("/_manifests") for child in children):
        with suppress(InvalidNameError):
            yield parse_repository(folder.removeprefix(f"{paths.REPOSITORIES}/"))
    for child in children:
        if not child.rpartition("/")[2].startswith("_"):
            yield from _below(driver, child)

"""Which repositories there are (distribution's HTTP API V2, "Listing Repositories")."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from app.domain.names import is_repository
from app.registry import links, paths
from app.registry.storage.driver import PathNotFoundError, StorageDriver


def repositories(driver: StorageDriver, after: str = "") -> Iterator[str]:
    """The names of all repositories that ever held a manifest and come behind `after`, in byte order.

    Lists only the folders on the way to what is taken.
    """
    for name, children in _below(driver, "", after):
        if _has(children, "_manifests"):
            yield name


def places(driver: StorageDriver) -> Iterator[str]:
    """Every repository of which something is stored, be it a blob or an upload alone; the same otherwise."""
    for name, children in _below(driver, "", ""):
        if any(_has(children, part) for part in ("_manifests", "_layers", "_uploads")):
            yield name


def exists(driver: StorageDriver, repository: str) -> bool:
    """Whether anything was ever pushed to it that is still there. An upload that is under way is not."""
    return any(links.exists(driver, part) for part in (paths.layers(repository), paths.manifests(repository)))


def remove(driver: StorageDriver, repository: str) -> None:
    """Its links, uploads, manifests and tags, not the repositories below it.

    In this order: what ends half-way has taken no tag that would not be told of.
    """
    _delete(driver, _parts(repository))


def forget(driver: StorageDriver, repository: str) -> None:
    """The folders of one of which nothing is left. An upload that began just now goes on."""
    began = links.children(driver, paths.uploads(repository))
    _delete(driver, [part for part in _parts(repository) if not began or part != paths.uploads(repository)])


def _delete(driver: StorageDriver, parts: Sequence[str]) -> None:
    for part in parts:
        with suppress(PathNotFoundError):
            driver.delete(part)


def _parts(repository: str) -> Sequence[str]:
    return paths.layers(repository), paths.uploads(repository), paths.manifests(repository)


def _has(children: Sequence[str], name: str) -> bool:
    return any(child.endswith(f"/{name}") for child in children)


def _below(driver: StorageDriver, folder: str, after: str) -> Iterator[tuple[str, Sequence[str]]]:
    """Names are folders in folders, and one may be part of another: `shop`, `shop-old`, `shop/web` in this order.

    All names below a folder begin with its own and a slash, so they lie side by side: sorted among its siblings by
    that, a folder's turn comes where the first of them belongs.
    """
    children = _children(driver, folder)
    names = sorted(name for child in children if not (name := child.rpartition("/")[2]).startswith("_"))
    for turn in sorted([*names, *(f"{name}/" for name in names)]):
        whole = f"{folder}{turn}"
        if turn.endswith("/"):
            if whole > after or after.startswith(whole):
                yield from _below(driver, whole, after)
        elif whole > after and is_repository(whole):
            yield whole, _children(driver, f"{whole}/")


def _children(driver: StorageDriver, folder: str) -> Sequence[str]:
    return links.children(driver, f"{paths.REPOSITORIES}/{folder}".rstrip("/"))

"""Tags: names that move from digest to digest."""

from collections.abc import Iterator, Sequence
from itertools import islice

from app.domain.digests import Digest
from app.domain.names import is_tag
from app.registry import links, paths
from app.registry.errors import NAME_UNKNOWN, RegistryError
from app.registry.storage.driver import PathNotFoundError, StorageDriver


class Tags:
    def __init__(self, driver: StorageDriver) -> None:
        self._driver = driver

    def resolve(self, repository: str, tag: str) -> Digest | None:
        """Where the tag points; None if there is no such tag."""
        return links.follow(self._driver, paths.tag_current(repository, tag))

    def move(self, repository: str, tags: Sequence[str], digest: Digest) -> None:
        """Let each tag point to `digest`, whether it was there or not. For who holds the repository's lock."""
        places = (
            place
            for tag in tags
            for place in (paths.tag_index(repository, tag, digest), paths.tag_current(repository, tag))
        )
        self._driver.put_all([links.to(place, digest) for place in places])

    def page(self, repository: str, after: str, count: int | None) -> tuple[Sequence[str], bool]:
        """At most `count` tags behind `after` in byte order, and whether more follow.

        NAME_UNKNOWN if nothing was ever pushed there.
        """
        names = self._names(repository, after)
        if count is None:
            return list(names), False
        found = list(islice(names, count + 1)) if count else []
        return found[:count], len(found) > count

    def pointing_at(self, repository: str, digest: Digest) -> Sequence[str]:
        return [tag for tag in self._names(repository) if self.resolve(repository, tag) == digest]

    def all_names(self, repository: str) -> Sequence[str]:
        try:
            return list(self._names(repository))
        except RegistryError:
            return []

    def all_digests(self, repository: str) -> set[Digest]:
        """Everything that a tag points to."""
        return {digest for name in self.all_names(repository) if (digest := self.resolve(repository, name))}

    def remove(self, repository: str, tag: str) -> None:
        """For who holds the repository's lock."""
        self._driver.delete(paths.tag(repository, tag))

    def _names(self, repository: str, after: str = "") -> Iterator[str]:
        """Those behind `after`, sorted. A link that is too short or too long is what a crash left."""
        try:
            for name, size in self._driver.holders(paths.tags(repository), paths.CURRENT, after):
                if size in links.SIZES and is_tag(name):
                    yield name
        except PathNotFoundError:
            self._require(repository)

    def _require(self, repository: str) -> None:
        try:
            self._driver.stat(paths.manifests(repository))
        except PathNotFoundError:
            raise RegistryError(NAME_UNKNOWN, repository) from None

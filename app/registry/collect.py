"""Takes away what nothing refers to any more, while the registry is in use.

1. In each repository, alone with it: manifests that no tag leads to (where that is asked for), then links to blobs that
   no manifest of the repository names.
2. Bytes to which no repository links, and repositories of which nothing is left. What a repository began to link to
   meanwhile stays (`Locks.linking`).

What is younger than the grace period stays, for its push may still be under way. A manifest names every digest that
stands anywhere in it: children of an index, layers, the `blobSum` of schema 1. One that is no JSON keeps everything in
its repository.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Set
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from app.domain.digests import Digest, is_digest
from app.registry import catalog, links, paths
from app.registry.blobs import Blobs
from app.registry.locks import Locks, Sweeping
from app.registry.manifests import Manifests
from app.registry.notify import Fact, Listener
from app.registry.storage.driver import PathNotFoundError, StorageDriver
from app.registry.tags import Tags

SWEPT_AT_ONCE = 100
Progress = Callable[[str, int, int], None]
"""Called with what is counted, how much of it is done, and of how much."""


@dataclass(frozen=True, slots=True)
class Asked:
    """`untagged`: manifests too that no tag leads to. `grace`: how old something has to be."""

    untagged: bool = False
    grace: timedelta = timedelta(days=1)
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Collected:
    """What was taken, or would be: `kind` is manifest, link (a blob's, out of a repository), content or repository (one
    of which nothing is left). `size` in bytes that this frees: the content of a manifest or link goes by itself, if
    nothing else refers to it.
    """

    kind: str
    repository: str | None
    digest: str
    size: int


@dataclass(slots=True)
class _Kept:
    """Of one repository. `named`: every digest that a kept manifest names; None: one of them can't be read."""

    manifests: set[Digest] = field(default_factory=set)
    named: set[str] | None = field(default_factory=set)


class Collector:
    def __init__(self, driver: StorageDriver, locks: Locks, rooms: tuple[Blobs, Manifests, Tags]) -> None:
        self._driver = driver
        self._locks = locks
        self._blobs, self._manifests, self._tags = rooms
        self._names: dict[Digest, frozenset[str] | None] = {}

    def collect(self, asked: Asked, listener: Listener, progress: Progress) -> Iterator[Collected]:
        """What goes, as it goes. CollectingError if another collection is under way."""
        too_young = datetime.now(UTC) - asked.grace
        with self._locks.collecting() as sweeping:
            linked: set[str] = set()
            found = list(catalog.places(self._driver))
            pushed_to = set[str]()
            for done, repository in enumerate(found, 1):
                with self._locks.repository(repository):
                    if catalog.exists(self._driver, repository):
                        pushed_to.add(repository)
                    yield from self._clean(repository, (asked, too_young), listener, linked)
                progress("repositories", done, len(found))
            self._names.clear()
            yield from self._sweep((asked, too_young), linked, sweeping, progress)
            if not asked.dry_run:
                yield from self._forget(found, pushed_to, listener, sweeping)

    def _clean(
        self, repository: str, how: tuple[Asked, datetime], listener: Listener, linked: set[str]
    ) -> Iterator[Collected]:
        """Put into `linked` what the repository goes on to refer to."""
        asked, too_young = how
        held = self._links(f"{paths.manifests(repository)}/revisions")
        kept = self._kept(repository, held, how)
        linked |= {str(target) for digest, (target, _) in held.items() if digest in kept.manifests}
        for digest in held.keys() - kept.manifests:
            if not asked.dry_run:
                self._manifests.remove(repository, digest, (), listener)
            yield Collected("manifest", repository, str(digest), 0)
        for digest, (target, modified) in self._links(paths.layers(repository)).items():
            if kept.named is None or str(digest) in kept.named or modified > too_young:
                linked.add(str(target))
                continue
            if not asked.dry_run:
                self._unlink(repository, digest, listener)
            yield Collected("link", repository, str(digest), 0)

    def _unlink(self, repository: str, digest: Digest, listener: Listener) -> None:
        blob = self._blobs.find(repository, digest)
        if blob is not None:
            self._blobs.unlink(blob, listener)
        else:  # its bytes are gone already
            self._driver.delete(paths.layer_link(repository, digest))

    def _kept(self, repository: str, held: dict[Digest, tuple[Digest, datetime]], how: tuple[Asked, datetime]) -> _Kept:
        asked, too_young = how
        kept = _Kept()
        young = {digest for digest, (_, modified) in held.items() if modified > too_young}
        waiting = set(held) if not asked.untagged else young | (self._tags.all_digests(repository) & held.keys())
        while waiting:
            digest = waiting.pop()
            kept.manifests.add(digest)
            names = self._named_by(held[digest][0])
            if names is None:
                kept.named = None
            elif kept.named is not None:
                kept.named |= names
            reached = {Digest.parse(name) for name in names or ()} | self._referrers(repository, digest)
            waiting |= (reached & held.keys()) - kept.manifests
        if kept.named is None:
            kept.manifests |= held.keys()
        return kept

    def _named_by(self, digest: Digest) -> frozenset[str] | None:
        """Every digest that stands in a manifest; None if it is no JSON. One whose bytes are gone names nothing."""
        if digest not in self._names:
            try:
                self._names[digest] = digests_in(self._driver.get_content(paths.blob_data(digest)))
            except PathNotFoundError:
                self._names[digest] = frozenset()
        return self._names[digest]

    def _referrers(self, repository: str, digest: Digest) -> Set[Digest]:
        return self._links(paths.referrers(repository, digest)).keys()

    def _links(self, folder: str) -> dict[Digest, tuple[Digest, datetime]]:
        """By digest: what is linked below a folder of links, and since when."""
        found = {}
        for digest, path in links.below(self._driver, folder):
            with suppress(PathNotFoundError):
                target = links.follow(self._driver, path)
                if target is not None:
                    found[digest] = (target, self._driver.stat(path).modified)
        return found

    def _sweep(
        self, how: tuple[Asked, datetime], linked: Set[str], sweeping: Sweeping, progress: Progress
    ) -> Iterator[Collected]:
        asked, too_young = how
        stored = [digest for digest in self._stored() if str(digest) not in linked]
        for start in range(0, len(stored), SWEPT_AT_ONCE):
            some = stored[start : start + SWEPT_AT_ONCE]
            with sweeping() as since:
                for digest, modified, size in filter(None, map(self._content, some)):
                    if modified > too_young or str(digest) in since:
                        continue
                    if not asked.dry_run:
                        self._driver.delete(paths.blob(digest))
                    yield Collected("content", None, str(digest), size)
            progress("contents", min(start + SWEPT_AT_ONCE, len(stored)), len(stored))

    def _forget(
        self, repositories: Iterable[str], pushed_to: Set[str], listener: Listener, sweeping: Sweeping
    ) -> Iterator[Collected]:
        """Of those that may be empty the ones that are. Of one that had but uploads there is nothing to tell."""
        for repository in repositories:
            with self._locks.repository(repository), sweeping():
                if not self._is_empty(repository):
                    continue
                if repository not in pushed_to:
                    catalog.forget(self._driver, repository)
                    continue
                with listener.writing([Fact("delete", "repository", repository)]):
                    catalog.forget(self._driver, repository)
                yield Collected("repository", repository, "", 0)

    def _is_empty(self, repository: str) -> bool:
        held = (self._links(f"{paths.manifests(repository)}/revisions"), self._links(paths.layers(repository)))
        return not any(held) and not links.children(self._driver, paths.uploads(repository))

    def _content(self, digest: Digest) -> tuple[Digest, datetime, int] | None:
        try:
            found = self._driver.stat(paths.blob_data(digest))
        except PathNotFoundError:
            return None
        return digest, found.modified, found.size

    def _stored(self) -> Iterator[Digest]:
        for algorithm in links.children(self._driver, paths.BLOBS):
            for first in links.children(self._driver, algorithm):
                for place in links.children(self._driver, first):
                    text = f"{algorithm.rpartition('/')[2]}:{place.rpartition('/')[2]}"
                    if is_digest(text):
                        yield Digest.parse(text)


def digests_in(body: bytes) -> frozenset[str] | None:
    """Every text in a JSON document that is a digest. None if it is no JSON."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return frozenset(text for text in _texts(document) if is_digest(text))


def _texts(document: Any) -> Iterator[str]:
    waiting: list[Any] = [document]
    while waiting:
        match waiting.pop():
            case str(text):
                yield text
            case list(items):
                waiting += items
            case dict(fields):
                waiting += fields.values()

"""When facts are announced, against what moves in storage meanwhile."""

import io
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from images import image_manifest

from app.domain.digests import Descriptor, Digest
from app.registry import manifests
from app.registry.blobs import MEDIA_TYPE
from app.registry.bodies import Body
from app.registry.errors import RegistryError
from app.registry.locks import FileLocks, Locks, ThreadLocks
from app.registry.notify import Fact, Silent
from app.registry.registry import Registry, Target
from app.registry.storage.driver import StorageError
from app.registry.storage.factory import make_driver
from app.registry.validation import OCI_MANIFEST

BLOB = Descriptor(MEDIA_TYPE, Digest.of(b"{}"), 2)


class Unwilling:
    """A journal that can't take anything."""

    @contextmanager
    def writing(self, facts: Sequence[Fact]) -> Iterator[None]:
        raise ConnectionError(facts)
        yield

    def pulled(self, fact: Fact) -> None:
        raise ConnectionError(fact)


class Inside:
    """Whether a write is under way, and all that was written, in order."""

    def __init__(self) -> None:
        self.now: list[Fact] = []
        self.done: list[Fact] = []

    @contextmanager
    def writing(self, facts: Sequence[Fact]) -> Iterator[None]:
        self.now = list(facts)
        yield
        self.done += facts
        self.now = []

    def pulled(self, fact: Fact) -> None:
        """Not of interest."""


def body(content: bytes) -> Body:
    return Body(io.BytesIO(content), len(content))


def a_registry(kind: str, folder: Path) -> Registry:
    driver = make_driver(kind, {"rootdirectory": str(folder / "storage")})
    locks: Locks = ThreadLocks() if kind == "inmemory" else FileLocks(folder / "locks")
    made = Registry(driver, locks)
    made.push_blob("shop/web", BLOB.digest, body(b"{}"), Silent())
    return made


@pytest.fixture(params=["inmemory", "filesystem"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Registry:
    return a_registry(request.param, tmp_path)


def manifest(seed: int) -> bytes:
    return image_manifest(b"{}", [], annotations={"seed": str(seed)})


def pushed(content: bytes, tag: str | None) -> Fact:
    return Fact("push", "manifest", "shop/web", Descriptor(OCI_MANIFEST, Digest.of(content), len(content)), tag=tag)


def test_where_a_manifest_push_can_be_held(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    listener, seen = Inside(), []
    content = manifest(1)

    def look(name: str) -> None:
        stored = registry.holds(pushed(content, None))
        seen.append((name, stored, registry.holds(pushed(content, "v1")), bool(listener.now)))

    monkeypatch.setattr(manifests, "pause", look)
    registry.put_manifest(Target("shop/web", ["v1"]), OCI_MANIFEST, body(content), listener)
    assert seen == [
        ("registry.manifest.intent", False, False, True),
        ("registry.manifest.stored", True, False, True),
        ("registry.manifest.tagged", True, True, True),
    ]


def test_what_can_not_be_announced_does_not_happen(registry: Registry) -> None:
    content, other = manifest(1), Digest.of(b"other")
    registry.put_manifest(Target("shop/web", ["v1"]), OCI_MANIFEST, body(content), Silent())
    refusing = Unwilling()
    for write in (
        lambda: registry.put_manifest(Target("shop/web", ["v2"]), OCI_MANIFEST, body(content), refusing),
        lambda: registry.delete_manifest("shop/web", Digest.of(content), refusing),
        lambda: registry.delete_tag("shop/web", "v1", refusing),
        lambda: registry.delete_blob("shop/web", BLOB.digest, refusing),
        lambda: registry.push_blob("shop/web", other, body(b"other"), refusing),
        lambda: registry.mount("shop/web", "shop/copy", BLOB.digest, refusing),
    ):
        with pytest.raises(ConnectionError):
            write()
    assert registry.tags("shop/web", "", None) == (["v1"], False)
    assert registry.manifest("shop/web", "v1").manifest.body == content
    assert registry.holds(Fact("push", "blob", "shop/web", BLOB))
    assert not registry.holds(Fact("mount", "blob", "shop/copy", BLOB, from_repository="shop/web"))
    assert not registry.holds(Fact("push", "blob", "shop/web", Descriptor(MEDIA_TYPE, other, 5)))


def test_what_storage_shows(registry: Registry) -> None:
    old, new = manifest(1), manifest(2)
    for content in (old, new):
        registry.put_manifest(Target("shop/web", ["v1"]), OCI_MANIFEST, body(content), Silent())
    assert registry.holds(pushed(old, None))
    assert registry.holds(pushed(new, "v1"))
    assert not registry.holds(pushed(old, "v1"))
    assert not registry.holds(pushed(manifest(3), None))
    gone = Fact("delete", "tag", "shop/web", tag="v1")
    assert not registry.holds(gone)
    registry.delete_manifest("shop/web", Digest.of(new), Silent())
    assert registry.holds(gone)
    assert registry.holds(Fact("delete", "manifest", "shop/web", Descriptor("", Digest.of(new), 0)))
    assert not registry.holds(Fact("delete", "manifest", "shop/web", Descriptor("", Digest.of(old), 0)))
    assert not registry.holds(Fact("delete", "blob", "shop/web", BLOB))
    registry.delete_blob("shop/web", BLOB.digest, Silent())
    assert registry.holds(Fact("delete", "blob", "shop/web", BLOB))
    assert not registry.holds(Fact("pull", "blob", "shop/web", BLOB))


def test_writes_of_a_repository_are_announced_in_the_order_they_happen(registry: Registry) -> None:
    listener = Inside()

    def work(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(15):
            if chance.random() < 0.3:
                try:
                    registry.delete_tag("shop/web", "v1", listener)
                except RegistryError:  # it may be gone already
                    continue
            else:
                content = manifest(chance.randrange(1000))
                registry.put_manifest(Target("shop/web", ["v1"]), OCI_MANIFEST, body(content), listener)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(work, range(6)))
    last = listener.done[-1]
    assert registry.holds(last)
    pairs = zip(listener.done, listener.done[1:], strict=False)
    assert not any(first.action == second.action == "delete" for first, second in pairs)


def test_of_two_deletes_one_finds_nothing_and_says_nothing(registry: Registry) -> None:
    listener = Inside()

    def delete(_: int) -> bool:
        try:
            registry.delete_blob("shop/web", BLOB.digest, listener)
        except RegistryError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        for _ in range(10):
            registry.push_blob("shop/web", BLOB.digest, body(b"{}"), Silent())
            assert sum(threads.map(delete, range(8))) == 1
    assert len(listener.done) == 10


def test_a_push_that_storage_refuses_ends_its_writing_with_the_error(tmp_path: Path) -> None:
    registry = a_registry("filesystem", tmp_path)
    listener = Inside()
    tags = tmp_path / "storage/docker/registry/v2/repositories/shop/web/_manifests"
    tags.mkdir()
    (tags / "tags").write_bytes(b"a file where a folder must be")
    with pytest.raises(StorageError):
        registry.put_manifest(Target("shop/web", ["v1"]), OCI_MANIFEST, body(manifest(1)), listener)
    assert listener.now
    assert not listener.done
    assert not registry.holds(listener.now[0])

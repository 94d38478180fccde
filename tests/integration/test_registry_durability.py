"""A 201 means on disk: what the registry acknowledged is found after a power cut."""

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from images import image_manifest

from app.domain.digests import Digest
from app.registry.bodies import Body
from app.registry.locks import FileLocks
from app.registry.notify import Silent
from app.registry.registry import Registry, Target
from app.registry.storage.factory import make_driver
from app.registry.validation import OCI_MANIFEST


class Disk:
    """What a power cut would leave: file contents and folder entries as of their last fsync."""

    def __init__(self) -> None:
        self.entries: dict[int, dict[str, int]] = {}
        self.sizes: dict[int, int] = {}
        self.syncs = 0

    def sync(self, descriptor: int) -> None:
        self.syncs += 1
        place = Path(f"/proc/self/fd/{descriptor}")
        found = os.fstat(descriptor)
        if place.is_dir():
            self.entries[found.st_ino] = {child.name: child.stat().st_ino for child in place.iterdir()}
        else:
            self.sizes[found.st_ino] = found.st_size

    def lost(self, root: Path) -> Iterator[Path]:
        """Everything from `root` down but uploads that is there now and would not be, or would be shorter."""
        for path in (root, *(one for one in root.rglob("*") if "_uploads" not in one.parts)):
            found = path.stat()
            named = self.entries.get(path.parent.stat().st_ino, {}).get(path.name) == found.st_ino
            if not named or (path.is_file() and self.sizes.get(found.st_ino) != found.st_size):
                yield path


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    made, real = Disk(), os.fsync

    def fsync(descriptor: int) -> None:
        real(descriptor)
        made.sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return made


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "storage"


@pytest.fixture
def registry(disk: Disk, root: Path, tmp_path: Path) -> Registry:
    return Registry(make_driver("filesystem", {"rootdirectory": str(root)}), FileLocks(tmp_path / "locks"))


def stream(content: bytes) -> Body:
    return Body(io.BytesIO(content), len(content))


def push(registry: Registry, content: bytes, repository: str = "shop/web") -> None:
    registry.push_blob(repository, Digest.of(content), stream(content), Silent())


def put(registry: Registry, manifest: bytes, reference: str) -> None:
    registry.put_manifest(Target("shop/web", [reference]), OCI_MANIFEST, stream(manifest), Silent())


def test_blobs_and_manifests_are_on_disk(registry: Registry, disk: Disk, root: Path, tmp_path: Path) -> None:
    push(registry, b"{}")
    assert list(disk.lost(root)) == []
    session = registry.start_upload("shop/web")
    registry.append(session, stream(b"layer"))
    registry.finish_upload(session, Digest.of(b"layer"), stream(b""), Silent())
    assert list(disk.lost(root)) == []
    put(registry, image_manifest(b"{}", [b"layer"]), "v1")
    assert list(disk.lost(root)) == []
    put(registry, image_manifest(b"{}", [b"layer"], annotations={"a": "b"}), "v1")
    assert list(disk.lost(root)) == []
    assert registry.mount("shop/web", "shop/base", Digest.of(b"{}"), Silent())
    assert list(disk.lost(root)) == []
    assert root.parent.stat().st_ino in disk.entries


def test_the_bytes_of_an_upload_are_on_disk_before_the_state_of_their_hash(
    registry: Registry, disk: Disk, root: Path
) -> None:
    """Or a power cut could leave a state that vouches for bytes that are not there."""
    session, content = registry.start_upload("shop/web"), bytes(2 * 1024 * 1024)
    registry.append(session, stream(content))
    (folder,) = root.rglob("_uploads/*")
    assert (folder / "hashstates" / "sha256" / str(len(content))).exists()
    assert disk.sizes[(folder / "data").stat().st_ino] == len(content)


@pytest.mark.parametrize("left", [b"", b"\0" * 108])
def test_a_hash_state_that_a_power_cut_spoiled_is_none(registry: Registry, root: Path, left: bytes) -> None:
    session, content = registry.start_upload("shop/web"), bytes(2 * 1024 * 1024)
    registry.append(session, stream(content))
    (state,) = root.rglob("hashstates/sha256/*")
    state.write_bytes(left)
    stored = registry.finish_upload(session, Digest.of(content), stream(b""), Silent())
    assert stored.size == len(content)


def test_a_push_of_what_is_there_is_synced_again(registry: Registry, disk: Disk, root: Path) -> None:
    """Whoever stored it first may not have come to its own sync yet."""
    push(registry, b"{}")
    put(registry, image_manifest(b"{}", []), "v1")
    disk.entries.clear()
    disk.sizes.clear()
    disk.syncs = 0
    push(registry, b"{}")
    put(registry, image_manifest(b"{}", []), "v1")
    synced = {path for path in root.rglob("*") if path.is_file() and path.stat().st_ino in disk.sizes}
    assert synced == {path for path in root.rglob("*") if path.is_file()}
    assert disk.syncs <= 20


def test_another_process_syncs_the_folders_that_it_finds(
    registry: Registry, disk: Disk, root: Path, tmp_path: Path
) -> None:
    push(registry, b"{}")
    disk.entries.clear()
    disk.sizes.clear()
    other = Registry(make_driver("filesystem", {"rootdirectory": str(root)}), FileLocks(tmp_path / "locks"))
    push(other, b"{}")
    lost = set(disk.lost(root)) - {root}
    assert lost == set()


def test_what_was_deleted_stays_deleted(registry: Registry, disk: Disk, root: Path) -> None:
    manifest = image_manifest(b"{}", [])
    push(registry, b"{}")
    put(registry, manifest, "v1")
    registry.delete_manifest("shop/web", Digest.of(manifest), Silent())
    registry.delete_blob("shop/web", Digest.of(b"{}"), Silent())
    for path in (root, *root.rglob("*")):
        if path.is_dir() and "_uploads" not in path.parts:
            on_disk = disk.entries.get(path.stat().st_ino, {})
            assert set(on_disk) <= {child.name for child in path.iterdir()}


def test_a_folder_that_was_deleted_is_synced_when_made_again(registry: Registry, disk: Disk, root: Path) -> None:
    manifest = image_manifest(b"{}", [])
    push(registry, b"{}")
    put(registry, manifest, "v1")
    registry.delete_tag("shop/web", "v1", Silent())
    put(registry, manifest, "v1")
    assert list(disk.lost(root)) == []

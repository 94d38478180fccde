"""A disk without room: the client hears 503, and goes on when there is room again."""

import errno
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from shop import Shop

from app.domain.digests import Digest
from app.registry import paths
from app.registry.locks import FileLocks
from app.registry.storage import filesystem
from app.registry.storage.factory import make_driver

MIB = 1024 * 1024
CONTENT = random.Random(9).randbytes(6 * MIB)
DIGEST = Digest.of(CONTENT)
MakeRoom = Callable[[], None]


def full(monkeypatch: pytest.MonkeyPatch, room: int) -> MakeRoom:
    """Let all writers together write `room` bytes; what gives them more."""
    left, write = [room], filesystem._Writer.write

    def write_some(writer: filesystem._Writer, data: bytes) -> None:
        write(writer, data[: left[0]])
        left[0] -= len(data)
        if left[0] < 0:
            left[0] = 0
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(filesystem._Writer, "write", write_some)
    return lambda: left.__setitem__(0, 1 << 40)


@pytest.fixture(params=["mounted", "pretended"])
def disk(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Path, MakeRoom]]:
    """A folder with room for 4 MiB, and what makes more: a disk of its own where this user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(folder)]
    if request.param == "pretended" or subprocess.run(mount, capture_output=True).returncode:
        yield folder, full(monkeypatch, 4 * MIB)
        return
    try:
        (folder / "ballast").write_bytes(bytes(16 * MIB))
        yield folder, (folder / "ballast").unlink
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_an_upload_goes_on_when_there_is_room_again(disk: tuple[Path, MakeRoom], tmp_path: Path) -> None:
    folder, make_room = disk
    shop = Shop(make_driver("filesystem", {"rootdirectory": str(folder / "storage")}), FileLocks(tmp_path / "locks"))
    location = shop.start()
    shop.refused("PATCH", location, 503, "UNAVAILABLE", data=CONTENT)
    last = int(shop.call("GET", location, status=204).headers["Range"].partition("-")[2])
    assert 0 < last < 4 * MIB
    make_room()
    rest = {"Content-Range": f"{last + 1}-{len(CONTENT) - 1}"}
    shop.call("PATCH", location, status=202, data=CONTENT[last + 1 :], headers=rest)
    shop.call("PUT", f"{location}{'&' if '?' in location else '?'}digest={DIGEST}", status=201)
    assert shop.driver.get_content(paths.blob_data(DIGEST)) == CONTENT
    assert shop.uploads() == []


def test_a_push_in_one_request_leaves_nothing(disk: tuple[Path, MakeRoom], tmp_path: Path) -> None:
    folder, make_room = disk
    shop = Shop(make_driver("filesystem", {"rootdirectory": str(folder / "storage")}), FileLocks(tmp_path / "locks"))
    shop.refused("POST", f"blobs/uploads/?digest={DIGEST}", 503, "UNAVAILABLE", data=CONTENT)
    assert shop.uploads() == []
    make_room()
    assert shop.push_blob(CONTENT) == DIGEST

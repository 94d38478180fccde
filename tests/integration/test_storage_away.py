"""A filesystem that is away when a process starts, and comes back."""

from pathlib import Path

import pytest

from app.registry.storage.checked import Checked
from app.registry.storage.driver import StorageError
from app.registry.storage.filesystem import Filesystem


def test_the_driver_waits_for_its_root(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.symlink_to(place)  # ELOOP, which is no mere absence
    driver = Checked(Filesystem(place / "registry"))
    for _ in range(2):
        with pytest.raises(StorageError, match="filesystem: Too many levels of symbolic links"):
            driver.put_content("/a/b", b"c")
    place.unlink()
    driver.put_content("/a/b", b"c")
    assert driver.get_content("/a/b") == b"c"

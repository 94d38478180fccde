"""Small files that are remembered are read again as soon as they are others."""

import os
import time
from pathlib import Path

import pytest

from app.registry.storage import remembered
from app.registry.storage.remembered import Remembered

LONG_AGO = time.time() - 3600


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The places that were opened, not only looked at."""
    seen: list[str] = []

    def watched(place: str, *how: object, **more: object) -> object:
        seen.append(place)
        return open(place, *how, **more)  # type: ignore[call-overload]  # noqa: PTH123  as it is called

    monkeypatch.setattr(remembered, "open", watched, raising=False)
    return seen


def replace(place: Path, content: bytes, modified: float = LONG_AGO) -> None:
    beside = place.with_suffix(".tmp")
    beside.write_bytes(content)
    os.utime(beside, (modified, modified))
    beside.rename(place)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that was written long enough ago: when its inode was changed can't be set, so all ages count as enough."""
    monkeypatch.setattr(remembered, "_SETTLED_NS", -(10**12))
    replace(tmp_path / "link", b"first")
    return tmp_path / "link"


def test_a_file_is_opened_once(place: Path, opened: list[str]) -> None:
    files = Remembered()
    assert [files.read(str(place)) for _ in range(3)] == [b"first"] * 3
    assert opened == [str(place)]


def test_a_file_that_was_replaced_by_one_of_the_same_size_and_time_is_read_again(place: Path) -> None:
    files = Remembered()
    assert files.read(str(place)) == b"first"
    replace(place, b"other")
    assert files.read(str(place)) == b"other"


def test_a_file_that_was_written_in_place_is_read_again(place: Path) -> None:
    files = Remembered()
    assert files.read(str(place)) == b"first"
    place.write_bytes(b"other")
    assert files.read(str(place)) == b"other"


def test_a_file_that_went_is_gone(place: Path) -> None:
    files = Remembered()
    files.read(str(place))
    place.unlink()
    with pytest.raises(FileNotFoundError):
        files.read(str(place))


def test_what_was_written_just_now_is_not_kept(tmp_path: Path, opened: list[str]) -> None:
    place, files = tmp_path / "link", Remembered()
    place.write_bytes(b"first")
    assert [files.read(str(place)) for _ in range(2)] == [b"first"] * 2
    assert len(opened) == 2


def test_no_more_is_held_than_is_allowed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "_MOST_BYTES", 1000)
    files = Remembered()
    for number in range(100):
        replace(place.with_name(f"link-{number}"), bytes(100))
        files.read(str(place.with_name(f"link-{number}")))
    assert sum(len(content) for _, content in files._held.values()) <= 1000

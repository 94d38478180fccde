"""What every storage driver must do, after distribution's `testsuites.go`."""

import errno
import hashlib
import random
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from object_stores import Seaweed

from app.registry.storage.checked import Checked
from app.registry.storage.driver import (
    InvalidOffsetError,
    InvalidPathError,
    PathNotFoundError,
    StorageError,
    WriterStateError,
)
from app.registry.storage.factory import MissingClientError, make_driver
from app.registry.storage.memory import Memory

CONTENTS = [
    b"a",
    "\u65e5\u672c\u8a9e".encode(),
    bytes(range(32)),
    random.Random(1).randbytes(1024 * 1024),
    b"\x80\x80\x80\x80",
    b"",
]


WITH_FOLDERS = pytest.mark.parametrize("storage", ["inmemory", "filesystem"], indirect=True)
OBJECTS = pytest.mark.parametrize("storage", ["s3", "azure"], indirect=True)
MIB = 1024 * 1024


@pytest.fixture
def driver(storage: tuple[str, Mapping[str, Any]]) -> Iterator[Checked]:
    """A driver that must hold no file at the end, once what the test left is deleted."""
    made = make_driver(*storage)
    yield made
    for child in made.list("/"):
        with suppress(PathNotFoundError):  # SeaweedFS lists folders in which nothing is
            made.delete(child)
    assert list(files(made, "/")) == []


def files(driver: Checked, folder: str) -> Iterator[str]:
    for child in driver.list(folder):
        with suppress(PathNotFoundError):
            yield from files(driver, child) if driver.stat(child).is_folder else [child]


def read(driver: Checked, path: str, offset: int = 0) -> bytes:
    with closing(driver.reader(path, offset)) as stream:
        return b"".join(iter(lambda: stream.read(64 * 1024), b""))


def write(driver: Checked, path: str, *chunks: bytes, append: bool = False, commit: bool = True) -> int:
    with closing(driver.writer(path, append)) as writer:
        for chunk in chunks:
            writer.write(chunk)
        if commit:
            writer.commit()
        return writer.size


def get(url: str, headers: Mapping[str, str] | None = None) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, headers=dict(headers or {}))) as answer:
        content: bytes = answer.read()
        return content


def test_the_root_can_be_listed(driver: Checked) -> None:
    assert list(driver.list("/")) == []


@pytest.mark.parametrize(
    "path",
    [
        *("/a", "/2", "/aa", "/a.a", "/0-9/abcdefg", "/abcdefg/z.75", "/abc/1.2.3.4.5-6_zyx/123.z/4"),
        *("/docker/docker-registry", "/123.abc", "/abc./abc", "/.abc", "/a--b", "/a-.b", "/_.abc"),
        *("/Docker/docker-registry", "/Abc/Cba", "/a..b"),
    ],
)
def test_valid_paths(driver: Checked, path: str) -> None:
    driver.put_content(path, b"content")
    assert driver.get_content(path) == b"content"


@pytest.mark.parametrize(
    "path",
    ["", "/", "abc", "123.abc", "//bcd", "/abc_123/", "/a/../b", "/..", "/a/.", "/a\n", "/a b", "/a\0"],
)
def test_invalid_paths(driver: Checked, path: str) -> None:
    calls = [
        lambda: driver.put_content(path, b""),
        lambda: driver.get_content(path),
        lambda: driver.reader(path, 0),
        lambda: driver.writer(path, append=False),
        lambda: driver.delete(path),
        lambda: driver.move(path, "/to"),
        lambda: driver.move("/from", path),
    ]
    for call in calls:
        with pytest.raises(InvalidPathError) as caught:
            call()
        assert caught.value.driver == driver.name


@pytest.mark.parametrize("content", CONTENTS)
def test_content_comes_back(driver: Checked, content: bytes) -> None:
    driver.put_content("/folder/file", content)
    assert driver.get_content("/folder/file") == content
    assert read(driver, "/folder/file") == content


@pytest.mark.parametrize("content", CONTENTS)
def test_streams_come_back(driver: Checked, content: bytes) -> None:
    assert write(driver, "/folder/file", content[:7], content[7:]) == len(content)
    assert driver.get_content("/folder/file") == content
    assert read(driver, "/folder/file") == content


def test_several_files_at_once(driver: Checked) -> None:
    driver.put_content("/folder/second", b"old")
    driver.put_all([("/folder/first", b"1"), ("/folder/second", b"2"), ("/other/folder/third", b"")])
    found = [driver.get_content(path) for path in files(driver, "/")]
    assert sorted(found) == [b"", b"1", b"2"]


def test_several_files_of_which_one_has_no_name_are_none(driver: Checked) -> None:
    with pytest.raises(InvalidPathError):
        driver.put_all([("/folder/first", b"1"), ("/folder/../second", b"2")])
    assert list(files(driver, "/")) == []


def test_what_may_be_lost_with_the_power_is_there_meanwhile(driver: Checked) -> None:
    driver.put_content("/folder/file", b"content", durable=False)
    assert driver.get_content("/folder/file") == b"content"
    driver.delete("/folder/file", durable=False)
    with pytest.raises(PathNotFoundError):
        driver.get_content("/folder/file")


def test_shorter_content_leaves_no_tail(driver: Checked) -> None:
    driver.put_content("/file", b"x" * 4096)
    driver.put_content("/file", b"y" * 2048)
    assert driver.get_content("/file") == b"y" * 2048
    write(driver, "/file", b"z" * 1024)
    assert driver.get_content("/file") == b"z" * 1024


@pytest.mark.parametrize("offset", [0, 64])
def test_what_is_not_there_cannot_be_read(driver: Checked, offset: int) -> None:
    driver.put_content("/folder/file", b"content")
    for path in ("/missing", "/folder", "/folder/file/below"):
        with pytest.raises(PathNotFoundError) as caught:
            driver.get_content(path)
        assert (caught.value.driver, caught.value.path) == (driver.name, path)
        with pytest.raises(PathNotFoundError):
            driver.reader(path, offset)


def test_a_reader_begins_anywhere(driver: Checked) -> None:
    content = random.Random(2).randbytes(96)
    driver.put_content("/file", content)
    for offset in (0, 32, 64, 95, 96, 1000):
        assert read(driver, "/file", offset) == content[offset:]
    with pytest.raises(InvalidOffsetError) as caught:
        driver.reader("/file", -1)
    assert (caught.value.offset, caught.value.driver) == (-1, driver.name)


@pytest.mark.parametrize("size", [32, 3 * MIB, 10 * MIB, 12 * MIB])
def test_a_stream_is_continued(driver: Checked, size: int) -> None:
    content = random.Random(size).randbytes(3 * size)
    for number in range(3):
        with closing(driver.writer("/folder/file", append=number > 0)) as writer:
            assert writer.size == number * size
            writer.write(content[number * size : (number + 1) * size])
            assert writer.size == (number + 1) * size
            assert number == 0 or driver.written("/folder/file") >= size
            if number == 2:
                writer.commit()
        if number < 2:
            assert driver.written("/folder/file") == (number + 1) * size
    assert driver.stat("/folder/file").size == driver.written("/folder/file") == 3 * size
    assert list(driver.list("/folder")) == ["/folder/file"]
    assert hashlib.sha256(read(driver, "/folder/file")).digest() == hashlib.sha256(content).digest()


def test_appending_to_nothing(driver: Checked) -> None:
    write(driver, "/stream")
    assert write(driver, "/stream", b"more", append=True) == 4
    driver.put_content("/content", b"")
    assert write(driver, "/content", b"more", append=True) == 4
    assert write(driver, "/new", b"more", append=True) == 4
    assert driver.get_content("/stream") == driver.get_content("/content") == driver.get_content("/new") == b"more"


def test_what_was_never_begun_has_no_bytes(driver: Checked) -> None:
    assert driver.written("/folder/file") == 0
    write(driver, "/folder/file", append=True, commit=False)
    assert driver.written("/folder/file") == 0


@pytest.mark.parametrize("size", [1000, 25 * MIB])
def test_a_stream_goes_on_where_a_dead_writer_left_it(driver: Checked, size: int) -> None:
    """As much of it as the storage has; what it says is what it has."""
    content = random.Random(size).randbytes(size)
    write(driver, "/file", content[:300], commit=False)
    dead = driver.writer("/file", append=True)
    for at in range(300, size, MIB):
        dead.write(content[at : at + MIB])
    written = driver.written("/file")
    assert 300 <= written <= size
    with closing(driver.writer("/file", append=True)) as writer:
        assert writer.size == written
        writer.write(content[written:])
        writer.commit()
    assert read(driver, "/file") == content
    dead.close()  # or Python warns of the open file


def test_a_committed_file_is_committed_again(driver: Checked) -> None:
    """What comes after a commit may fail, and then all is asked once more."""
    content = random.Random(5).randbytes(12 * MIB)
    for size in (len(content), 10):
        write(driver, "/file", content[:size])
        assert driver.written("/file") == size
        assert write(driver, "/file", append=True) == size
        assert read(driver, "/file") == content[:size]


def test_a_writer_keeps_to_its_order(driver: Checked) -> None:
    writer = driver.writer("/file", append=False)
    writer.write(b"content")
    writer.commit()
    for call in (lambda: writer.write(b"more"), writer.commit, writer.cancel):
        with pytest.raises(WriterStateError, match="already committed"):
            call()
    writer.close()
    for call in (lambda: writer.write(b"more"), writer.commit, writer.cancel, writer.close):
        with pytest.raises(WriterStateError, match="already closed"):
            call()
    assert driver.get_content("/file") == b"content"


@pytest.mark.parametrize("size", [6, 12 * MIB])
def test_a_cancelled_file_is_gone(driver: Checked, size: int) -> None:
    write(driver, "/folder/file", b"x" * size, commit=False)
    writer = driver.writer("/folder/file", append=True)
    writer.write(b"more")
    writer.cancel()
    with pytest.raises(PathNotFoundError):
        driver.stat("/folder/file")
    assert driver.written("/folder/file") == 0
    with pytest.raises(WriterStateError):
        writer.close()


def test_children_that_hold_a_file(driver: Checked) -> None:
    with pytest.raises(PathNotFoundError):
        list(driver.holders("/tags", "current/link", ""))
    for name in ("v1", "v1.0", "v1-b", "v10", "w"):
        driver.put_content(f"/tags/{name}/current/link", name.encode())
    driver.put_content("/tags/none/index/current/link", b"deeper")
    driver.put_content("/tags/v2/current/link/below", b"a folder of that name")
    driver.put_content("/tags/file", b"")
    driver.put_content("/tags2/x/current/link", b"")
    assert list(driver.holders("/tags", "current/link", "")) == [
        ("v1", 2), ("v1-b", 4), ("v1.0", 4), ("v10", 3), ("w", 1),
    ]  # fmt: skip
    assert list(driver.holders("/tags", "current/link", "v1-b")) == [("v1.0", 4), ("v10", 3), ("w", 1)]
    assert next(driver.holders("/tags", "current/link", "v1.")) == ("v1.0", 4)
    with pytest.raises(InvalidPathError):
        list(driver.holders("/tags", "../link", ""))


def test_a_list_holds_direct_children_only(driver: Checked) -> None:
    with pytest.raises(PathNotFoundError) as caught:
        driver.list("/folder")
    assert (caught.value.path, caught.value.driver) == ("/folder", driver.name)
    for number in range(50):
        driver.put_content(f"/folder/child-{number}/deep/file", b"")
    driver.put_content("/folder2", b"")
    assert list(driver.list("/folder/child-7")) == ["/folder/child-7/deep"]
    assert sorted(driver.list("/folder")) == sorted(f"/folder/child-{number}" for number in range(50))
    assert sorted(driver.list("/")) == ["/folder", "/folder2"]
    with pytest.raises(PathNotFoundError):
        driver.list("/folder2")


def test_a_move_takes_the_file_along(driver: Checked) -> None:
    driver.put_content("/from/file", b"content")
    driver.move("/from/file", "/to/deep/file")
    assert driver.get_content("/to/deep/file") == b"content"
    with pytest.raises(PathNotFoundError):
        driver.get_content("/from/file")


def test_a_move_replaces(driver: Checked) -> None:
    driver.put_content("/from", b"new")
    driver.put_content("/to", b"old")
    driver.move("/from", "/to")
    assert driver.get_content("/to") == b"new"
    assert list(driver.list("/")) == ["/to"]


def test_a_move_of_nothing_changes_nothing(driver: Checked) -> None:
    driver.put_content("/to", b"old")
    with pytest.raises(PathNotFoundError) as caught:
        driver.move("/from", "/to")
    assert caught.value.path == "/from"
    assert driver.get_content("/to") == b"old"


@WITH_FOLDERS
def test_a_file_is_no_folder(driver: Checked) -> None:
    driver.put_content("/file", b"content")
    driver.put_content("/other", b"content")
    driver.put_content("/folder/inside", b"content")
    for call in (
        lambda: driver.move("/other", "/file/below"),
        lambda: driver.put_content("/file/below", b""),
        lambda: driver.writer("/file/below", append=True),
        lambda: driver.put_content("/folder", b""),
    ):
        with pytest.raises(StorageError) as caught:
            call()
        assert caught.value.driver == driver.name
    assert driver.get_content("/file") == driver.get_content("/folder/inside") == b"content"


def test_deleted_is_gone(driver: Checked) -> None:
    driver.put_content("/folder/file", b"content")
    driver.delete("/folder/file")
    with pytest.raises(PathNotFoundError):
        driver.get_content("/folder/file")
    with pytest.raises(PathNotFoundError) as caught:
        driver.delete("/folder/file")
    assert (caught.value.path, caught.value.driver) == ("/folder/file", driver.name)


def test_a_folder_is_deleted_with_all_it_holds(driver: Checked) -> None:
    for path in ("/a/1", "/a/deep/2", "/ab/3", "/a-b", "/a.b"):
        driver.put_content(path, b"content")
    driver.delete("/a")
    for path in ("/a", "/a/1", "/a/deep/2"):
        with pytest.raises(PathNotFoundError):
            driver.stat(path)
    assert [driver.get_content(path) for path in ("/ab/3", "/a-b", "/a.b")] == [b"content"] * 3


@pytest.mark.parametrize("size", [6, 12 * MIB])
def test_a_deleted_folder_takes_what_was_being_written(driver: Checked, size: int) -> None:
    driver.put_content("/folder/started", b"now")
    write(driver, "/folder/file", b"x" * size, commit=False)
    driver.delete("/folder")
    assert driver.written("/folder/file") == 0
    assert list(driver.list("/")) == []


@OBJECTS
def test_a_client_gets_the_file_from_the_store(driver: Checked) -> None:
    driver.put_content("/folder/file", b"content")
    url = driver.redirect_url("/folder/file")
    assert url
    assert get(url) == b"content"
    assert get(url, {"Range": "bytes=2-4"}) == b"nte"


@OBJECTS
def test_no_client_is_sent_away_where_that_is_off(storage: tuple[str, Mapping[str, Any]]) -> None:
    assert make_driver(*storage, redirects=False).redirect_url("/folder/file") is None


@WITH_FOLDERS
def test_what_nobody_else_can_serve(driver: Checked) -> None:
    driver.put_content("/file", b"content")
    assert driver.redirect_url("/file") is None


def test_a_large_file_moves(driver: Checked) -> None:
    content = random.Random(4).randbytes(40 * MIB)
    write(driver, "/from/file", content)
    driver.move("/from/file", "/to/file")
    assert hashlib.sha256(read(driver, "/to/file")).digest() == hashlib.sha256(content).digest()


def test_a_deleted_folder_can_be_made_again(driver: Checked) -> None:
    driver.put_content("/folder/deep/file", b"old")
    driver.delete("/folder")
    driver.put_content("/folder/deep/file", b"new")
    assert driver.get_content("/folder/deep/file") == b"new"


def test_stat(driver: Checked) -> None:
    driver.put_content("/folder/file", b"content")
    file, folder = driver.stat("/folder/file"), driver.stat("/folder")
    assert (file.path, file.size, file.is_folder) == ("/folder/file", 7, False)
    assert (folder.path, folder.size, folder.is_folder) == ("/folder", 0, True)
    deadline = time.monotonic() + 5  # object stores count in seconds
    while driver.stat("/folder/file").modified <= file.modified:
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)
        driver.put_content("/folder/file", b"more content")
    for path in ("/missing", "/folder/file/below", "/folde"):
        with pytest.raises(PathNotFoundError):
            driver.stat(path)


def test_the_root_is_a_folder_at_most(driver: Checked) -> None:
    with suppress(PathNotFoundError):
        assert driver.stat("/").is_folder
    driver.put_content("/file", b"content")
    assert driver.stat("/").is_folder


def test_a_whole_bucket_for_one_driver(seaweed: Seaweed) -> None:
    driver = make_driver("s3", seaweed.parameters() | {"rootdirectory": ""})
    driver.put_content("/deep/file", b"content")
    assert driver.stat("/").is_folder
    assert "/deep" in driver.list("/")
    assert read(driver, "/deep/file") == b"content"
    driver.delete("/deep")


@OBJECTS
def test_every_thread_keeps_its_connection(driver: Checked, caplog: pytest.LogCaptureFixture) -> None:
    driver.put_content("/file", b"content")
    with ThreadPoolExecutor(30) as threads:
        assert set(threads.map(lambda _: driver.get_content("/file"), range(200))) == {b"content"}
    assert "pool is full" not in caplog.text


def test_a_connection_string_names_all(azurite: Mapping[str, Any]) -> None:
    named = {"accountname": "AccountName", "accountkey": "AccountKey", "serviceurl": "BlobEndpoint"}
    text = ";".join(f"{word}={azurite[name]}" for name, word in named.items())
    place = {"accountname": azurite["accountname"], "container": azurite["container"], "connectionstring": text}
    driver = make_driver("azure", place)
    driver.put_content("/named/file", b"content")
    url = driver.redirect_url("/named/file")
    assert url
    assert get(url) == b"content"
    driver.delete("/named")


@pytest.mark.parametrize("size", [6, 12 * MIB, 20 * MIB])
@pytest.mark.parametrize("copies_parts", [True, False])
def test_nothing_is_read_again_to_be_committed(
    seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch, size: int, copies_parts: bool
) -> None:
    """Unless the store copies no parts, as Google's."""
    place, content = seaweed.parameters(), random.Random(6).randbytes(size)
    write(make_driver("s3", place), "/file", content, commit=False)
    asked: list[str] = []

    def call(client: Any, operation: str, parameters: Any) -> Any:
        asked.append(operation)
        if operation == "UploadPartCopy" and not copies_parts:
            raise ClientError({"Error": {"Code": "NotImplemented"}}, operation)
        return made(client, operation, parameters)

    made = BaseClient._make_api_call
    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    assert write(make_driver("s3", place), "/file", append=True) == size
    assert ("GetObject" in asked) == (size == 12 * MIB and not copies_parts)
    monkeypatch.undo()
    driver = make_driver("s3", place)
    assert read(driver, "/file") == content
    assert list(driver.list("/")) == ["/file"]


def test_several_readers_of_one_file(driver: Checked) -> None:
    content = random.Random(3).randbytes(4 * MIB)
    driver.put_content("/file", content)

    def check(seed: int) -> bool:
        offset = random.Random(seed).randrange(len(content))
        return read(driver, "/file", offset) == content[offset:]

    with ThreadPoolExecutor(10) as threads:
        assert all(threads.map(check, range(10)))


def test_several_writers_of_several_files(driver: Checked) -> None:
    def check(seed: int) -> bool:
        content = random.Random(seed).randbytes(256 * 1024)
        write(driver, f"/folder/{seed}", *(content[at : at + 1000] for at in range(0, len(content), 1000)))
        return read(driver, f"/folder/{seed}") == content

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(check, range(32)))


def test_a_replaced_file_is_never_seen_half(driver: Checked) -> None:
    contents = {bytes([number]) * 1_000_000 for number in range(4)}
    driver.put_content("/file", next(iter(contents)))
    done = threading.Event()

    def rewrite() -> None:
        while not done.is_set():
            for content in contents:
                driver.put_content("/file", content)

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        assert {driver.get_content("/file") for _ in range(100)} <= contents
    finally:
        done.set()
        writer.join()


def test_an_unknown_name_makes_no_driver() -> None:
    with pytest.raises(ValueError, match="ramdisk"):
        make_driver("ramdisk", {})


@pytest.mark.parametrize(("name", "client"), [("s3", "boto3"), ("azure", "azure.storage.blob")])
def test_what_to_install_is_said(monkeypatch: pytest.MonkeyPatch, name: str, client: str) -> None:
    for module in [module for module in sys.modules if module.startswith("app.registry.storage.")]:
        if module.rpartition(".")[2].startswith(name):
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, client, None)
    with pytest.raises(MissingClientError, match=rf"pip install 'tagtrail\[{name}\]'"):
        make_driver(name, {})


class Full(Memory):
    """A disk that has room for names and none for content."""

    def extend(self, path: str, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def get_content(self, path: str) -> bytes:
        raise OSError(errno.EIO, "Input/output error")


def test_every_failure_of_the_system_is_a_storage_error() -> None:
    driver = Checked(Full())
    with pytest.raises(StorageError) as caught, closing(driver.writer("/file", append=False)) as writer:
        writer.write(b"content")
    assert str(caught.value) == "inmemory: No space left on device: /file"
    with pytest.raises(StorageError) as caught:
        driver.get_content("/file")
    assert str(caught.value) == "inmemory: Input/output error: /file"

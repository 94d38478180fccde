"""The registry over object stores: uploads that processes hand to each other, redirects, stores that go away."""

import hashlib
import io
import random
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from object_stores import Seaweed, left_in
from shop import HERE, Shop

from app.domain.digests import Digest
from app.registry import paths
from app.registry.bodies import Body
from app.registry.errors import RegistryError
from app.registry.locks import FileLocks
from app.registry.storage.checked import Checked, CheckedReader
from app.registry.storage.factory import make_driver

MIB = 1024 * 1024
CONTENT = random.Random(8).randbytes(25 * MIB)
DIGEST = Digest.of(CONTENT)
OBJECTS = pytest.mark.parametrize("storage", ["s3", "azure"], indirect=True)
Place = tuple[str, Mapping[str, Any]]


class Watched(Checked):
    """Knows which files were read as streams."""

    def __init__(self, driver: Checked) -> None:
        super().__init__(driver)
        self.read: list[str] = []

    def reader(self, path: str, offset: int) -> CheckedReader:
        self.read.append(path)
        return super().reader(path, offset)


def a_shop(place: Place, folder: Path) -> Shop:
    """As a process has it that has just been started."""
    return Shop(Watched(make_driver(*place)), FileLocks(folder / "locks"))


def read(shop: Shop) -> list[str]:
    assert isinstance(shop.driver, Watched)
    return shop.driver.read


def halves(place: Place, folder: Path, sizes: tuple[int, ...]) -> str:
    """An upload of which the first pieces have come, each to another process; its Location."""
    location, start = a_shop(place, folder).start(), 0
    for size in sizes:
        piece = CONTENT[start : start + size]
        answer = a_shop(place, folder).call("PATCH", location, status=202, data=piece)
        start += size
        assert answer.headers["Range"] == f"0-{start - 1}"
        said = a_shop(place, folder).call("GET", location, status=204)
        assert said.headers["Range"] == f"0-{start - 1}"
    return location


def with_digest(location: str, digest: Digest) -> str:
    return f"{location}{'&' if '?' in location else '?'}digest={digest}"


def session(location: str) -> str:
    return location.rpartition("/")[2].partition("?")[0]


def state(location: str, size: int) -> str:
    return paths.upload_hash_state("shop/web", session(location), size)


@pytest.mark.parametrize("storage", ["filesystem", "s3", "azure"], indirect=True)
@pytest.mark.parametrize("sizes", [(25 * MIB,), (12 * MIB, 13 * MIB), (2 * MIB, 3, 10 * MIB), (7, 8)])
def test_an_upload_goes_from_process_to_process_and_is_read_by_none(
    storage: Place, tmp_path: Path, sizes: tuple[int, ...]
) -> None:
    location = halves(storage, tmp_path, sizes)
    last = a_shop(storage, tmp_path)
    last.call("PUT", with_digest(location, DIGEST), status=201, data=CONTENT[sum(sizes) :])
    few = sum(sizes) < MIB
    assert read(last) == ([f"{HERE}/_uploads/{session(location)}/data"] if few else [])
    assert last.uploads() == []
    assert last.driver.get_content(paths.blob_data(DIGEST)) == CONTENT


def spoil(driver: Checked, path: str, how: str) -> None:
    kept = driver.get_content(path)
    match how:
        case "missing":
            driver.delete(path)
        case "short":
            driver.put_content(path, kept[:50])
        case "of other bytes":
            driver.put_content(path, kept[:100] + (len(CONTENT) - 1).to_bytes(8))


@pytest.mark.parametrize("storage", ["filesystem", "s3"], indirect=True)
@pytest.mark.parametrize("how", ["missing", "short", "of other bytes"])
def test_a_state_that_is_none_is_not_believed(storage: Place, tmp_path: Path, how: str) -> None:
    size = 12 * MIB
    location = halves(storage, tmp_path, (size,))
    shop = a_shop(storage, tmp_path)
    spoil(shop.driver, state(location, size), how)
    answer = shop.call("PATCH", location, status=202, data=CONTENT[size:])
    shop.call("PUT", with_digest(answer.headers["Location"], DIGEST), status=201)
    assert read(shop) == [f"{HERE}/_uploads/{session(location)}/data"]
    assert shop.uploads() == []


@OBJECTS
def test_another_algorithm_is_read_for_its_own_digest(storage: Place, tmp_path: Path) -> None:
    location = halves(storage, tmp_path, (12 * MIB,))
    digest = Digest.of(CONTENT, "sha512")
    shop = a_shop(storage, tmp_path)
    shop.call("PUT", with_digest(location, digest), status=201, data=CONTENT[12 * MIB :])
    assert shop.driver.get_content(paths.blob_data(digest)) == CONTENT


@OBJECTS
@pytest.mark.parametrize("size", [7, 25 * MIB])
def test_what_is_refused_or_cancelled_leaves_nothing(storage: Place, tmp_path: Path, size: int) -> None:
    shop, content = a_shop(storage, tmp_path), CONTENT[:size]
    wrong = Digest.of(b"other")
    shop.refused("PUT", with_digest(halves(storage, tmp_path, (size,)), wrong), 400, "DIGEST_INVALID")
    assert left_in(*storage) == []
    shop.refused("POST", f"blobs/uploads/?digest={wrong}", 400, "DIGEST_INVALID", data=content)
    assert left_in(*storage) == []
    shop.call("DELETE", halves(storage, tmp_path, (size,)), status=204)
    assert left_in(*storage) == []
    with pytest.raises(RegistryError, match="SIZE_INVALID"):
        shop.registry.push_blob("shop/web", Digest.of(content), Body(io.BytesIO(content), size + 1), shop.recorder)
    assert left_in(*storage) == []


@OBJECTS
def test_a_finished_push_leaves_the_blob_and_its_link(storage: Place, tmp_path: Path) -> None:
    shop = a_shop(storage, tmp_path)
    shop.call("PUT", with_digest(halves(storage, tmp_path, (25 * MIB,)), DIGEST), status=201)
    shop.push_blob(b"small")
    expected = [(content, Digest.of(content)) for content in (CONTENT, b"small")]
    places = [paths.blob_data(digest) for _, digest in expected]
    assert left_in(*storage) == sorted(places + [paths.layer_link("shop/web", digest) for _, digest in expected])


@OBJECTS
def test_blobs_are_got_from_the_store(storage: Place, tmp_path: Path) -> None:
    shop = a_shop(storage, tmp_path)
    digest = shop.push_blob(b"content")
    shop.recorder.take()
    pulled = [("pull", "blob", "shop/web", str(digest))]
    answer = shop.call("GET", f"blobs/{digest}", status=307)
    assert answer.headers["Docker-Content-Digest"] == str(digest)
    with urllib.request.urlopen(answer.headers["Location"]) as got:
        assert got.read() == b"content"
    assert shop.recorder.take() == pulled
    head = shop.call("HEAD", f"blobs/{digest}", status=200)
    assert (head.headers["Content-Length"], head.headers["Docker-Content-Digest"]) == ("7", str(digest))
    assert shop.recorder.take() == pulled
    shop.call("GET", f"blobs/{digest}", status=304, headers={"If-None-Match": str(digest)})
    assert shop.recorder.take() == []
    shop.refused("GET", f"blobs/{digest}", 416, "RANGE_INVALID", headers={"Range": "bytes=9-"})
    shop.refused("GET", f"blobs/{Digest.of(b'none')}", 404, "BLOB_UNKNOWN")


@OBJECTS
def test_blobs_are_served_here_where_redirects_are_off(storage: Place, tmp_path: Path) -> None:
    shop = Shop(make_driver(*storage, redirects=False), FileLocks(tmp_path / "locks"))
    digest = shop.push_blob(CONTENT)
    assert shop.call("GET", f"blobs/{digest}", status=200).data == CONTENT
    part = shop.call("GET", f"blobs/{digest}", status=206, headers={"Range": "bytes=9000000-9000004"})
    assert part.data == CONTENT[9000000:9000005]


@OBJECTS
def test_images_come_and_go(storage: Place, tmp_path: Path) -> None:
    shop = a_shop(storage, tmp_path)
    image = shop.push_image(tmp_path, "v1")
    assert shop.call("GET", "manifests/v1", status=200).data == image.manifest
    assert shop.call("GET", "tags/list", status=200).json == {"name": "shop/web", "tags": ["v1"]}
    assert shop.call("GET", "/v2/_catalog", status=200).json == {"repositories": ["shop/web"]}
    shop.call("DELETE", f"manifests/{Digest.of(image.manifest)}", status=202)
    shop.call("GET", "manifests/v1", status=404)
    shop.registry.delete_repository("shop/web", shop.recorder)
    assert shop.call("GET", "/v2/_catalog", status=200).json == {"repositories": []}


@pytest.fixture
def own_seaweed(tmp_path: Path) -> Iterator[Seaweed]:
    (tmp_path / "store").mkdir()
    yield Seaweed(tmp_path / "store")


def test_a_store_that_was_away_finds_its_uploads_again(own_seaweed: Seaweed, tmp_path: Path) -> None:
    place = "s3", own_seaweed.parameters()
    with own_seaweed.up():
        location = halves(place, tmp_path, (12 * MIB,))
        held = a_shop(place, tmp_path).push_blob(b"content")
    shop = a_shop(place, tmp_path)
    for method, path in (("PATCH", location), ("GET", location), ("GET", f"blobs/{held}"), ("POST", "blobs/uploads/")):
        shop.refused(method, path, 503, "UNAVAILABLE", data=b"more" if method == "PATCH" else None)
    shop.refused("PUT", with_digest(location, DIGEST), 503, "UNAVAILABLE", data=CONTENT[12 * MIB :])
    with own_seaweed.up():
        said = shop.call("GET", location, status=204).headers["Range"]
        assert said == f"0-{12 * MIB - 1}"
        shop.call("PUT", with_digest(location, DIGEST), status=201, data=CONTENT[12 * MIB :])
        assert hashlib.sha256(shop.driver.get_content(paths.blob_data(DIGEST))).hexdigest() == DIGEST.encoded

"""What a collection takes away, and what it leaves; the deletes of whole repositories; the order of the catalog."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from images import Image, an_image, descriptor, image_manifest, index_manifest
from registry_server import an_app
from shop import HERE, Shop

from app.domain.digests import Digest
from app.domain.names import is_repository
from app.registry import catalog, paths
from app.registry.collect import Asked, Collected, digests_in
from app.registry.locks import CollectingError
from app.registry.notify import Fact
from app.registry.storage.driver import StorageDriver, StorageError
from app.registry.storage.factory import make_driver
from app.registry.validation import OCI_INDEX, OCI_MANIFEST

NOW = timedelta(0)
EMPTY = b"{}"


def collect(shop: Shop, **asked: Any) -> list[Collected]:
    asked = {"grace": NOW} | asked
    return list(shop.registry.collect(Asked(**asked), shop.recorder, lambda *_: None))


def digests(taken: list[Collected], kind: str) -> set[str]:
    return {one.digest for one in taken if one.kind == kind}


def everything(image: Image) -> set[str]:
    return {str(digest) for digest in image.blobs} | {str(image.digest)}


def stored(driver: StorageDriver, folder: str = "/docker/registry/v2/blobs") -> set[str]:
    """Every file of content."""
    found = set()
    for child in driver.list(folder):
        found |= {child} if child.endswith("/data") else stored(driver, child)
    return found


def test_nothing_goes_that_is_in_use(shop: Shop, tmp_path: Path) -> None:
    image = shop.push_image(tmp_path / "image", "v1")
    before = stored(shop.driver)
    assert collect(shop, untagged=True) == []
    assert stored(shop.driver) == before
    assert shop.recorder.take() == []
    assert shop.call("GET", "manifests/v1", status=200).data == image.manifest


def test_what_a_deleted_manifest_needed_goes(shop: Shop, tmp_path: Path) -> None:
    old = shop.push_image(tmp_path / "old", "v1", seed=1)
    new = shop.push_image(tmp_path / "new", "v2", seed=2)
    shop.call("DELETE", f"manifests/{old.digest}", status=202)
    shop.recorder.take()
    taken = collect(shop)
    assert digests(taken, "content") == everything(old) - everything(new)
    assert digests(taken, "link") == {str(digest) for digest in old.blobs} - everything(new)
    assert {one.size for one in taken if one.kind == "content"} == {
        len(content) for content in [*old.blobs.values(), old.manifest]
    }
    assert sorted(shop.recorder.take()) == sorted(
        ("delete", "blob", "shop/web", digest) for digest in digests(taken, "link")
    )
    assert len(stored(shop.driver)) == len(everything(new))
    for digest in old.blobs:
        shop.call("HEAD", f"blobs/{digest}", status=404)


def test_a_dry_run_tells_the_same_and_takes_nothing(shop: Shop, tmp_path: Path) -> None:
    image = shop.push_image(tmp_path / "image", "v1")
    shop.call("DELETE", f"manifests/{image.digest}", status=202)
    shop.recorder.take()
    before = stored(shop.driver)
    told = collect(shop, dry_run=True)
    assert stored(shop.driver) == before
    assert shop.recorder.take() == []
    assert {one for one in collect(shop) if one.kind != "repository"} == set(told)


def test_what_is_young_stays(shop: Shop, tmp_path: Path) -> None:
    """Blobs whose manifest is still to come, and a manifest whose index is."""
    shop.push_blob(b"a layer on its way")
    image = shop.push_image(tmp_path / "image", str(an_image(tmp_path / "same", 1).digest))
    assert collect(shop, untagged=True, grace=timedelta(hours=1)) == []
    assert digests(collect(shop, untagged=True), "manifest") == {str(image.digest)}


def test_what_no_tag_leads_to(shop: Shop, tmp_path: Path) -> None:
    """Goes only where that is asked for; children of an index and referrers go with what they belong to."""
    shop.push_blob(EMPTY)
    child = an_image(tmp_path / "child", 1)
    shop.push_image(tmp_path / "again", str(child.digest), seed=1)
    index = index_manifest([child.manifest])
    shop.put("v1", index, OCI_INDEX)
    signature = image_manifest(EMPTY, [], subject=descriptor(OCI_MANIFEST, child.manifest))
    of_signature = image_manifest(EMPTY, [], subject=descriptor(OCI_MANIFEST, signature))
    loose = image_manifest(EMPTY, [], annotations={"loose": "yes"})
    of_loose = image_manifest(EMPTY, [], subject=descriptor(OCI_MANIFEST, loose))
    for body in (signature, of_signature, loose, of_loose):
        shop.put(str(Digest.of(body)), body)
    shop.recorder.take()
    assert collect(shop) == []
    loose_ones = {str(Digest.of(loose)), str(Digest.of(of_loose))}
    assert digests(collect(shop, untagged=True), "manifest") == loose_ones
    assert {fact[3] for fact in shop.recorder.take()} == loose_ones
    shop.call("DELETE", "manifests/v1", status=202)
    gone = digests(collect(shop, untagged=True), "manifest")
    assert gone == {str(Digest.of(body)) for body in (index, child.manifest, signature, of_signature)}


def test_other_repositories_keep_what_they_link_to(shop: Shop, tmp_path: Path) -> None:
    image = shop.push_image(tmp_path / "image", "v1")
    (layer, *_) = image.blobs
    shop.call("POST", f"/v2/shop/copy/blobs/uploads/?mount={layer}&from=shop/web", status=201)
    shop.call("DELETE", f"manifests/{image.digest}", status=202)
    with old(shop, f"{HERE}/_layers"):
        taken = collect(shop, grace=timedelta(hours=1))
    assert str(layer) in digests(taken, "link")
    assert str(layer) not in digests(taken, "content")


@contextmanager
def old(shop: Shop, folder: str) -> Iterator[None]:
    """Inside, what is below a folder was stored long ago."""
    driver: Any = shop.driver
    stat = driver.stat

    def aged(path: str) -> Any:
        found = stat(path)
        young = not path.startswith(folder)
        return found if young else type(found)(path, found.size, found.modified - timedelta(days=9), found.is_folder)

    driver.stat = aged
    yield
    driver.stat = stat


def test_a_manifest_that_can_not_be_read_keeps_its_repository(shop: Shop, tmp_path: Path) -> None:
    image = shop.push_image(tmp_path / "image", "v1")
    shop.push_blob(b"loose")
    shop.driver.put_content(paths.blob_data(image.digest), b"\xff not JSON")
    assert collect(shop, untagged=True) == []


def test_schema_1_keeps_its_layers(shop: Shop) -> None:
    layer = shop.push_blob(b"layer")
    body = json.dumps({"schemaVersion": 1, "fsLayers": [{"blobSum": str(layer)}]}).encode()
    digest = Digest.of(body)
    shop.driver.put_content(paths.blob_data(digest), body)
    shop.driver.put_content(paths.revision_link("shop/web", digest), str(digest).encode())
    shop.driver.put_content(paths.tag_current("shop/web", "v1"), str(digest).encode())
    assert collect(shop, untagged=True) == []


def test_a_link_whose_bytes_are_gone_goes(shop: Shop) -> None:
    digest = shop.push_blob(b"loose")
    shop.driver.delete(paths.blob(digest))
    assert digests(collect(shop), "link") == {str(digest)}


def test_an_empty_repository_goes(shop: Shop, tmp_path: Path) -> None:
    image = shop.push_image(tmp_path / "image", "v1")
    shop.push_blob(b"else", "shop/web/below")
    shop.call("DELETE", f"manifests/{image.digest}", status=202)
    shop.recorder.take()
    assert collect(shop, grace=timedelta(days=1)) == []
    collect(shop)
    assert ("delete", "repository", "shop/web") in shop.recorder.take()
    assert shop.call("GET", "/v2/_catalog", status=200).json == {"repositories": []}
    shop.push_image(tmp_path / "again", "v1")


def test_a_repository_goes_while_nobody_writes_to_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a writer has announced must not be taken for left behind, nor what it deletes go before it does."""
    shop.push_blob(b"loose")
    entered = threading.Event()

    def write() -> None:
        with shop.locks.repository("shop/web"):
            entered.set()

    writer, writing = threading.Thread(target=write), shop.recorder.writing

    def announced(facts: Sequence[Fact]) -> AbstractContextManager[None]:
        if facts[0].kind == "repository":
            writer.start()
            assert not entered.wait(0.1)
        return writing(facts)

    monkeypatch.setattr(shop.recorder, "writing", announced)
    assert [one.kind for one in collect(shop)] == ["link", "content", "repository"]
    writer.join()


def test_an_upload_keeps_its_repository(shop: Shop) -> None:
    location = shop.start()
    shop.call("PATCH", location, status=202, data=b"half")
    assert collect(shop) == []
    shop.call("PUT", f"{location}?digest={Digest.of(b'half a blob')}", status=201, data=b" a blob")


def test_what_was_never_pushed_to_goes_and_is_not_told_of(shop: Shop) -> None:
    shop.call("DELETE", shop.start(), status=204)
    assert collect(shop) == []
    assert not shop.exists(f"{HERE}/_uploads")
    assert shop.recorder.take() == []


def test_an_upload_that_begins_while_its_repository_goes(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.push_blob(b"loose")
    locations, writing = list[str](), shop.recorder.writing

    def announced(facts: Sequence[Fact]) -> AbstractContextManager[None]:
        if facts[0].kind == "repository":
            locations.append(shop.start())
        return writing(facts)

    monkeypatch.setattr(shop.recorder, "writing", announced)
    assert [one.kind for one in collect(shop)] == ["link", "content", "repository"]
    shop.call("PUT", f"{locations[0]}?digest={Digest.of(b'a blob')}", status=201, data=b"a blob")


@pytest.mark.parametrize("how", ["pushed again", "mounted"])
def test_what_is_linked_to_meanwhile_stays(shop: Shop, how: str) -> None:
    """After the collector has looked at all repositories, and before it takes the content."""
    blob = shop.push_blob(b"wanted again")
    shop.driver.delete(f"{HERE}/_layers")
    shop.recorder.take()
    client = an_app(shop.registry).test_client()

    def meanwhile(what: str, done: int, of: int) -> None:
        if (what, done) == ("repositories", of):
            query = f"mount={blob}" if how == "mounted" else f"digest={blob}"
            url = f"/v2/shop/copy/blobs/uploads/?{query}"
            assert client.post(url, data=b"wanted again").status_code == 201

    shop.call("POST", "/v2/shop/copy/blobs/uploads/", status=202)
    taken = list(shop.registry.collect(Asked(grace=NOW), shop.recorder, meanwhile))
    assert digests(taken, "content") == set()
    assert client.get(f"/v2/shop/copy/blobs/{blob}", buffered=True).data == b"wanted again"


def test_one_collection_at_a_time(shop: Shop) -> None:
    with shop.locks.collecting(), pytest.raises(CollectingError):
        collect(shop)
    assert collect(shop) == []


# Whole repositories


def test_deleting_a_repository(shop: Shop, tmp_path: Path) -> None:
    shop.push_image(tmp_path / "image", "v1")
    shop.push_blob(b"kept", "shop/web/below")
    shop.start()
    shop.recorder.take()
    shop.call("DELETE", "_tagtrail/repository", status=202)
    assert shop.recorder.take() == [("delete", "repository", "shop/web")]
    shop.refused("GET", "tags/list", 404, "NAME_UNKNOWN")
    shop.refused("GET", "manifests/v1", 404, "MANIFEST_UNKNOWN")
    shop.refused("DELETE", "_tagtrail/repository", 404, "NAME_UNKNOWN")
    shop.call("HEAD", f"/v2/shop/web/below/blobs/{Digest.of(b'kept')}", status=200)
    shop.push_image(tmp_path / "again", "v1")


def test_a_repository_that_goes_half_way_keeps_its_tags(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = shop.push_image(tmp_path / "image", "v1")
    delete = shop.driver.delete

    def all_but_links(path: str) -> None:
        if path.endswith("/_layers"):
            raise StorageError(path, "Directory not empty")
        delete(path)

    with monkeypatch.context() as patch:
        patch.setattr(shop.driver, "delete", all_but_links)
        shop.refused("DELETE", "_tagtrail/repository", 503, "UNAVAILABLE")
    assert shop.call("GET", "manifests/v1", status=200).data == image.manifest
    shop.recorder.take()
    shop.call("DELETE", "_tagtrail/repository", status=202)
    assert shop.recorder.take() == [("delete", "repository", "shop/web")]


# The catalog

NAMES = st.lists(
    st.sampled_from(["a", "a-b", "a.b", "ab", "a/b", "a/b/c", "a-b/c", "a0", "a/_x"]), max_size=9, unique=True
)  # fmt: skip


@given(NAMES, st.sampled_from(["", "a", "a-", "a-b", "a/", "a/b", "a/b/", "a/b/c", "b"]))
def test_repositories_come_in_byte_order(names: list[str], after: str) -> None:
    driver = make_driver("inmemory", {})
    for name in names:
        driver.put_content(f"{paths.REPOSITORIES}/{name}/_manifests/tags/v1/current/link", b"x")
    expected = sorted(name for name in names if is_repository(name) and name > after)
    assert list(catalog.repositories(driver, after)) == expected
    assert list(catalog.places(driver)) == sorted(name for name in names if is_repository(name))


def test_a_page_lists_only_what_leads_to_it() -> None:
    driver = Counting(make_driver("inmemory", {}))
    for number in range(300):
        driver.put_content(f"{paths.REPOSITORIES}/team-{number // 10:02}/app-{number:03}/_manifests/x", b"x")
    found = [name for name, _ in zip(catalog.repositories(driver, "team-20/app-205"), range(10), strict=False)]
    assert found[0] == "team-20/app-206"
    assert driver.listed < 50


class Counting:
    """A driver that counts how many folders are listed."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver
        self.listed = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)

    def list(self, path: str) -> Any:
        self.listed += 1
        return self._driver.list(path)


@given(st.recursive(st.none() | st.text(max_size=3), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_every_digest_in_a_document_is_found(document: Any) -> None:
    digest = str(Digest.of(b"x"))
    assert digest in (digests_in(json.dumps([document, {"a": {"b": [digest]}}]).encode()) or ())


def test_what_is_no_json_names_nothing() -> None:
    assert digests_in(b"\xff") is digests_in(b"[" * 100_000) is None

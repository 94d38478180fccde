"""`/v2/` through Flask: every endpoint, its errors, and the facts it announces."""

import hashlib
import io
import json
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from flask import Request
from hypothesis import given
from hypothesis import strategies as st
from images import Image, an_image, descriptor, image_manifest, index_manifest
from recording import Recorder
from registry_server import an_app
from shop import HERE, Shop

from app.domain.digests import Digest
from app.registry import paths
from app.registry.locks import ThreadLocks
from app.registry.notify import Fact
from app.registry.registry import Registry
from app.registry.storage.driver import PathNotFoundError, StorageError
from app.registry.storage.factory import make_driver
from app.registry.validation import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST

OCTETS = "application/octet-stream"
CONTENT = b"some content, quite short"
DIGEST = Digest.of(CONTENT)


def chunked(content: bytes) -> dict[str, Any]:
    """A body without a length, as a server hands on a chunked one."""
    return {
        "input_stream": io.BytesIO(content),
        "environ_overrides": {"wsgi.input_terminated": True},
        "headers": {"Transfer-Encoding": "chunked"},
    }


def announced(content: bytes, length: int) -> dict[str, Any]:
    """A body that was to have `length` bytes."""
    return {"input_stream": io.BytesIO(content), "environ_overrides": {"CONTENT_LENGTH": str(length)}}


def test_the_version(shop: Shop) -> None:
    for path in ("/v2/", "/v2"):
        answer = shop.call("GET", path, status=200)
        assert (answer.json, answer.content_type) == ({}, "application/json")
    assert shop.call("HEAD", "/v2/", status=200).headers["Content-Length"] == "2"


# Blobs


def test_a_streamed_upload(shop: Shop) -> None:
    started = shop.call("POST", "blobs/uploads/", status=202)
    assert started.headers["Range"] == "0-0"
    assert started.headers["Content-Length"] == "0"
    location = started.headers["Location"]
    assert location == f"/v2/shop/web/blobs/uploads/{started.headers['Docker-Upload-UUID']}"
    sent = shop.call("PATCH", location, status=202, **chunked(CONTENT))
    assert (sent.headers["Range"], sent.headers["Location"]) == (f"0-{len(CONTENT) - 1}", location)
    assert shop.recorder.take() == []
    done = shop.call("PUT", f"{location}?digest={DIGEST}", status=201)
    assert done.headers["Location"] == f"/v2/shop/web/blobs/{DIGEST}"
    assert done.headers["Docker-Content-Digest"] == str(DIGEST)
    assert done.headers["Content-Length"] == "0"
    (fact,) = shop.recorder.facts
    assert fact.descriptor
    assert (fact.descriptor.media_type, fact.descriptor.size) == (OCTETS, len(CONTENT))
    assert shop.recorder.take() == [("push", "blob", "shop/web", str(DIGEST))]
    assert shop.recorder.before == [False]
    assert shop.uploads() == []
    assert shop.call("GET", f"blobs/{DIGEST}", status=200).data == CONTENT


@pytest.mark.parametrize("last", [b"", b" and the last chunk"])
def test_an_upload_in_chunks(shop: Shop, last: bytes) -> None:
    location, at = shop.start(), 0
    for chunk in (b"first", b"second", b"x"):
        headers = {"Content-Range": f"{at}-{at + len(chunk) - 1}"}
        answer = shop.call("PATCH", location, status=202, data=chunk, headers=headers)
        at += len(chunk)
        assert answer.headers["Range"] == f"0-{at - 1}"
    asked = shop.call("GET", location, status=204)
    assert (asked.headers["Range"], asked.headers["Location"]) == (f"0-{at - 1}", location)
    whole = b"firstsecondx" + last
    headers = {"Content-Range": f"{at}-{len(whole) - 1}"} if last else {}
    shop.call("PUT", f"{location}?digest={Digest.of(whole)}", status=201, data=last, headers=headers)
    assert shop.call("GET", f"blobs/{Digest.of(whole)}", status=200).data == whole


def test_a_chunk_out_of_order_leaves_the_session_usable(shop: Shop) -> None:
    location = shop.start()
    shop.refused("PATCH", location, 416, "RANGE_INVALID", data=b"second", headers={"Content-Range": "5-10"})
    shop.call("PATCH", location, status=202, data=b"first", headers={"Content-Range": "0-4"})
    for method, url in (("PATCH", location), ("PUT", f"{location}?digest={Digest.of(b'firstfirst')}")):
        answer = shop.refused(method, url, 416, "RANGE_INVALID", data=b"first", headers={"Content-Range": "0-4"})
        assert (answer.headers["Range"], answer.headers["Location"]) == ("0-4", location)
    shop.refused("PATCH", location, 416, "RANGE_INVALID", data=b"x", headers={"Content-Range": "bytes 5-5/6"})
    shop.call("PATCH", location, status=202, data=b"second", headers={"Content-Range": "5-10"})
    shop.call("PUT", f"{location}?digest={Digest.of(b'firstsecond')}", status=201)


def test_a_range_that_is_not_the_length(shop: Shop) -> None:
    location = shop.start()
    shop.refused("PATCH", location, 400, "SIZE_INVALID", data=b"first", headers={"Content-Range": "0-7"})
    assert shop.call("GET", location, status=204).headers["Range"] == "0-0"
    more = chunked(b"first")
    more["headers"]["Content-Range"] = "0-7"
    shop.refused("PATCH", location, 400, "SIZE_INVALID", **more)
    assert shop.call("GET", location, status=204).headers["Range"] == "0-4"


def test_a_short_body_is_refused_and_what_came_is_kept(shop: Shop) -> None:
    location = shop.start()
    short = announced(b"first", 11)
    shop.refused("PATCH", location, 400, "SIZE_INVALID", **short)
    assert shop.call("GET", location, status=204).headers["Range"] == "0-4"
    short = announced(b"sec", 6)
    shop.refused("PUT", f"{location}?digest={Digest.of(b'firstsecond')}", 400, "SIZE_INVALID", **short)
    assert shop.call("GET", location, status=204).headers["Range"] == "0-7"
    shop.call("PUT", f"{location}?digest={Digest.of(b'firstsecond')}", status=201, data=b"ond")


@pytest.mark.parametrize("sent_before", [b"", b"first"])
def test_a_wrong_digest_leaves_no_trace(shop: Shop, sent_before: bytes) -> None:
    location = shop.start()
    if sent_before:
        shop.call("PATCH", location, status=202, data=sent_before)
    shop.refused("PUT", f"{location}?digest={DIGEST}", 400, "DIGEST_INVALID", data=b"other")
    assert shop.uploads() == []
    shop.refused("GET", location, 404, "BLOB_UPLOAD_UNKNOWN")
    shop.refused("HEAD", f"blobs/{DIGEST}", 404, "BLOB_UNKNOWN")
    assert not shop.exists("/docker/registry/v2/blobs")


@pytest.mark.parametrize("digest", ["", "sha256:short", "sha256", f"blake3:{'a' * 64}", f"sha256:{'G' * 64}", "md5:x"])
def test_a_bad_digest_on_upload(shop: Shop, digest: str) -> None:
    location = shop.start()
    shop.call("PATCH", location, status=202, data=CONTENT)
    shop.refused("PUT", f"{location}?digest={digest}", 400, "DIGEST_INVALID")
    shop.refused("PUT", location, 400, "DIGEST_INVALID")
    shop.refused("POST", f"blobs/uploads/?digest={digest}", 400, "DIGEST_INVALID", data=CONTENT)
    assert len(shop.uploads()) == 1
    shop.call("PUT", f"{location}?digest={DIGEST}", status=201)


def test_a_monolithic_upload(shop: Shop) -> None:
    answer = shop.call("POST", f"blobs/uploads/?digest={DIGEST}", status=201, data=CONTENT)
    assert answer.headers["Location"] == f"/v2/shop/web/blobs/{DIGEST}"
    assert answer.headers["Docker-Content-Digest"] == str(DIGEST)
    assert shop.recorder.take() == [("push", "blob", "shop/web", str(DIGEST))]
    shop.call("POST", f"blobs/uploads/?digest={DIGEST}", status=201, **chunked(CONTENT))
    assert shop.recorder.take() == [("push", "blob", "shop/web", str(DIGEST))]
    assert shop.uploads() == []


def test_a_failed_monolithic_upload_leaves_no_trace(shop: Shop) -> None:
    shop.refused("POST", f"blobs/uploads/?digest={DIGEST}", 400, "DIGEST_INVALID", data=b"other")
    short = announced(CONTENT[:5], len(CONTENT))
    shop.refused("POST", f"blobs/uploads/?digest={DIGEST}", 400, "SIZE_INVALID", **short)
    assert shop.uploads() == []
    shop.refused("GET", f"blobs/{DIGEST}", 404, "BLOB_UNKNOWN")


def test_an_empty_blob(shop: Shop) -> None:
    nothing = Digest.of(b"")
    shop.call("PUT", f"{shop.start()}?digest={nothing}", status=201)
    answer = shop.call("GET", f"blobs/{nothing}", status=200)
    assert (answer.data, answer.headers["Content-Length"]) == (b"", "0")


@pytest.mark.parametrize("algorithm", ["sha512", "sha384"])
def test_blobs_are_stored_under_their_own_algorithm(shop: Shop, algorithm: str) -> None:
    digest = Digest.of(CONTENT, algorithm)
    location = shop.start()
    shop.call("PATCH", location, status=202, data=CONTENT[:7])
    answer = shop.call("PUT", f"{location}?digest={digest}", status=201, data=CONTENT[7:])
    assert answer.headers["Docker-Content-Digest"] == str(digest)
    assert shop.exists(paths.blob_data(digest))
    assert not shop.exists("/docker/registry/v2/blobs/sha256")
    assert shop.call("GET", f"blobs/{digest}", status=200).data == CONTENT
    assert shop.recorder.take() == [
        ("push", "blob", "shop/web", str(digest)),
        ("pull", "blob", "shop/web", str(digest)),
    ]


def test_a_cancelled_upload(shop: Shop) -> None:
    location = shop.start()
    shop.call("PATCH", location, status=202, data=CONTENT)
    shop.call("DELETE", location, status=204)
    for method in ("GET", "PATCH", "DELETE"):
        shop.refused(method, location, 404, "BLOB_UPLOAD_UNKNOWN")
    shop.refused("PUT", f"{location}?digest={DIGEST}", 404, "BLOB_UPLOAD_UNKNOWN", data=CONTENT)
    assert shop.uploads() == []


@pytest.mark.parametrize("session", ["527cc6ed-fa3b-433f-b81f-2390b9f55031", "x", "..", "a=b", "%00", "%2e%2e"])
def test_an_unknown_upload(shop: Shop, session: str) -> None:
    for method in ("GET", "HEAD", "PATCH", "DELETE"):
        shop.refused(method, f"blobs/uploads/{session}", 404, "BLOB_UPLOAD_UNKNOWN")
    shop.refused("PUT", f"blobs/uploads/{session}", 404, "BLOB_UPLOAD_UNKNOWN")
    shop.refused("PUT", f"blobs/uploads/{session}?digest={DIGEST}", 404, "BLOB_UPLOAD_UNKNOWN", data=CONTENT)


def test_a_session_that_is_being_written_is_left_alone(shop: Shop) -> None:
    location = shop.start()
    shop.call("PATCH", location, status=202, data=b"first")
    with shop.locks.upload(location.rpartition("/")[2]):
        for method, url in (("PATCH", location), ("PUT", f"{location}?digest={DIGEST}"), ("DELETE", location)):
            answer = shop.refused(method, url, 416, "RANGE_INVALID", data=b"second")
            assert answer.headers["Range"] == "0-4"
        assert shop.call("GET", location, status=204).headers["Range"] == "0-4"
    shop.call("PUT", f"{location}?digest={Digest.of(b'firstsecond')}", status=201, data=b"second")


def test_another_process_goes_on_with_an_upload(shop: Shop) -> None:
    location = shop.start()
    shop.call("PATCH", location, status=202, data=CONTENT[:7])
    other = Shop(shop.driver, shop.locks)
    other.call("PATCH", location, status=202, data=CONTENT[7:9])
    shop.call("PUT", f"{location}?digest={DIGEST}", status=201, data=CONTENT[9:])


def test_what_a_crash_left_of_an_upload_counts_by_its_size(shop: Shop) -> None:
    session = str(uuid.uuid4())
    shop.driver.put_content(paths.upload_started("shop/web", session), b"")
    shop.driver.put_content(paths.upload_data("shop/web", session), CONTENT[:7])
    shop.driver.put_content(f"{HERE}/_uploads/{session}/hashstates/sha256/99", b"wrong")
    location = f"/v2/shop/web/blobs/uploads/{session}"
    assert shop.call("GET", location, status=204).headers["Range"] == "0-6"
    shop.call("PUT", f"{location}?digest={DIGEST}", status=201, data=CONTENT[7:])


def test_mounting(shop: Shop) -> None:
    shop.push_blob(CONTENT, "shop/base")
    shop.recorder.take()
    answer = shop.call("POST", f"blobs/uploads/?mount={DIGEST}&from=shop/base", status=201)
    assert answer.headers["Location"] == f"/v2/shop/web/blobs/{DIGEST}"
    assert answer.headers["Docker-Content-Digest"] == str(DIGEST)
    (fact,) = shop.recorder.facts
    assert (fact.from_repository, fact.descriptor and fact.descriptor.size) == ("shop/base", len(CONTENT))
    assert shop.recorder.take() == [("mount", "blob", "shop/web", str(DIGEST))]
    assert shop.call("GET", f"blobs/{DIGEST}", status=200).data == CONTENT


def test_mounting_from_wherever_it_is(shop: Shop) -> None:
    shop.push_blob(CONTENT, "shop/base")
    shop.recorder.take()
    shop.call("POST", f"blobs/uploads/?mount={DIGEST}", status=201)
    assert [fact.from_repository for fact in shop.recorder.facts] == [None]
    assert shop.call("GET", f"blobs/{DIGEST}", status=200).data == CONTENT


def test_the_algorithm_to_come(shop: Shop) -> None:
    location = shop.call("POST", "blobs/uploads/?digest-algorithm=sha512", status=202).headers["Location"]
    digest = Digest.of(CONTENT, "sha512")
    shop.call("PUT", f"{location}?digest={digest}", status=201, data=CONTENT)
    shop.recorder.take()
    shop.refused("POST", "blobs/uploads/?digest-algorithm=md4", 400, "DIGEST_INVALID")


def test_what_can_not_be_mounted_is_uploaded(shop: Shop) -> None:
    shop.push_blob(CONTENT, "shop/base")
    shop.recorder.take()
    other = Digest.of(b"other")
    for query in (f"mount={other}", f"mount={other}&from=shop/base", f"mount={DIGEST}&from=shop/else"):
        answer = shop.call("POST", f"blobs/uploads/?{query}", status=202)
        shop.call("DELETE", answer.headers["Location"], status=204)
    assert shop.recorder.take() == []
    shop.refused("POST", "blobs/uploads/?mount=x&from=shop/base", 400, "DIGEST_INVALID")
    shop.refused("POST", f"blobs/uploads/?mount={DIGEST}&from=../x", 400, "NAME_INVALID")


def test_getting_a_blob(shop: Shop) -> None:
    shop.push_blob(CONTENT)
    shop.recorder.take()
    for method, data in (("GET", CONTENT), ("HEAD", b"")):
        answer = shop.call(method, f"blobs/{DIGEST}", status=200)
        assert answer.data == data
        assert answer.headers["Content-Length"] == str(len(CONTENT))
        assert answer.headers["Content-Type"] == OCTETS
        assert answer.headers["Docker-Content-Digest"] == str(DIGEST)
        assert answer.headers["ETag"] == f'"{DIGEST}"'
        assert answer.headers["Accept-Ranges"] == "bytes"
        assert shop.recorder.take() == [("pull", "blob", "shop/web", str(DIGEST))]


def test_getting_a_part_of_a_blob(shop: Shop) -> None:
    shop.push_blob(CONTENT)
    shop.recorder.take()
    size = len(CONTENT)
    for text, first, last in (("2-5", 2, 5), ("20-", 20, size - 1), ("-3", size - 3, size - 1), ("0-999", 0, size - 1)):
        answer = shop.call("GET", f"blobs/{DIGEST}", status=206, headers={"Range": f"bytes={text}"})
        assert answer.data == CONTENT[first : last + 1]
        assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{size}"
        assert answer.headers["Content-Length"] == str(last - first + 1)
        assert answer.headers["Docker-Content-Digest"] == str(DIGEST)
    assert len(shop.recorder.take()) == 4
    answer = shop.refused("GET", f"blobs/{DIGEST}", 416, "RANGE_INVALID", headers={"Range": f"bytes={size}-"})
    assert answer.headers["Content-Range"] == f"bytes */{size}"
    for text in ("2-5", f"{size}-"):
        head = shop.call("HEAD", f"blobs/{DIGEST}", status=200, headers={"Range": f"bytes={text}"})
        assert (head.headers["Content-Length"], "Content-Range" in head.headers) == (str(size), False)


def test_a_blob_that_the_client_has(shop: Shop) -> None:
    shop.push_blob(CONTENT)
    shop.recorder.take()
    for method in ("GET", "HEAD"):
        answer = shop.call(method, f"blobs/{DIGEST}", status=304, headers={"If-None-Match": f'"{DIGEST}"'})
        assert (answer.data, answer.headers["ETag"]) == (b"", f'"{DIGEST}"')
        assert answer.headers["Docker-Content-Digest"] == str(DIGEST)
    assert shop.recorder.take() == []


def test_blobs_that_are_not_there(shop: Shop) -> None:
    shop.push_blob(CONTENT, "shop/other")
    image = an_image_in(shop)
    shop.recorder.take()
    for digest in (DIGEST, Digest.of(b"never"), image.digest, f"blake3:{'a' * 64}", "a:="):
        for method in ("GET", "HEAD", "DELETE"):
            shop.refused(method, f"blobs/{digest}", 404, "BLOB_UNKNOWN")
    for digest in ("sha256:x", "latest", f"sha256:{'A' * 64}", f"sha256:{'a' * 63}"):
        for method in ("GET", "HEAD", "DELETE"):
            shop.refused(method, f"blobs/{digest}", 400, "DIGEST_INVALID")


def test_a_blob_that_goes_when_it_is_opened(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.push_blob(CONTENT)
    shop.recorder.take()

    def gone(path: str, _offset: int) -> Any:
        raise PathNotFoundError(path)

    monkeypatch.setattr(shop.driver, "reader", gone)
    shop.refused("GET", f"blobs/{DIGEST}", 404, "BLOB_UNKNOWN")


def an_image_in(shop: Shop) -> Image:
    manifest = image_manifest(b"{}", [])
    shop.push_blob(b"{}")
    shop.put("latest", manifest)
    return Image(Path(), Digest.of(manifest), manifest, {})


def test_deleting_a_blob(shop: Shop) -> None:
    shop.push_blob(CONTENT)
    shop.push_blob(CONTENT, "shop/other")
    shop.recorder.take()
    assert shop.call("DELETE", f"blobs/{DIGEST}", status=202).headers["Content-Length"] == "0"
    (fact,) = shop.recorder.facts
    assert fact.descriptor
    assert (fact.descriptor.media_type, fact.descriptor.size) == (OCTETS, len(CONTENT))
    assert shop.recorder.take() == [("delete", "blob", "shop/web", str(DIGEST))]
    shop.refused("DELETE", f"blobs/{DIGEST}", 404, "BLOB_UNKNOWN")
    shop.call("GET", f"/v2/shop/other/blobs/{DIGEST}", status=200)
    shop.push_blob(CONTENT)
    shop.call("GET", f"blobs/{DIGEST}", status=200)


def test_a_link_without_its_blob_is_mended_by_a_push(shop: Shop) -> None:
    shop.push_blob(CONTENT)
    shop.driver.delete(paths.blob_data(DIGEST))
    shop.recorder.take()
    shop.refused("HEAD", f"blobs/{DIGEST}", 404, "BLOB_UNKNOWN")
    shop.push_blob(CONTENT)
    assert shop.call("GET", f"blobs/{DIGEST}", status=200).data == CONTENT


# Manifests


def test_pushing_and_pulling_a_manifest(shop: Shop, tmp_path: Path) -> None:
    image = an_image(tmp_path / "image", 1, layers=2)
    for blob in image.blobs.values():
        shop.push_blob(blob)
    shop.recorder.take()
    shop.recorder.before.clear()
    for _ in range(2):
        answer = shop.put("v1", image.manifest)
        assert answer.headers["Location"] == f"/v2/shop/web/manifests/{image.digest}"
        assert answer.headers["Docker-Content-Digest"] == str(image.digest)
        (pushed,) = shop.recorder.facts
        assert [part.digest for part in pushed.references] == list(image.blobs)
        assert pushed.descriptor
        assert (pushed.descriptor.media_type, pushed.descriptor.size) == (OCI_MANIFEST, len(image.manifest))
        assert shop.recorder.take() == [("push", "manifest", "shop/web", "v1", str(image.digest))]
    assert shop.recorder.before == [False, True]
    for method, reference, data in (("GET", "v1", image.manifest), ("HEAD", image.digest, b"")):
        answer = shop.call(method, f"manifests/{reference}", status=200)
        assert answer.data == data
        assert answer.headers["Content-Length"] == str(len(image.manifest))
        assert answer.headers["Content-Type"] == OCI_MANIFEST
        assert answer.headers["Docker-Content-Digest"] == str(image.digest)
        assert answer.headers["ETag"] == f'"{image.digest}"'
        assert shop.recorder.facts[0].references == pushed.references
        tag = ("v1",) if reference == "v1" else ()
        assert shop.recorder.take() == [("pull", "manifest", "shop/web", *tag, str(image.digest))]


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_manifest_by_digest(shop: Shop, algorithm: str) -> None:
    shop.push_blob(b"{}")
    manifest = image_manifest(b"{}", [])
    digest = Digest.of(manifest, algorithm)
    shop.recorder.take()
    answer = shop.put(str(digest), manifest)
    assert answer.headers["Docker-Content-Digest"] == str(digest)
    assert shop.recorder.take() == [("push", "manifest", "shop/web", str(digest))]
    assert shop.call("GET", f"manifests/{digest}", status=200).data == manifest
    assert shop.call("GET", "tags/list", status=200).json == {"name": "shop/web", "tags": []}
    shop.recorder.take()
    wrong = Digest.of(b"other", algorithm)
    shop.refused("PUT", f"manifests/{wrong}", 400, "DIGEST_INVALID", data=manifest, content_type=OCI_MANIFEST)
    shop.refused("GET", f"manifests/{wrong}", 404, "MANIFEST_UNKNOWN")


def test_a_manifest_with_missing_parts(shop: Shop) -> None:
    shop.push_blob(b"{}", "shop/other")
    manifest = image_manifest(b"{}", [b"layer"])
    shop.recorder.take()
    answer = shop.refused("PUT", "manifests/v1", 400, "MANIFEST_BLOB_UNKNOWN", data=manifest, content_type=OCI_MANIFEST)
    details = [entry["detail"] for entry in answer.json["errors"]]
    assert details == [str(Digest.of(b"{}")), str(Digest.of(b"layer"))]
    shop.refused("GET", "tags/list", 404, "NAME_UNKNOWN")
    assert not shop.exists(paths.blob_data(Digest.of(manifest)))


def test_an_index_needs_its_children(shop: Shop) -> None:
    shop.push_blob(b"{}")
    child = image_manifest(b"{}", [])
    index = index_manifest([child])
    shop.push_blob(child)
    shop.recorder.take()
    shop.refused("PUT", "manifests/v1", 400, "MANIFEST_BLOB_UNKNOWN", data=index, content_type=OCI_INDEX)
    shop.put(str(Digest.of(child)), child)
    shop.put("v1", index, OCI_INDEX)
    assert shop.call("GET", "manifests/v1", status=200).headers["Content-Type"] == OCI_INDEX
    (pulled,) = shop.recorder.facts[-1:]
    assert [part.digest for part in pulled.references] == [Digest.of(child)]


def test_layers_elsewhere_may_be_missing(shop: Shop) -> None:
    shop.push_blob(b"{}")
    layer = descriptor("application/vnd.oci.image.layer.nondistributable.v1.tar", b"far away")
    far = descriptor("x/y", b"unknown here") | {"urls": ["https://layers.example/1"], "digest": "blake3:ab"}
    shop.put("v1", image_manifest(b"{}", [], layers=[layer, far]))


def test_what_may_not_do_what_is_expected_is_warned_of(shop: Shop) -> None:
    shop.push_blob(b"{}")
    foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    subject = {"mediaType": OCI_MANIFEST, "digest": "blake3:abcd", "size": 4}
    manifest = image_manifest(b"{}", [], layers=[descriptor(foreign, b"elsewhere")], subject=subject)
    answer = shop.put("v1", manifest)
    assert answer.headers.getlist("Warning") == [
        '299 - "1 of its layers may lie elsewhere, and are not asked for here"',
        '299 - "it is not listed below its subject, whose digest is of an algorithm that is not known here"',
    ]
    assert "Warning" not in shop.put("v2", image_manifest(b"{}", [])).headers


def test_bad_manifests_are_refused(shop: Shop) -> None:
    for body in (b"", b"{}", b"[" * 100_000, b"\xff", b'{"schemaVersion": 2}'):
        shop.refused("PUT", "manifests/v1", 400, "MANIFEST_INVALID", data=body, content_type=OCI_MANIFEST)
    good = image_manifest(b"{}", [])
    for media_type in ("", "text/plain", DOCKER_MANIFEST):
        shop.refused("PUT", "manifests/v1", 400, "MANIFEST_INVALID", data=good, content_type=media_type)


def test_a_media_type_may_have_parameters(shop: Shop) -> None:
    shop.push_blob(b"{}")
    shop.put("v1", image_manifest(b"{}", []), f"{OCI_MANIFEST}; charset=utf-8")


def test_the_largest_manifest(shop: Shop) -> None:
    shop.push_blob(b"{}")
    shop.recorder.take()
    room = 4 * 1024 * 1024 - len(image_manifest(b"{}", [], annotations={"a": ""}))
    largest = image_manifest(b"{}", [], annotations={"a": "x" * room})
    assert len(largest) == 4 * 1024 * 1024
    for body in ({"data": largest + b" "}, chunked(largest + b" ")):
        shop.refused("PUT", "manifests/v1", 413, "SIZE_INVALID", content_type=OCI_MANIFEST, **body)
    shop.put("v1", largest)
    assert shop.call("GET", "manifests/v1", status=200).data == largest


def test_a_short_manifest_is_refused(shop: Shop) -> None:
    short = announced(b"{}", 3) | {"content_type": OCI_MANIFEST}
    shop.refused("PUT", "manifests/v1", 400, "SIZE_INVALID", **short)


@pytest.mark.parametrize("tag", ["-x", ".INVALID", "x" * 129, "a b", "ä", "%00"])
def test_what_is_no_tag(shop: Shop, tag: str) -> None:
    body = {"data": image_manifest(b"{}", []), "content_type": OCI_MANIFEST}
    shop.refused("PUT", f"manifests/{tag}", 400, "TAG_INVALID", **body)
    for method in ("GET", "HEAD", "DELETE"):
        shop.refused(method, f"manifests/{tag}", 404, "MANIFEST_UNKNOWN")


@pytest.mark.parametrize("digest", ["sha256:baddigeststring", "x:y:z", "sha256:", ":x", "a:b c"])
def test_what_is_no_digest(shop: Shop, digest: str) -> None:
    for method in ("PUT", "GET", "HEAD", "DELETE"):
        shop.refused(method, f"manifests/{digest}", 400, "DIGEST_INVALID", data=b"{}", content_type=OCI_MANIFEST)


@pytest.mark.parametrize("name", ["A", "a/../b", "a//b", "-a", "a.", "_x", "x" * 256, "a%00b", "ä"])
def test_what_is_no_name(shop: Shop, name: str) -> None:
    for path in ("manifests/v1", f"blobs/{DIGEST}", "tags/list"):
        shop.refused("GET", f"/v2/{name}/{path}", 400, "NAME_INVALID")
    shop.refused("POST", f"/v2/{name}/blobs/uploads/", 400, "NAME_INVALID")


def test_manifests_that_are_not_there(shop: Shop, tmp_path: Path) -> None:
    shop.push_image(tmp_path / "image", "v1")
    for reference in ("v2", Digest.of(b"x"), f"blake3:{'a' * 64}"):
        for method in ("GET", "HEAD", "DELETE"):
            shop.refused(method, f"manifests/{reference}", 404, "MANIFEST_UNKNOWN")
            shop.refused(method, f"/v2/shop/other/manifests/{reference}", 404, "MANIFEST_UNKNOWN")


def test_a_manifest_that_the_client_has(shop: Shop, tmp_path: Path) -> None:
    image = shop.push_image(tmp_path / "image", "v1")
    for value in (str(image.digest), f'"{image.digest}"'):
        answer = shop.call("GET", "manifests/v1", status=304, headers={"If-None-Match": value})
        assert answer.headers["Docker-Content-Digest"] == str(image.digest)
    assert shop.recorder.take() == []
    shop.call("GET", "manifests/v1", status=200, headers={"If-None-Match": str(DIGEST)})


def test_a_type_that_the_client_excludes(shop: Shop, tmp_path: Path) -> None:
    shop.push_image(tmp_path / "image", "v1")
    shop.refused("GET", "manifests/v1", 404, "MANIFEST_UNKNOWN", headers={"Accept": DOCKER_MANIFEST})
    two_lines = [("Accept", DOCKER_MANIFEST), ("Accept", OCI_MANIFEST)]
    shop.call("GET", "manifests/v1", status=200, headers=two_lines)


def test_moving_a_tag(shop: Shop, tmp_path: Path) -> None:
    old = shop.push_image(tmp_path / "old", "v1", seed=1)
    new = shop.push_image(tmp_path / "new", "v1", seed=2)
    answer = shop.call("GET", "manifests/v1", status=200)
    assert answer.headers["Docker-Content-Digest"] == str(new.digest)
    assert shop.call("GET", f"manifests/{old.digest}", status=200).data == old.manifest
    for image in (old, new):
        assert shop.exists(paths.tag_index("shop/web", "v1", image.digest))


def test_deleting_a_tag(shop: Shop, tmp_path: Path) -> None:
    image = shop.push_image(tmp_path / "image", "v1")
    shop.call("DELETE", "manifests/v1", status=202)
    (fact,) = shop.recorder.facts
    assert fact.descriptor
    assert (fact.descriptor.digest, fact.descriptor.media_type) == (image.digest, OCI_MANIFEST)
    assert fact == Fact("delete", "tag", "shop/web", fact.descriptor, tag="v1")
    shop.recorder.take()
    for method in ("GET", "DELETE"):
        shop.refused(method, "manifests/v1", 404, "MANIFEST_UNKNOWN")
    shop.call("GET", f"manifests/{image.digest}", status=200)
    assert shop.call("GET", "tags/list", status=200).json["tags"] == []


def test_deleting_a_manifest_deletes_its_tags(shop: Shop, tmp_path: Path) -> None:
    image = shop.push_image(tmp_path / "image", "v1")
    shop.put("v2", image.manifest)
    other = shop.push_image(tmp_path / "other", "v3", seed=2)
    shop.recorder.before.clear()
    shop.call("DELETE", f"manifests/{image.digest}", status=202)
    deleted = shop.recorder.facts[0].descriptor
    assert deleted
    assert (deleted.media_type, deleted.size) == (OCI_MANIFEST, len(image.manifest))
    assert shop.recorder.take() == [
        ("delete", "manifest", "shop/web", str(image.digest)),
        ("delete", "tag", "shop/web", "v1", str(image.digest)),
        ("delete", "tag", "shop/web", "v2", str(image.digest)),
    ]
    assert shop.recorder.before == [False, False, False]
    for reference in ("v1", "v2", image.digest):
        shop.refused("GET", f"manifests/{reference}", 404, "MANIFEST_UNKNOWN")
    shop.refused("DELETE", f"manifests/{image.digest}", 404, "MANIFEST_UNKNOWN")
    assert shop.call("GET", "manifests/v3", status=200).data == other.manifest
    shop.recorder.take()
    shop.put("v1", image.manifest)
    assert shop.call("GET", "manifests/v1", status=200).data == image.manifest


def test_a_manifest_whose_bytes_are_gone_can_be_deleted(shop: Shop, tmp_path: Path) -> None:
    image = shop.push_image(tmp_path / "image", "v1")
    shop.driver.delete(paths.blob_data(image.digest))
    shop.refused("GET", "manifests/v1", 404, "MANIFEST_UNKNOWN")
    shop.call("DELETE", f"manifests/{image.digest}", status=202)
    deleted = shop.recorder.facts[0].descriptor
    assert deleted
    assert (deleted.media_type, deleted.size) == ("", 0)


def test_a_delete_that_ends_half_way_can_be_made_again(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = shop.push_image(tmp_path / "image", "v1")
    delete, deleted = shop.driver.delete, list[str]()

    def only_one(path: str) -> None:
        if deleted:
            raise StorageError(path)
        deleted.append(path)
        delete(path)

    with monkeypatch.context() as patch:
        patch.setattr(shop.driver, "delete", only_one)
        shop.refused("DELETE", f"manifests/{image.digest}", 503, "UNAVAILABLE")
    shop.call("DELETE", f"manifests/{image.digest}", status=202)
    assert shop.recorder.take() == [("delete", "manifest", "shop/web", str(image.digest))]
    assert not shop.exists(f"{HERE}/_manifests/tags/v1")


def test_a_write_that_fails_is_told_as_failed(shop: Shop, tmp_path: Path) -> None:
    image = shop.push_image(tmp_path / "image", "v1")
    shop.driver.put_content(f"{HERE}/_manifests/tags/blocked", b"a file where a folder must be")
    body = {"data": image.manifest, "content_type": OCI_MANIFEST}
    shop.refused("PUT", "manifests/blocked", 503, "UNAVAILABLE", **body)
    assert len(shop.recorder.failures) == 1
    missing = Fact("push", "manifest", "shop/web", descriptor=shop_descriptor(image), tag="blocked")
    assert not shop.registry.holds(missing)
    shop.put("v2", image.manifest)


def shop_descriptor(image: Image) -> Any:
    from app.domain.digests import Descriptor

    return Descriptor(OCI_MANIFEST, image.digest, len(image.manifest))


# Tags


def test_listing_tags(shop: Shop, tmp_path: Path) -> None:
    image = shop.push_image(tmp_path / "image", "b")
    for tag in ("a", "C", "b1", "b.1", "_"):
        shop.put(tag, image.manifest)
    everything = ["C", "_", "a", "b", "b.1", "b1"]
    assert shop.call("GET", "tags/list", status=200).json == {"name": "shop/web", "tags": everything}
    assert shop.call("GET", "tags/list?last=b", status=200).json["tags"] == ["b.1", "b1"]
    assert shop.call("GET", "tags/list?last=a0", status=200).json["tags"] == ["b", "b.1", "b1"]
    found, url = [], "/v2/shop/web/tags/list?n=4"
    while url:
        answer = shop.call("GET", url, status=200)
        found.append(answer.json["tags"])
        link = answer.headers.get("Link")
        url = link.removesuffix('>; rel="next"').removeprefix("<") if link else ""
    assert found == [everything[:4], everything[4:]]
    whole = shop.call("GET", "tags/list?n=6", status=200)
    assert (whole.json["tags"], "Link" in whole.headers) == (everything, False)
    none = shop.call("GET", "tags/list?n=0", status=200)
    assert (none.json["tags"], "Link" in none.headers) == ([], False)
    for count in ("-1", "x", "1.5", ""):
        shop.call("GET", f"tags/list?n={count}", status=400)


def test_tags_of_nothing(shop: Shop) -> None:
    shop.refused("GET", "tags/list", 404, "NAME_UNKNOWN")
    shop.push_blob(CONTENT)
    shop.recorder.take()
    shop.refused("GET", "tags/list", 404, "NAME_UNKNOWN")


def test_what_a_crash_left_is_no_tag(shop: Shop, tmp_path: Path) -> None:
    image = shop.push_image(tmp_path / "image", "v1")
    tags = f"{HERE}/_manifests/tags"
    shop.driver.put_content(f"{tags}/empty/current/link", b"")
    shop.driver.put_content(f"{tags}/broken/current/link", b"sha256:9f86\xff")
    shop.driver.put_content(f"{tags}/started/index/sha256/{image.digest.encoded}/link", str(image.digest).encode())
    shop.driver.put_content(f"{tags}/partial/current/link.0badf00d.tmp", str(image.digest).encode())
    shop.driver.put_content(f"{tags}/v1.current.tmp", b"")
    assert shop.call("GET", "tags/list", status=200).json["tags"] == ["v1"]
    for tag in ("empty", "broken", "started", "partial"):
        shop.refused("GET", f"manifests/{tag}", 404, "MANIFEST_UNKNOWN")
        shop.refused("DELETE", f"manifests/{tag}", 404, "MANIFEST_UNKNOWN")
    shop.put("empty", image.manifest)
    assert shop.call("GET", "tags/list", status=200).json["tags"] == ["empty", "v1"]


# The catalog


def test_listing_repositories(shop: Shop, tmp_path: Path) -> None:
    image = shop.push_image(tmp_path / "image", "v1")
    names = ["shop", "shop-b", "shop/web", "shop/web/a"]
    for name in names:
        shop.driver.put_content(f"{paths.manifests(name)}/tags/v1/current/link", str(image.digest).encode())
    shop.driver.put_content(f"{paths.REPOSITORIES}/only/_uploads/x/startedat", b"")
    shop.driver.put_content(f"{paths.REPOSITORIES}/Shop/_manifests/x", b"")
    assert shop.call("GET", "/v2/_catalog", status=200).json == {"repositories": names}
    found, url = [], "/v2/_catalog?n=2"
    while url:
        answer = shop.call("GET", url, status=200)
        found.append(answer.json["repositories"])
        link = answer.headers.get("Link")
        url = link.removesuffix('>; rel="next"').removeprefix("<") if link else ""
    assert found == [names[:2], names[2:]]
    assert shop.call("GET", "/v2/_catalog?last=shop/web", status=200).json["repositories"] == ["shop/web/a"]
    assert shop.call("GET", "/v2/_catalog?n=0", status=200).json["repositories"] == []
    shop.call("GET", "/v2/_catalog?n=x", status=400)
    shop.refused("DELETE", "/v2/_catalog", 405, "UNSUPPORTED")


def test_an_empty_registry_has_a_catalog(shop: Shop) -> None:
    assert shop.call("GET", "/v2/_catalog", status=200).json == {"repositories": []}


# Everything


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "manifests/v1", "GET, HEAD, PUT, DELETE"),
        ("PATCH", "manifests/v1", "GET, HEAD, PUT, DELETE"),
        ("PUT", f"blobs/{DIGEST}", "GET, HEAD, DELETE"),
        ("GET", "blobs/uploads/", "POST"),
        ("PUT", "blobs/uploads/", "POST"),
        ("POST", f"blobs/uploads/{uuid.UUID(int=0)}", "GET, HEAD, PATCH, PUT, DELETE"),
        ("DELETE", "tags/list", "GET, HEAD"),
    ],
)
def test_methods_that_an_endpoint_has_not(shop: Shop, method: str, path: str, allow: str) -> None:
    assert shop.refused(method, path, 405, "UNSUPPORTED").headers["Allow"] == allow


@pytest.mark.parametrize("path", ["referrers/", "x", "manifests/", "tags/list/"])
def test_endpoints_that_are_not(shop: Shop, path: str) -> None:
    shop.refused("GET", path, 404, "UNSUPPORTED")


def test_content_without_a_length_or_an_end_is_none(shop: Shop) -> None:
    location = shop.start()
    shop.call("PATCH", location, status=202, environ_overrides={"wsgi.input": io.BytesIO(CONTENT)})
    assert shop.call("GET", location, status=204).headers["Range"] == "0-0"


@given(
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]),
    st.lists(
        st.sampled_from(["a", "manifests", "blobs", "uploads", "tags", "list", "referrers", "latest", str(DIGEST), ""])
        | st.text(max_size=5)
        | st.just(".."),
        max_size=6,
    ),
    st.dictionaries(
        st.sampled_from(["n", "last", "digest", "mount", "from", "tag", "digest-algorithm", "artifactType"]),
        st.text(max_size=10),
        max_size=2,
    ),
    st.dictionaries(
        st.sampled_from(["Range", "Content-Range", "If-None-Match", "Accept", "Content-Type"]),
        st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=12),
        max_size=2,
    ),
)
def test_no_request_makes_it_fail(
    method: str, parts: list[str], query: dict[str, str], headers: dict[str, str]
) -> None:
    shop = Shop(make_driver("inmemory", {}), ThreadLocks())
    url = "/v2/x/" + "/".join(quote(part, safe=":") for part in parts)
    answer = shop.client.open(url, method=method, query_string=query, headers=headers, data=b"{}", buffered=True)
    assert answer.status_code < 500
    assert not shop.recorder.failures


def test_error_bodies_are_what_the_spec_says(shop: Shop) -> None:
    answer = shop.call("GET", f"blobs/{DIGEST}", status=404)
    entry = {"code": "BLOB_UNKNOWN", "message": "blob unknown to registry", "detail": str(DIGEST)}
    assert json.loads(answer.data) == {"errors": [entry]}
    assert hashlib.sha256(CONTENT).hexdigest() in answer.text


def test_what_nobody_foresaw_is_told_as_an_error_too() -> None:
    registry = Registry(make_driver("inmemory", {}), ThreadLocks())

    def broken(_: Request) -> Recorder:
        raise RuntimeError("secret")

    client = an_app(registry, broken).test_client()
    answer = client.post("/v2/shop/web/blobs/uploads/")
    assert (answer.status_code, answer.content_type) == (500, "application/json")
    assert answer.headers["Docker-Distribution-Api-Version"] == "registry/2.0"
    assert answer.json == {"errors": [{"code": "UNKNOWN", "message": "unknown error"}]}

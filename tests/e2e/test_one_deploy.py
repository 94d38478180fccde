"""Many pushes, one deploy: through the registry of a system that is up, by plain HTTP and by skopeo (keel #187)."""

import json
import sqlite3
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from destinations import ENVIRONMENT, config, deploys
from images import Image, an_image, descriptor, index_manifest
from listener import Listener, Reply
from peer import push, skopeo
from system import System, running, wait_until

from app.registry.validation import OCI_INDEX, OCI_MANIFEST

pytestmark = pytest.mark.e2e

PLATFORMS = ("amd64", "arm64")
TAGS = ("1", "1.4", "stable")
Push = Callable[[System, list[Image], bytes], None]


def settling(listener: Listener, span: str = "2s") -> str:
    return config(listener).replace("settle: 0s", f"settle: {span}", 1)  # the trigger's, which comes first


def send(system: System, method: str, target: str, body: bytes, kind: str = "application/octet-stream") -> str:
    """One request to /v2/; its Location."""
    address = target if "://" in target else f"{system.url}{target}"
    request = urllib.request.Request(address, data=body, method=method, headers={"Content-Type": kind})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return str(answer.headers.get("Location", ""))


def put(system: System, tag: str, manifest: bytes, kind: str = OCI_MANIFEST) -> None:
    send(system, "PUT", f"/v2/shop/web/manifests/{tag}", manifest, kind)


def put_blobs(system: System, image: Image) -> None:
    for name, blob in image.blobs.items():
        location = send(system, "POST", "/v2/shop/web/blobs/uploads/", b"")
        location = location if "://" in location else system.url + location
        send(system, "PUT", f"{location}{'&' if '?' in location else '?'}digest={name}", blob)


def by_http(system: System, images: list[Image], index: bytes) -> None:
    """Ten pushes: each platform's image to a tag of its own, the index to three tags, all of it twice."""
    for image in images:
        put_blobs(system, image)
    for _again in range(2):
        for platform, image in zip(PLATFORMS, images, strict=True):
            put(system, f"1.4-{platform}", image.manifest)
        for tag in TAGS:
            put(system, tag, index, OCI_INDEX)


def by_skopeo(system: System, images: list[Image], index: bytes) -> None:
    """The same as an OCI layout's two images and its index, by a client that people use."""
    host = system.url.removeprefix("http://")
    layout = images[0].folder.parent / "both"
    _write_both(layout, images, index)
    for _again in range(2):
        for platform, image in zip(PLATFORMS, images, strict=True):
            push(image.folder, host, f"shop/web:1.4-{platform}")
        for tag in TAGS:
            skopeo(
                "copy", "-q", "--all", "--preserve-digests", "--dest-tls-verify=false", f"oci:{layout}",
                f"docker://{host}/shop/web:{tag}",
            )  # fmt: skip


def _write_both(layout: Path, images: list[Image], index: bytes) -> None:
    place = layout / "blobs" / "sha256"
    place.mkdir(parents=True)
    for image in images:
        for blob in (*image.blobs.values(), image.manifest):
            (place / descriptor("", blob)["digest"].removeprefix("sha256:")).write_bytes(blob)
    entry = descriptor(OCI_INDEX, index)
    (place / entry["digest"].removeprefix("sha256:")).write_bytes(index)
    (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))


@pytest.mark.parametrize("by", [by_http, by_skopeo])
def test_ten_pushes_of_one_digest_are_one_deploy(tmp_path: Path, by: Push) -> None:
    images = [an_image(tmp_path / platform, seed) for seed, platform in enumerate(PLATFORMS)]
    index = index_manifest([image.manifest for image in images])
    with Listener() as listener, running(tmp_path, settling(listener, "5s"), ENVIRONMENT) as system:
        by(system, images, index)
        wait_until("the deploy", lambda: len(deploys(listener)) == 1)
        wait_until("nothing is under way", lambda: ended(system))
        (deploy,) = deploys(listener)
        told = [deploy.tag, *(one["tag"] for one in json.loads(deploy.body)["data"]["also"])]
        assert (deploy.after, sorted(told)) == (descriptor("", index)["digest"], sorted(TAGS))
        assert [status for _digest, status in deliveries(system)] == ["delivered"]


def test_a_digest_that_was_left_behind_before_its_turn_is_not_deployed(tmp_path: Path) -> None:
    """Within the window; and later, while its deploy waited for a destination that fails."""
    images = [an_image(tmp_path / f"image-{seed}", seed) for seed in range(3)]
    first, second, third = (str(image.digest) for image in images)
    with Listener() as listener, running(tmp_path, settling(listener), ENVIRONMENT) as system:
        for image in images:
            put_blobs(system, image)
        listener.reply(Reply(500))
        put(system, "stable", images[0].manifest)
        wait_until("the first waits", lambda: rows(system, "SELECT * FROM window_changes"))
        put(system, "stable", images[1].manifest)
        wait_until("a try", lambda: deploys(listener))
        put(system, "stable", images[2].manifest)
        wait_until("the newest is known", lambda: len(deliveries(system)) == 3)
        listener.reply(Reply())
        wait_until("nothing is under way", lambda: ended(system))
        assert dict(deliveries(system)) == {first: "superseded", second: "superseded", third: "delivered"}
        assert {one.after for one in deploys(listener)} == {second, third}, "the first never went"
        assert deploys(listener)[-1].after == third


def rows(system: System, query: str) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(system.data / "tagtrail.db")) as connection:
        return connection.execute(query).fetchall()


def deliveries(system: System) -> list[tuple[str, str]]:
    """(digest, status) of each deploy."""
    return rows(system, "SELECT digest, status FROM deliveries WHERE purpose = 'deploy'")


def ended(system: System) -> bool:
    return all(status != "pending" for _digest, status in deliveries(system))

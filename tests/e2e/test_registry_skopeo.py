"""A real client pushes to us and pulls from us, and docker-registry and we serve each other's storage."""

import http.client
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import missing
from images import Image, an_image
from registry_server import free_port, running, served, served_from

from app.domain.digests import Digest
from app.registry.schema1 import SIGNED

pytestmark = pytest.mark.e2e

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}


@pytest.fixture(autouse=True)
def _skopeo() -> None:
    if not shutil.which("skopeo"):
        missing("skopeo is not installed")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[str]:
    with served(tmp_path / "storage", tmp_path / "locks") as address:
        yield address


@contextmanager
def docker_registry(storage: Path) -> Iterator[str]:
    """Debian's docker-registry 2.8 over `storage`."""
    if not shutil.which("docker-registry"):
        missing("docker-registry is not installed")
    port = free_port()
    settings = {
        "version": "0.1",
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(storage)}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{port}"},
        "compatibility": {"schema1": {"enabled": True}},
    }
    file = storage.parent / f"{port}.yml"
    file.write_text(json.dumps(settings))
    with running(["docker-registry", "serve", str(file)], port, storage.parent, ENVIRONMENT):
        yield f"127.0.0.1:{port}"


def skopeo(*arguments: str) -> str:
    done = subprocess.run(
        ["skopeo", "--insecure-policy", *arguments], env=ENVIRONMENT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def push(image: Image, to: str) -> None:
    skopeo("copy", "--dest-tls-verify=false", f"oci:{image.folder}", f"docker://{to}")


def pull(reference: str, folder: Path) -> set[Digest]:
    """Copy an image to an OCI layout; the digests of everything that came."""
    skopeo("copy", "--src-tls-verify=false", f"docker://{reference}", f"oci:{folder}")
    return {Digest.of(path.read_bytes()) for path in (folder / "blobs" / "sha256").iterdir()}


def digests_of(image: Image) -> set[Digest]:
    return {*image.blobs, image.digest}


def tags(repository: str) -> list[str]:
    found: list[str] = json.loads(skopeo("list-tags", "--tls-verify=false", f"docker://{repository}"))["Tags"]
    return found


@pytest.mark.parametrize("storage", ["filesystem", "s3", "azure"], indirect=True)
def test_push_inspect_copy_pull_delete(storage: tuple[str, Mapping[str, Any]], tmp_path: Path) -> None:
    with served_from(*storage, tmp_path / "locks") as (host, _):
        _push_inspect_copy_pull_delete(host, tmp_path)


def _push_inspect_copy_pull_delete(host: str, tmp_path: Path) -> None:
    image = an_image(tmp_path / "image", seed=1, layers=3, size=3_000_000)
    push(image, f"{host}/shop/web:v1")
    push(an_image(tmp_path / "other", seed=9), f"{host}/shop/web:kept")
    seen = json.loads(skopeo("inspect", "--tls-verify=false", f"docker://{host}/shop/web:v1"))
    assert (seen["Digest"], seen["RepoTags"], seen["Labels"]) == (str(image.digest), ["kept", "v1"], {"seed": "1"})
    plain = ("--src-tls-verify=false", "--dest-tls-verify=false")
    skopeo("copy", *plain, f"docker://{host}/shop/web:v1", f"docker://{host}/shop/copy/of:v2")
    assert pull(f"{host}/shop/copy/of:v2", tmp_path / "pulled") == digests_of(image)
    skopeo("delete", "--tls-verify=false", f"docker://{host}/shop/web:v1")
    assert tags(f"{host}/shop/web") == ["kept"]
    assert tags(f"{host}/shop/copy/of") == ["v2"]
    assert pull(f"{host}/shop/copy/of@{image.digest}", tmp_path / "again") == digests_of(image)


def test_an_image_that_is_converted_to_docker_types(host: str, tmp_path: Path) -> None:
    image = an_image(tmp_path / "image", seed=2)
    skopeo("copy", "--format=v2s2", "--dest-tls-verify=false", f"oci:{image.folder}", f"docker://{host}/shop/web:v1")
    raw = json.loads(skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{host}/shop/web:v1"))
    assert raw["mediaType"] == "application/vnd.docker.distribution.manifest.v2+json"


def test_docker_registry_serves_what_we_stored(tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    first = an_image(tmp_path / "first", seed=3, layers=2, size=100_000)
    second = an_image(tmp_path / "second", seed=4)
    with served(storage, tmp_path / "locks") as host:
        push(first, f"{host}/shop/web:v1")
        push(second, f"{host}/shop/web:v2")
        push(first, f"{host}/shop:latest")
    with docker_registry(storage) as host:
        assert pull(f"{host}/shop/web:v1", tmp_path / "pulled-1") == digests_of(first)
        assert pull(f"{host}/shop/web:v2", tmp_path / "pulled-2") == digests_of(second)
        assert pull(f"{host}/shop:latest", tmp_path / "pulled-3") == digests_of(first)
        assert sorted(tags(f"{host}/shop/web")) == ["v1", "v2"]
        skopeo("delete", "--tls-verify=false", f"docker://{host}/shop/web:v1")
        push(first, f"{host}/shop/web:v3")
    with served(storage, tmp_path / "locks") as host:
        assert tags(f"{host}/shop/web") == ["v2", "v3"]


def test_we_serve_what_docker_registry_stored(tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    storage.mkdir()
    first = an_image(tmp_path / "first", seed=5, layers=2, size=100_000)
    second = an_image(tmp_path / "second", seed=6)
    with docker_registry(storage) as host:
        push(first, f"{host}/shop/web:v1")
        push(second, f"{host}/shop/web:v2")
        push(second, f"{host}/shop/web:gone")
        push(first, f"{host}/deep/er/name:v1")
    with served(storage, tmp_path / "locks") as host:
        assert pull(f"{host}/shop/web:v1", tmp_path / "pulled-1") == digests_of(first)
        assert pull(f"{host}/deep/er/name@{first.digest}", tmp_path / "pulled-2") == digests_of(first)
        assert tags(f"{host}/shop/web") == ["gone", "v1", "v2"]
        skopeo("delete", "--tls-verify=false", f"docker://{host}/shop/web:gone")
        assert tags(f"{host}/shop/web") == ["v1"]
        push(second, f"{host}/shop/web:v2")
        assert pull(f"{host}/shop/web:v2", tmp_path / "pulled-3") == digests_of(second)


def test_both_serve_one_storage_at_once(tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    with ExitStack() as stack:
        ours = stack.enter_context(served(storage, tmp_path / "locks"))
        theirs = stack.enter_context(docker_registry(storage))
        for number, (here, there) in enumerate(((ours, theirs), (theirs, ours))):
            image = an_image(tmp_path / f"image-{number}", seed=7 + number)
            push(image, f"{here}/shop/web:v{number}")
            assert pull(f"{there}/shop/web:v{number}", tmp_path / f"pulled-{number}") == digests_of(image)


def test_an_upload_begun_there_is_finished_here(tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    digest = Digest.of(b"begun there, finished here")
    with ExitStack() as stack:
        ours = stack.enter_context(served(storage, tmp_path / "locks"))
        theirs = stack.enter_context(docker_registry(storage))
        begun = request(theirs, "POST", "/v2/shop/web/blobs/uploads/")
        sent = request(theirs, "PATCH", begun, b"begun there, ")
        path = sent.removeprefix(f"http://{theirs}")
        location = request(ours, "PUT", f"{path}&digest={digest}", b"finished here")
        assert location == f"/v2/shop/web/blobs/{digest}"
        assert request(theirs, "HEAD", location) == ""


def request(host: str, method: str, path: str, body: bytes = b"") -> str:
    """The Location of the answer, empty without one."""
    connection = http.client.HTTPConnection(host, timeout=20)
    try:
        connection.request(method, path, body, {"Content-Type": "application/octet-stream"})
        answer = connection.getresponse()
        assert answer.status < 300, answer.read()
        return answer.headers.get("Location", "")
    finally:
        connection.close()


def test_schema_1_has_the_same_digest_in_both(host: str, tmp_path: Path) -> None:
    image = an_image(tmp_path / "image", 7, layers=2)
    push(image, f"{host}/shop/web:v1")
    loose = ("--src-tls-verify=false", "--dest-tls-verify=false")
    skopeo("copy", "--format", "v2s1", *loose, f"docker://{host}/shop/web:v1", f"docker://{host}/shop/old:v1")
    ours = _heads(host, "/v2/shop/old/manifests/v1")
    assert ours["Content-Type"] == SIGNED
    with docker_registry(tmp_path / "storage") as theirs:
        found = _heads(theirs, "/v2/shop/old/manifests/v1")
    assert found["Docker-Content-Digest"] == ours["Docker-Content-Digest"]
    assert json.loads(skopeo("inspect", "--tls-verify=false", f"docker://{host}/shop/old:v1"))["Layers"]


def _heads(host: str, path: str) -> http.client.HTTPMessage:
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request("HEAD", path, headers={"Accept": SIGNED})
    answer = connection.getresponse()
    assert answer.status == 200
    connection.close()
    return answer.headers

"""The client against our own registry over HTTP, and against registries that answer wrongly."""

import hashlib
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from listener import Listener, Reply
from registry_server import an_app
from werkzeug.serving import WSGIRequestHandler, make_server
from wire import read_request, wire

from app.domain.digests import Digest
from app.domain.errors import InvalidNameError
from app.outbound import Door, InvalidUrlError, OutboundError
from app.registry.locks import ThreadLocks
from app.registry.registry import Registry
from app.registry.storage.memory import Memory
from app.remote.blobs import Blob
from app.remote.client import RemoteRegistry
from app.remote.errors import BlobContentError, RemoteError
from app.remote.image import MANIFEST, make_image
from app.remote.push import push_image

DIGEST = Digest.of(b"{}")
OTHER = Digest.of(b"other")


class QuietHandler(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def door() -> Iterator[Door]:
    with Door() as door:
        yield door


@pytest.fixture
def remote(door: Door) -> Iterator[RemoteRegistry]:
    """Our own registry, reached by HTTP."""
    app = an_app(Registry(Memory(), ThreadLocks()))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=QuietHandler)
    server.daemon_threads = False
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield RemoteRegistry(door, f"127.0.0.1:{server.server_port}")
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def swallowing(received: list[int]) -> Iterator[str]:
    """The URL of a registry that takes one upload, keeping the sizes of what it reads and nothing else."""

    def talk(connection: socket.socket, _: object) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 202 Accepted\r\nLocation: /up\r\nContent-Length: 0\r\n\r\n")
        head, _, start = read_request(connection).partition(b"\r\n\r\n")
        wanted = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        received.append(len(start))
        while sum(received) < wanted:
            received.append(len(connection.recv(65536)))
        connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")

    with wire(talk) as server:
        yield f"http://127.0.0.1:{server.port}"


def refused(answer: Reply, call: Any) -> RemoteError:
    """The error of `call(remote)` where the registry answers everything with `answer`."""
    with Listener([answer]) as listener, Door() as door, pytest.raises(RemoteError) as caught:
        call(RemoteRegistry(door, listener.url))
    return caught.value


def test_an_image_is_pushed_and_found(remote: RemoteRegistry) -> None:
    image = make_image("v1")
    assert push_image(remote, "shop/web", "stable", image) == image.digest
    for reference in ("stable", image.digest):
        manifest = remote.get_manifest("shop/web", reference)
        assert manifest is not None
        assert (manifest.media_type, manifest.digest, manifest.content) == (MANIFEST, image.digest, image.manifest)
        assert remote.head_manifest("shop/web", reference) == manifest.descriptor
    assert all(remote.has_blob("shop/web", blob.digest) for blob in image.blobs)
    assert not remote.has_blob("shop/other", image.blobs[0].digest)


def test_what_is_there_is_not_uploaded_again(door: Door) -> None:
    image = make_image("v1")
    with Listener([Reply(200), Reply(200), Reply(201)]) as listener:
        push_image(RemoteRegistry(door, listener.url), "shop/web", "v1", image)
        asked = [(heard.method, heard.path) for heard in listener.wait_for(3)]
    config, layer = image.blobs
    assert asked == [
        ("HEAD", f"/v2/shop/web/blobs/{config.digest}"),
        ("HEAD", f"/v2/shop/web/blobs/{layer.digest}"),
        ("PUT", "/v2/shop/web/manifests/v1"),
    ]


def test_ping(remote: RemoteRegistry) -> None:
    remote.ping()


def test_manifests_and_tags_are_deleted(remote: RemoteRegistry) -> None:
    digest = push_image(remote, "shop/web", "v1", make_image("v1"))
    push_image(remote, "shop/web", "v2", make_image("v1"))
    remote.delete_manifest("shop/web", "v1")
    assert list(remote.list_tags("shop/web")) == ["v2"]
    remote.delete_manifest("shop/web", digest)
    assert remote.head_manifest("shop/web", "v2") is None
    assert remote.get_manifest("shop/web", digest) is None
    with pytest.raises(RemoteError) as caught:
        remote.delete_manifest("shop/web", digest)
    assert (caught.value.status, caught.value.code) == (404, "MANIFEST_UNKNOWN")


def test_tags_of_nothing_are_an_error(remote: RemoteRegistry) -> None:
    with pytest.raises(RemoteError, match=r"list tags: 404 NAME_UNKNOWN$"):
        list(remote.list_tags("no/such"))


def test_a_manifest_with_missing_parts_is_refused(remote: RemoteRegistry) -> None:
    with pytest.raises(RemoteError, match=r"put manifest: 400 MANIFEST_BLOB_UNKNOWN$"):
        remote.put_manifest("shop/web", "v1", MANIFEST, make_image("v1").manifest)


def test_a_large_blob_streams_through(door: Door) -> None:
    chunk, count = bytes(1_000_000), 60
    digest = Digest("sha256", hashlib.sha256(chunk * count).hexdigest())
    received: list[int] = []
    with swallowing(received) as url:
        tracemalloc.start()
        RemoteRegistry(door, url).upload_blob("big", Blob(digest, len(chunk) * count, (chunk for _ in range(count))))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert sum(received) == len(chunk) * count
    assert peak < 10_000_000


def test_wrong_content_is_broken_off(remote: RemoteRegistry) -> None:
    blob = Blob(OTHER, 6, [b"abc", b"def"])
    with pytest.raises(BlobContentError):
        remote.upload_blob("shop/web", blob)
    assert not remote.has_blob("shop/web", OTHER)
    assert not remote.has_blob("shop/web", Digest.of(b"abcdef"))


def test_an_empty_blob(remote: RemoteRegistry) -> None:
    remote.upload_blob("shop/web", Blob.of(b""))
    assert remote.has_blob("shop/web", Digest.of(b""))


def test_lists_are_read_page_by_page(door: Door) -> None:
    pages = [
        Reply(200, {"Link": '</v2/shop/web/tags/list?n=2&last=b>; rel="next"'}, b'{"tags": ["a", "b"]}'),
        Reply(200, {"Link": "<list?last=c>; rel=next"}, b'{"tags": ["c"]}'),
        Reply(200, {}, b'{"tags": null}'),
    ]
    with Listener(pages) as listener:
        tags = RemoteRegistry(door, listener.url).list_tags("shop/web")
        assert next(tags) == "a"
        assert len(listener.heard) == 1
        assert list(tags) == ["b", "c"]
        paths = [heard.path for heard in listener.heard]
    assert paths == [
        "/v2/shop/web/tags/list",
        "/v2/shop/web/tags/list?n=2&last=b",
        "/v2/shop/web/tags/list?last=c",
    ]


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ('</v2/shop/web/tags/list>; rel="next"', "its pages go round in a circle"),
        ('<https://evil.example/v2/>; rel="next"', "it pointed elsewhere, to https://evil.example/…"),
        ('<//evil.example/v2/>; rel="next"', "it pointed elsewhere, to http://evil.example/…"),
        ('<https://[>; rel="next"', "it pointed to no URL"),
    ],
)
def test_a_list_leads_nowhere_else(link: str, reason: str) -> None:
    answer = Reply(200, {"Link": link}, b'{"tags": []}')
    assert refused(answer, lambda remote: list(remote.list_tags("shop/web"))).reason == reason


@pytest.mark.parametrize(
    "body", [b"<html>", b'{"tags": "abc def"}', b'{"tags": [1]}', b'{"tags": 5}', b'{"tags": ["-"]}']
)
def test_a_list_that_is_none(body: bytes) -> None:
    assert refused(Reply(200, {}, body), lambda remote: list(remote.list_tags("shop/web"))).reason


def told(digest: Digest | str, body: bytes = b"{}", status: int = 200) -> Reply:
    return Reply(status, {"Docker-Content-Digest": str(digest), "Content-Type": MANIFEST}, body)


@pytest.mark.parametrize(
    ("answer", "reference", "reason"),
    [
        (told(OTHER), "v1", f"the content is not {OTHER}"),
        (told(DIGEST), OTHER, f"the content is not {OTHER}"),
        (told(OTHER), DIGEST, f"the content is not {OTHER}"),
        (told("sha256:short"), "v1", "its digest is none"),
        (told("blake3:abc"), "v1", "its digest can't be checked"),
        (told(DIGEST), Digest("blake3", "abc"), "the content is not blake3:abc"),
        (Reply(200, {}, b"x" * 5_000_000), "v1", "the answer is too large"),
        (Reply(307, {"Location": "https://evil.example/s3cr3t"}), "v1", "a redirect to https://evil.example/…"),
    ],
)
def test_a_manifest_is_what_its_digest_says(answer: Reply, reference: str | Digest, reason: str) -> None:
    assert refused(answer, lambda remote: remote.get_manifest("shop/web", reference)).reason == reason


def test_a_digest_of_another_algorithm_is_checked_too(door: Door) -> None:
    wide = Digest.of(b"{}", "sha512")
    with Listener([told(wide)]) as listener:
        manifest = RemoteRegistry(door, listener.url).get_manifest("shop/web", "v1")
    assert manifest is not None
    assert manifest.digest == wide


def test_a_head_without_a_digest_is_followed_by_a_get(door: Door) -> None:
    with Listener([Reply(200), Reply(200, {"Content-Type": f"{MANIFEST}; charset=utf-8"}, b"{}")]) as listener:
        found = RemoteRegistry(door, listener.url).head_manifest("shop/web", "v1")
        assert [heard.method for heard in listener.heard] == ["HEAD", "GET"]
    assert found is not None
    assert (found.media_type, found.digest, found.size) == (MANIFEST, DIGEST, 2)


def test_a_head_that_tells_another_digest_is_refused() -> None:
    error = refused(told(OTHER), lambda remote: remote.head_manifest("shop/web", DIGEST))
    assert error.reason == f"it told {OTHER} instead of {DIGEST}"
    error = refused(told(OTHER), lambda remote: remote.has_blob("shop/web", DIGEST))
    assert error.reason == f"it told {OTHER} instead of {DIGEST}"


def test_a_blob_in_redirected_storage_is_there(door: Door) -> None:
    with Listener([Reply(307, {"Location": "https://storage.example/x"})]) as listener:
        assert RemoteRegistry(door, listener.url).has_blob("shop/web", DIGEST)


def test_a_push_that_is_stored_as_something_else_is_refused() -> None:
    error = refused(told(OTHER, b"", 201), lambda remote: remote.put_manifest("shop/web", "v1", MANIFEST, b"{}"))
    assert error.reason == f"the content is not {OTHER}"


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        (None, "it told no location"),
        ("https://evil.example/upload", "it pointed elsewhere, to https://evil.example/…"),
        ("ftp://x/", "it pointed to no URL"),
    ],
)
def test_an_upload_stays_with_its_registry(location: str | None, reason: str) -> None:
    answer = Reply(202, {"Location": location} if location else {})
    assert refused(answer, lambda remote: remote.upload_blob("shop/web", Blob.of(b"x"))).reason == reason


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/up/1", f"/up/1?digest={DIGEST}"),
        ("/up/1?_state=a%2Fb%3D", f"/up/1?_state=a%2Fb%3D&digest={DIGEST}"),
        ("{url}//evil.example/up", f"//evil.example/up?digest={DIGEST}"),
    ],
)
def test_an_upload_goes_on_where_it_was_told(door: Door, path: str, asked: str) -> None:
    with Listener() as listener:
        listener.reply(Reply(202, {"Location": path.format(url=listener.url)}), told(DIGEST, b"", 201))
        RemoteRegistry(door, listener.url).upload_blob("shop/web", Blob.of(b"{}"))
        start, put = listener.wait_for(2)
    assert (start.method, start.headers["content-length"]) == ("POST", "0")
    assert (put.method, put.path, put.body) == ("PUT", asked, b"{}")
    assert put.headers["content-type"] == "application/octet-stream"


def test_an_upload_that_is_stored_as_something_else_is_refused(door: Door) -> None:
    replies = [Reply(202, {"Location": "/up"}), told(OTHER, b"", 201)]
    with Listener(replies) as listener, pytest.raises(RemoteError, match="instead of"):
        RemoteRegistry(door, listener.url).upload_blob("shop/web", Blob.of(b"{}"))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"errors": [{"code": "UNAUTHORIZED", "message": "m"}]}', "UNAUTHORIZED"),
        (b'{"errors": []}', None),
        (b'{"errors": [{"code": "<script>"}]}', None),
        (b'{"errors": [{"code": 5}]}', None),
        (b"[" * 100_000, None),
        (b"", None),
    ],
)
def test_an_error_tells_status_and_code(body: bytes, code: str | None) -> None:
    error = refused(Reply(401, {}, body), lambda remote: remote.ping())
    assert (error.status, error.code, error.operation) == (401, code, "ping")
    assert str(error).endswith(f": ping: 401{f' {code}' if code else ''}")


@pytest.mark.parametrize("name", ["../../etc", "UPPER", "a/../b", ""])
def test_names_can_not_leave_their_place(door: Door, name: str) -> None:
    remote = RemoteRegistry(door, "127.0.0.1:1")
    with pytest.raises(InvalidNameError):
        remote.get_manifest(name, "v1")
    with pytest.raises(InvalidNameError):
        remote.get_manifest("shop/web", f"{name}/x")


def test_nobody_there(door: Door) -> None:
    with Listener() as listener:
        url = listener.url
    with pytest.raises(OutboundError):
        RemoteRegistry(door, url).ping()


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("localhost:5000", "http://localhost:5000"),
        ("[::1]:5000", "http://[::1]:5000"),
        ("ghcr.io", "https://ghcr.io"),
        ("10.0.0.1:5000", "https://10.0.0.1:5000"),
        ("localhost.example", "https://localhost.example"),
        ("https://localhost:5000/", "https://localhost:5000"),
        ("http://registry.example:5000", "http://registry.example:5000"),
    ],
)
def test_http_is_for_loopback(text: str, base: str) -> None:
    class Recorder:
        def send(self, call: Any, _: object) -> None:
            raise AssertionError(str(call.url))

    with pytest.raises(AssertionError, match=f"^{base.replace('[', chr(92) + '[')}/v2/$"):
        RemoteRegistry(Recorder(), text).ping()  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "a b", "https://h/path", "ftp://h", "user@h"])
def test_a_registry_is_a_host(door: Door, text: str) -> None:
    with pytest.raises(InvalidUrlError):
        RemoteRegistry(door, text)

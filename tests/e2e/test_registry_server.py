"""Bodies as a real server hands them on: streamed, cut off, too early, at once."""

import http.client
import random
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from registry_server import served

from app.domain.digests import Digest

pytestmark = pytest.mark.e2e

CONTENT = random.Random(7).randbytes(5 * 1024 * 1024)
DIGEST = Digest.of(CONTENT)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[str]:
    with served(tmp_path / "storage", tmp_path / "locks") as address:
        yield address


def call(host: str, method: str, path: str, body: object = None, **headers: str) -> http.client.HTTPResponse:
    """One request on a connection of its own; a body that is an iterator goes in HTTP chunks."""
    connection = http.client.HTTPConnection(host, timeout=20)
    try:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, sent)  # type: ignore[arg-type]  bytes or an iterator
        answer = connection.getresponse()
        answer.content = answer.read()  # type: ignore[attr-defined]
        return answer
    finally:
        connection.close()


def start(host: str) -> str:
    location = call(host, "POST", "/v2/shop/web/blobs/uploads/").headers["Location"]
    assert location
    return location


def pieces(content: bytes, size: int = 100_000) -> Iterator[bytes]:
    return (content[at : at + size] for at in range(0, len(content), size))


def connected(host: str, head: str) -> socket.socket:
    name, _, port = host.partition(":")
    connection = socket.create_connection((name, int(port)), 20)
    connection.sendall(head.replace("\n", "\r\n").encode())
    return connection


def wait_for_size(host: str, location: str, size: int) -> None:
    deadline = time.monotonic() + 10
    while (said := call(host, "GET", location).headers["Range"]) != f"0-{max(size - 1, 0)}":
        assert time.monotonic() < deadline, said
        time.sleep(0.05)


def wait_until_unlocked(host: str, location: str) -> None:
    """Asked with empty bodies: who sends a long one, and is refused before its end, may find the connection gone."""
    deadline = time.monotonic() + 10
    while call(host, "PATCH", location, b"").status == 416:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_chunked_stream_and_a_download(host: str) -> None:
    location = start(host)
    answer = call(host, "PATCH", location, pieces(CONTENT))
    assert (answer.status, answer.headers["Range"]) == (202, f"0-{len(CONTENT) - 1}")
    assert call(host, "PUT", f"{location}?digest={DIGEST}").status == 201
    path = f"/v2/shop/web/blobs/{DIGEST}"
    assert call(host, "GET", path).content == CONTENT  # type: ignore[attr-defined]
    part = call(host, "GET", path, Range="bytes=1000000-3000000")
    assert (part.status, part.content) == (206, CONTENT[1000000:3000001])  # type: ignore[attr-defined]
    head = call(host, "HEAD", path)
    assert (head.status, head.headers["Content-Length"]) == (200, str(len(CONTENT)))


@pytest.mark.parametrize("framing", ["Content-Length: 5242880", "Transfer-Encoding: chunked"])
def test_an_upload_that_is_cut_off_goes_on_where_it_ended(host: str, framing: str) -> None:
    location, half = start(host), CONTENT[: 2 * 1024 * 1024]
    connection = connected(host, f"PATCH {location} HTTP/1.1\nHost: {host}\n{framing}\n\n")
    connection.sendall(half if "Length" in framing else b"%x\r\n%s\r\n" % (len(half), half))
    time.sleep(0.2)
    connection.close()
    wait_for_size(host, location, len(half))
    wait_until_unlocked(host, location)
    rest = {"Content_Range": f"{len(half)}-{len(CONTENT) - 1}"}
    assert call(host, "PATCH", location, CONTENT[len(half) :], **rest).status == 202
    assert call(host, "PUT", f"{location}?digest={DIGEST}").status == 201


def test_a_closing_request_that_is_cut_off_makes_no_blob(host: str, tmp_path: Path) -> None:
    path = f"/v2/shop/web/blobs/uploads/?digest={DIGEST}"
    connection = connected(host, f"POST {path} HTTP/1.1\nHost: {host}\nTransfer-Encoding: chunked\n\n")
    connection.sendall(b"5\r\nfirst\r\n")
    time.sleep(0.2)
    connection.close()
    uploads = tmp_path / "storage/docker/registry/v2/repositories/shop/web/_uploads"
    deadline = time.monotonic() + 10
    while not uploads.exists() or list(uploads.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert call(host, "HEAD", f"/v2/shop/web/blobs/{DIGEST}").status == 404


def test_two_requests_do_not_write_one_session(host: str, tmp_path: Path) -> None:
    location = start(host)
    connection = connected(host, f"PATCH {location} HTTP/1.1\nHost: {host}\nContent-Length: 10\n\n")
    try:
        connection.sendall(b"first")
        wait_for_lock(tmp_path / "locks")
        assert [call(host, "PATCH", location, b"other").status for _ in range(10)] == [416] * 10
        connection.sendall(b"again")
        assert connection.recv(1000).startswith(b"HTTP/1.1 202")
    finally:
        connection.close()
    digest = Digest.of(b"firstagain")
    assert call(host, "PUT", f"{location}?digest={digest}").status == 201


@pytest.mark.parametrize("size", [10, 100_000, 5_000_000])
def test_a_refused_chunk_leaves_the_connection_to_go_on_with(host: str, size: int) -> None:
    connection = http.client.HTTPConnection(host, timeout=20)
    for _ in range(10):
        location = start(host)
        for offset, status in ((5, 416), (0, 202)):
            connection.request("PATCH", location, bytes(size), {"Content-Range": f"{offset}-{offset + size - 1}"})
            sock = connection.sock
            with connection.getresponse() as answer:
                assert (answer.status, answer.read()[:1]) == (status, b"{" if status == 416 else b"")
            assert connection.sock is sock
        connection.request("GET", "/v2/")
        assert connection.getresponse().read() == b"{}"
    connection.close()


def wait_for_lock(folder: Path) -> None:
    deadline = time.monotonic() + 10
    while not list(folder.glob("upload-*")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.1)


def test_pushes_of_one_blob_at_once(host: str) -> None:
    path = f"/v2/shop/web/blobs/uploads/?digest={DIGEST}"
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(call(host, "POST", path, CONTENT).status)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [201] * 8
    assert call(host, "GET", f"/v2/shop/web/blobs/{DIGEST}").content == CONTENT  # type: ignore[attr-defined]

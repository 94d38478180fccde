"""As much of a registry's client as pushing takes, over one keep-alive connection."""

import hashlib
import http.client
import json
import socket
import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = b"{}"
LAYER = b"bench"


class Pusher:
    """One client of the registry on a port of loopback."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._connection.connect()
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def put_blob(self, repository: str, content: bytes) -> None:
        location = self.start_upload(repository)
        self.call("PUT", f"{location}digest={digest_of(content)}", content, {}, 201)

    def start_upload(self, repository: str) -> str:
        """Where the upload goes on: a target that ends in `?` or `&`."""
        location = self.call("POST", f"/v2/{repository}/blobs/uploads/", b"", {}, 202)
        target = "/" + location.split("/", 3)[3] if "://" in location else location
        return target + ("&" if "?" in target else "?")

    def put_manifest(self, repository: str, tag: str, manifest: bytes) -> tuple[float, float]:
        """(moment before the first byte is sent, moment of the answer)."""
        started = time.monotonic()
        self.call("PUT", f"/v2/{repository}/manifests/{tag}", manifest, {"Content-Type": MANIFEST}, 201)
        return started, time.monotonic()

    def call(
        self, method: str, target: str, body: bytes | Iterable[bytes], headers: Mapping[str, str], expected: int
    ) -> str:
        """Send a request (chunked where the body is an iterable); its Location. Raises if it isn't `expected`."""
        chunked = not isinstance(body, bytes)
        self._connection.request(method, target, body, dict(headers), encode_chunked=chunked)
        answer = self._connection.getresponse()
        told = answer.read()
        if answer.status != expected:
            raise RuntimeError(f"{method} {target}: {answer.status} {told[:300]!r}")
        return answer.getheader("Location", "")


def manifest(name: str, layer: bytes = LAYER) -> bytes:
    """The manifest of an image of one small layer, unlike that of any other name."""
    content: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _descriptor("application/vnd.oci.image.config.v1+json", CONFIG),
        "layers": [_descriptor("application/vnd.oci.image.layer.v1.tar", layer)],
        "annotations": {"org.opencontainers.image.ref.name": name},
    }
    return json.dumps(content).encode()


def _descriptor(media_type: str, content: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"

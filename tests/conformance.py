"""A client as strict as the official conformance suite of the distribution-spec, and manifests to push with it."""

import http.client
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from app.domain.digests import Digest
from app.registry.validation import OCI_INDEX, OCI_MANIFEST

HERE, THERE = "conformance/repo1", "conformance/repo2"
CONFIG, EMPTY = "application/vnd.oci.image.config.v1+json", "application/vnd.oci.empty.v1+json"
LAYER, ELSEWHERE = "application/vnd.oci.image.layer.v1.tar", "application/vnd.oci.image.layer.nondistributable.v1.tar"
ACCEPT = [OCI_INDEX, OCI_MANIFEST]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def __getitem__(self, name: str) -> str:
        found = self.headers[name]
        assert found is not None, f"no {name}"
        return found


@dataclass(frozen=True, slots=True)
class Client:
    host: str

    def ask(
        self, method: str, url: str, body: "bytes | Iterator[bytes] | None" = None, *, status: int, **headers: Any
    ) -> Answer:
        """One request, an iterator is sent in chunks; of a header that is a list a line for each."""
        split = urlsplit(url)
        connection = http.client.HTTPConnection(self.host, timeout=20)
        connection.putrequest(method, split.path + (f"?{split.query}" if split.query else ""))
        for name, given in headers.items():
            for value in given if isinstance(given, list) else [given]:
                connection.putheader(name.replace("_", "-"), value)
        if isinstance(body, bytes | None):
            connection.putheader("Content-Length", str(len(body or b"")))
        else:
            connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders(body, encode_chunked=not isinstance(body, bytes | None))
        with connection.getresponse() as answer:
            found = Answer(answer.status, answer.headers, answer.read())
        connection.close()
        assert found.status == status, (method, url, found.status, found.body[:500])
        return found

    def start(self, **query: str) -> Answer:
        return self.ask("POST", f"/v2/{HERE}/blobs/uploads/{_query(query)}", status=202)

    def holds(self, repository: str, content: bytes, digest: Digest) -> None:
        """A blob, under its address and with its headers; then it is deleted, and gone at once."""
        place = f"/v2/{repository}/blobs/{digest}"
        for method, body in (("HEAD", b""), ("GET", content)):
            answer = self.ask(method, place, status=200)
            assert (answer["Docker-Content-Digest"], answer["Content-Length"]) == (str(digest), str(len(content)))
            assert answer.body == body
        self.ask("DELETE", place, status=202)
        self.ask("HEAD", place, status=404)

    def push(self, repository: str, content: bytes) -> None:
        self.ask("POST", f"/v2/{repository}/blobs/uploads/?digest={Digest.of(content)}", content, status=201)


def _query(given: Mapping[str, str]) -> str:
    return "?" + "&".join(f"{name.replace('_', '-')}={quote(value)}" for name, value in given.items()) if given else ""


def finished(location: str, digest: Digest) -> str:
    """Where an upload is closed."""
    return f"{location}{'&' if '?' in location else '?'}digest={digest}"


@dataclass(frozen=True, slots=True)
class Pushed:
    """A manifest, and what it needs before it."""

    body: bytes
    algorithm: str = "sha256"
    blobs: Sequence[bytes] = ()
    children: Sequence["Pushed"] = ()

    @property
    def fields(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def digest(self) -> Digest:
        return Digest.of(self.body, self.algorithm)

    @property
    def whole(self) -> Sequence["Pushed"]:
        """All manifests, each behind what it needs."""
        return [*(one for child in self.children for one in child.whole), self]

    def descriptor(self, **more: Any) -> dict[str, Any]:
        return described(self.fields["mediaType"], self.body, self.algorithm) | more


def described(media_type: str, content: bytes, algorithm: str = "sha256") -> dict[str, Any]:
    return {"mediaType": media_type, "digest": str(Digest.of(content, algorithm)), "size": len(content)}


def image(algorithm: str = "sha256", /, *, layers: int = 2, config: str = CONFIG, **more: Any) -> Pushed:
    """Of random layers; `more` adds or replaces fields."""
    blobs = [secrets.token_bytes(200) for _ in range(layers)]
    about = b"{}" if config == EMPTY else json.dumps({"os": "linux", "author": secrets.token_hex(4)}).encode()
    fields = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": described(config, about, algorithm),
        "layers": [described(LAYER, blob, algorithm) for blob in blobs],
    }
    return Pushed(json.dumps(fields | more).encode(), algorithm, [about, *blobs])


def index(algorithm: str = "sha256", /, *, children: Sequence[Pushed] | None = None, **more: Any) -> Pushed:
    """Of two random images unless `children` are given."""
    held = [image(algorithm), image(algorithm)] if children is None else children
    listed = [child.descriptor(platform={"os": "linux", "architecture": "arm64"}) for child in held]
    fields = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": listed}
    return Pushed(json.dumps(fields | more).encode(), algorithm, (), held)


def with_layers(made: Pushed, *layers: dict[str, Any]) -> Pushed:
    """The same with more layers before its own."""
    fields = made.fields | {"layers": [*layers, *made.fields["layers"]]}
    return Pushed(json.dumps(fields).encode(), made.algorithm, made.blobs)

"""Ten thousand requests that nobody sane would make: none makes `/v2/` fail, and none tells of what did not happen.

Another seed or count: TAGTRAIL_FUZZ=COUNT:SEED.
"""

import json
import os
import random
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

from images import descriptor, image_manifest, index_manifest
from shop import Shop

from app.domain.digests import Digest
from app.registry.locks import ThreadLocks
from app.registry.policy import Policy
from app.registry.registry import Registry
from app.registry.schema1 import SIGNED
from app.registry.storage.factory import make_driver
from app.registry.validation import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST

COUNT, SEED = map(int, os.environ.get("TAGTRAIL_FUZZ", "10000:20261128").split(":"))
BLOBS = (b"{}", b"layer", b"")
GOOD = image_manifest(b"{}", [b"layer"])
BODIES = (
    GOOD, image_manifest(b"{}", [], subject=descriptor(OCI_MANIFEST, GOOD), artifactType="a/b"), index_manifest([GOOD]),
    b"", b"{}", b"null", b"[]", b'"x"', b"\xff\xfe", b"[" * 10_000, b'{"a":' * 10_000, b'{"schemaVersion":2}',
    b"0" * 5000,
    b'{"schemaVersion":1,"name":"a","fsLayers":[],"history":[],"signatures":[{}]}', b'{"schemaVersion":NaN}',
)  # fmt: skip
TYPES = (OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST, SIGNED, "application/json", "", "text/plain", "x" * 300)
NAMES = (
    "shop/web", "shop/api", "a", "A", "a//b", "../a", "a/..", "a_b/c--d", "é", "a" * 256, "_layers", "a/_uploads",
    "%00",
)  # fmt: skip
TAGS = ("v1", "latest", "", ".x", "-", "x" * 128, "x" * 129, "é", "sha256-" + "a" * 64, "a b", "\0", "%2e%2e")
DIGESTS = (
    *(str(Digest.of(blob)) for blob in (*BLOBS, GOOD)), str(Digest.of(GOOD, "sha512")), "sha256:", "sha256:ab", "x:y",
    "sha256:" + "A" * 64, "sha256:" + "0" * 64, "sha999:" + "a" * 64, "sha512:" + "a" * 128, ":", "sha256:../../x",
)  # fmt: skip
QUERIES = ("digest", "mount", "from", "n", "last", "artifactType", "tag", "digest-algorithm", "_state", "x")
VALUES = (*DIGESTS, *TAGS, *NAMES, "0", "-1", "1", "99999999999999999999", "sha512", "1e3", "'; DROP TABLE tags; --")
HEADERS = {
    "Range": ("bytes=0-1", "bytes=-1", "bytes=9-", "bytes=5-1", "bytes=", "lines=1-2", "bytes=0-1,3-4", "bytes=99-"),
    "Content-Range": ("0-1", "0-4", "1-0", "bytes 0-1/2", "x", "9" * 30 + "-" + "9" * 31, "-1-2"),
    "Accept": (OCI_MANIFEST, DOCKER_LIST, "*/*", "", "text/html;q=0", "x" * 5000, ";;,,"),
    "If-None-Match": (f'"{Digest.of(GOOD)}"', "*", "W/x", '"'),
    "Authorization": ("Basic", "Basic !!", "Bearer x", "Basic " + "QQ" * 4000, "é".encode("latin-1").decode("latin-1")),
    "Content-Length": ("0", "5", "-1", "x", "99999999999"),
    "X-Forwarded-For": ("1.2.3.4", "x", "," * 100),
}


class Fuzzer:
    """Requests, most of them almost right, from one seed."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.random = shop, random.Random(SEED)
        self.uploads: list[str] = []
        self.made: tuple[Callable[[], str], ...] = (
            self._manifest, self._manifest, self._blob, self._uploads, self._upload, self._upload,
            lambda: f"{self._name()}/tags/list", lambda: f"{self._name()}/referrers/{self._digest()}",
            lambda: "_catalog", lambda: f"{self._name()}/_tagtrail/repository", self._anything,
        )  # fmt: skip

    def one_of(self, found: Any) -> Any:
        return self.random.choice(found)

    def _name(self) -> str:
        return "shop/web" if self.random.random() < 0.7 else quote(self.one_of(NAMES))

    def _digest(self) -> str:
        return str(self.one_of(DIGESTS))

    def _manifest(self) -> str:
        return f"{self._name()}/manifests/{quote(self.one_of(TAGS)) if self.random.random() < 0.6 else self._digest()}"

    def _blob(self) -> str:
        return f"{self._name()}/blobs/{self._digest()}"

    def _uploads(self) -> str:
        return f"{self._name()}/blobs/uploads/"

    def _upload(self) -> str:
        known = self.one_of(self.uploads).removeprefix("/v2/") if self.uploads and self.random.random() < 0.8 else None
        return known or f"{self._name()}/blobs/uploads/{quote(self.one_of(VALUES))}"

    def _anything(self) -> str:
        parts = ("manifests", "blobs", "uploads", "tags", "list", "referrers", "..", "", *NAMES)
        return "/".join(quote(self.one_of(parts)) for _ in range(self.random.randrange(6)))

    def _headers(self) -> dict[str, str]:
        names = self.random.sample(list(HEADERS), self.random.choice((0, 0, 0, 1, 2)))
        return {name: self.one_of(HEADERS[name]) for name in names} | {"Content-Type": self.one_of(TYPES)}

    def _query(self) -> str:
        count = self.random.choice((0, 0, 1, 1, 2))
        return urlencode([(self.one_of(QUERIES), self.one_of(VALUES)) for _ in range(count)])

    def _body(self) -> bytes:
        body = bytearray(self.one_of((*BODIES, *BLOBS)))
        if body and self.random.random() < 0.2:
            body[self.random.randrange(len(body))] = self.random.randrange(256)
        return bytes(body)

    def _right(self) -> tuple[str, str, str, dict[str, str], bytes]:
        """A push that may well succeed: of a manifest, or of a blob."""
        if self.random.random() < 0.5:
            return "PUT", f"shop/web/manifests/{self.one_of(TAGS[:2])}", "", {"Content-Type": OCI_MANIFEST}, GOOD
        blob = self.one_of(BLOBS)
        return "POST", "shop/web/blobs/uploads/", f"digest={Digest.of(blob)}", {"Content-Type": "x/y"}, blob

    def ask(self) -> int:
        """One request; its status."""
        method = self.one_of(("GET", "GET", "HEAD", "POST", "PUT", "PUT", "PATCH", "DELETE"))
        if method == "DELETE" and self.random.random() < 0.7:
            method = "PUT"  # or there would be nothing left to ask of
        path, query, headers, body = self.one_of(self.made)(), self._query(), self._headers(), self._body()
        if self.random.random() < 0.2:
            method, path, query, headers, body = self._right()
        said = f"{method} /v2/{path}?{query} {headers} {body[:60]!r}"
        answer = self.shop.client.open(
            f"/v2/{path}?{query}", method=method, headers=headers, data=body, buffered=True,
            environ_overrides={"CONTENT_LENGTH": headers["Content-Length"]} if "Content-Length" in headers else {},
        )  # fmt: skip
        self._check(method, answer, said)
        if answer.status_code == 202 and "/blobs/uploads/" in answer.headers.get("Location", ""):
            self.uploads = [*self.uploads[-20:], answer.headers["Location"]]
        return int(answer.status_code)

    def _check(self, method: str, answer: Any, said: str) -> None:
        assert answer.status_code < 500, said
        if answer.status_code >= 400:
            assert self.shop.recorder.take() == [], said
            if method != "HEAD":
                assert all(error["code"] for error in json.loads(answer.data)["errors"]), said
        assert not self.shop.recorder.failures, said
        assert all(self.shop.recorder.after), said
        self.shop.recorder.take()
        self.shop.recorder.after.clear()


def test_nothing_that_is_asked_makes_it_fail() -> None:
    driver, locks = make_driver("inmemory", {}), ThreadLocks()
    shop = Shop(driver, locks)
    shop.registry = Registry(driver, locks, Policy())
    fuzzer = Fuzzer(shop)
    statuses: Counter[int] = Counter()
    for _ in range(COUNT):
        if not any(True for _ in driver.list("/")) or fuzzer.random.random() < 0.01:
            for blob in BLOBS:
                shop.push_blob(blob)
            shop.put("v1", GOOD)
            shop.recorder.take()
        statuses[fuzzer.ask()] += 1
    print(f"{COUNT} requests, seed {SEED}: {dict(sorted(statuses.items()))}")
    assert {200, 201, 202, 204, 400, 404, 405, 416} <= statuses.keys()

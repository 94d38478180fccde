"""With `tagtrail: false` an endpoint is sent what distribution 3 sends for the same requests (issue 6, item 4).

Held against `tests/data/envelopes/v2`, field by field: names, their order, values; but for those that are another
registry's, of which the form is compared.
"""

import json
import re
from dataclasses import dataclass, replace
from typing import Any

import pytest
from envelopes_on_disk import body
from flask.testing import FlaskClient
from images import image_manifest
from journalling import Place, place
from listener import Heard
from notifying import Wire, wire
from registry_server import an_app
from sqlalchemy import Engine

from app.bootstrap.access import Access
from app.bootstrap.registry import Served
from app.domain.digests import Digest
from app.envelopes.distribution import dump
from app.registry.access.gates import Open
from app.registry.validation import OCI_INDEX, OCI_MANIFEST
from app.settings.registry import RegistrySection
from app.web.registry.causes import listener_for

__all__ = ["place", "wire"]

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
FORMS = {
    "id": UUID,
    "instanceID": UUID,
    "timestamp": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)",
    "digest": r"(sha256:[0-9a-f]{64})?",
    "size": r"\d+",
    "length": r"\d+",
    "repository": r"[a-z/-]+",
    "fromRepository": r"[a-z/-]+",
    "tag": r"[\w.-]+",
    "url": r"https?://[\w.:-]+/v2/[a-z/-]+/(?P<room>manifests|blobs)/sha256:[0-9a-f]{64}",
    "addr": r"[\w.-]+(:\d+)?",
    "host": r"[\w.-]+(:\d+)?",
    "useragent": r".*",
}
"""Values that differ between any two registries."""


def form(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: form(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [form(one) for one in value]
    if name not in FORMS or value in ("", 0):
        return value
    found = re.fullmatch(FORMS[name], str(value))
    assert found, f"{name}: {value!r}"
    return (type(value).__name__, name, *found.groupdict().values())


@dataclass(frozen=True)
class Stage:
    """A registry with its client, and who listens to its plain stream."""

    wire: Wire
    client: FlaskClient

    def told(self, method: str, path: str, **more: Any) -> list[Heard]:
        """What is told of a request, a request each."""
        before = len(self.wire.listener.heard)
        answer = self.client.open(f"/v2/{path}", method=method, buffered=True, **more)
        assert answer.status_code < 300, answer.get_data(as_text=True)
        self.wire.place.recorder.flush()
        self.wire.send(replace(self.wire.receiver, plain=True))
        return self.wire.listener.heard[before:]

    def push_blob(self, content: bytes) -> list[Heard]:
        """As clients do, in two requests."""
        location = self.client.post("/v2/shop/web/blobs/uploads/").headers["Location"]
        path, _, query = location.partition("/v2/")[2].partition("?")
        asked = f"{path}?{query}&digest=" if query else f"{path}?digest="
        return self.told("PUT", f"{asked}{Digest.of(content)}", data=content)

    def push_image(self, reference: str, content: bytes = b"layer") -> list[Heard]:
        self.push_blob(b"{}")
        self.push_blob(content)
        return self.put(reference, image_manifest(b"{}", [content]), OCI_MANIFEST)

    def put(self, reference: str, manifest: bytes, media_type: str) -> list[Heard]:
        return self.told("PUT", f"shop/web/manifests/{reference}", data=manifest, content_type=media_type)


def staged(wire: Wire, place: Place) -> Stage:
    served = Served(
        section=RegistrySection(),
        access=Access(Open()),
        registry=place.registry,
        recorder=place.recorder,
        node="node-1:5000",
        instance="0f3d9c52-7a41-4be8-8f0e-2f6f6f1f9d33",
    )
    return Stage(replace(wire, place=place), an_app(place.registry, listener_for(served)).test_client())


@pytest.fixture
def stage(wire: Wire) -> Stage:
    return staged(wire, wire.place)


def assert_alike(heard: list[Heard], *names: str) -> None:
    assert len(heard) == len(names)
    for one, name in zip(heard, names, strict=True):
        events, theirs = json.loads(one.body)["events"], json.loads(body("v2", name))["events"]
        assert one.body == dump(events)
        assert json.dumps(form(events), indent=1) == json.dumps(form(theirs), indent=1)
        assert one.headers["content-type"] == "application/vnd.docker.distribution.events.v2+json"


MANIFEST = image_manifest(b"{}", [b"layer"])
DIGEST = Digest.of(MANIFEST)
INDEX = json.dumps({
    "schemaVersion": 2, "mediaType": OCI_INDEX,
    "manifests": [{"mediaType": OCI_MANIFEST, "digest": str(DIGEST), "size": len(MANIFEST)}],
}).encode()  # fmt: skip
LAYER = Digest.of(b"layer")


def test_pushes(stage: Stage) -> None:
    assert_alike(stage.push_blob(b"layer"), "blob-push")
    assert_alike(stage.push_image("1.0"), "manifest-push")
    assert_alike(stage.push_image(str(DIGEST)), "manifest-push-by-digest")
    assert_alike(stage.put("all", INDEX, OCI_INDEX), "index-push")
    assert_alike(stage.told("POST", f"shop/api/blobs/uploads/?mount={LAYER}&from=shop/web"), "blob-mount")


def test_pushes_with_references(engine: Engine, wire: Wire) -> None:
    stage = staged(wire, Place(engine, references=True))
    assert_alike(stage.push_image("1.0"), "manifest-push-references")
    assert_alike(stage.told("GET", "shop/web/manifests/1.0"), "manifest-pull-references")


def test_pulls(stage: Stage) -> None:
    stage.push_image("1.0")
    assert_alike(stage.told("HEAD", "shop/web/manifests/1.0"), "manifest-head")
    assert_alike(stage.told("GET", "shop/web/manifests/1.0"), "manifest-pull")
    assert_alike(stage.told("GET", f"shop/web/manifests/{DIGEST}"), "manifest-pull-by-digest")
    assert_alike(stage.told("HEAD", f"shop/web/blobs/{LAYER}"), "blob-head")
    assert_alike(stage.told("GET", f"shop/web/blobs/{LAYER}"), "blob-pull")


def test_deletes(stage: Stage) -> None:
    stage.push_image("1.0")
    assert_alike(stage.told("DELETE", "shop/web/manifests/1.0"), "tag-delete")
    stage.push_image("1.0")
    stage.push_image("1.1")
    assert_alike(stage.told("DELETE", f"shop/web/manifests/{DIGEST}"), "manifest-delete", "tag-delete", "tag-delete")
    assert_alike(stage.told("DELETE", f"shop/web/blobs/{LAYER}"), "blob-delete")

"""Every shape of envelope that distribution sends, read to its fields."""

import json
from datetime import datetime
from typing import Any

import pytest
from envelopes_on_disk import GENERATIONS, body, names

from app.domain.events import Report, Scope
from app.envelopes import Received, parse

BLOB = "application/octet-stream"
OCI = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
LIST = "application/vnd.docker.distribution.manifest.list.v2+json"

LAYER = "sha256:e1e2c3b630ee8e66e04e5222d84f0258817b1efb44b987090504fe68b8c890cb"
WEB = "sha256:17242a4815ff856276f9a624b90afc9cb3864b8da2cf429203e74b3abd37b1c5"
DOCKER_WEB = "sha256:9d6c2615b792f599fd4979714cf542083f9f5082134c527f442c2fdbc45ba40e"
WEB_INDEX = "sha256:dbb6632fb7255466c109bd6b3c18579e718741fc96e0f2b1e746f6f32d718030"
DOCKER_LIST = "sha256:cd2ee732f35728afcda3db9bd739ffa41a78f6a255fd0581ba53e05d502ae480"
SBOM = "sha256:839977fef48003dcc90a92825365c16310491910321ed29c79663ed9e9ce872b"

NODE = "registry-7d9f4c:5000"
INSTANCE = {"v1": "5f0a7f6e-3c0b-4d8e-9a55-0d6a1c2b7e10", "v2": "0f3d9c52-7a41-4be8-8f0e-2f6f6f1f9d33"}

Fields = dict[str, Any]


def fields(action: str, method: str, scope: Scope | None, **other: Any) -> Fields:
    return {
        "action": action,
        "request_method": method,
        "scope": scope,
        "repository": "shop/web",
        "host": "registry.shop.example:5000",
        "request_addr": "10.20.0.7:51734",
        "source_addr": NODE,
    } | other


def blob(action: str, method: str, **other: Any) -> Fields:
    return fields(action, method, None, **{"media_type": BLOB, "digest": LAYER, "size": 70412} | other)


def manifest(action: str, method: str, media_type: str = OCI, **other: Any) -> Fields:
    scope = Scope.TAG if action == "push" and other.get("tag", "2.4.1") else None
    known = {"media_type": media_type, "digest": WEB, "size": 1157, "tag": "2.4.1", "scope": scope}
    return fields(action, method, **known | other)


def delete(scope: Scope, **other: Any) -> Fields:
    return fields("delete", "DELETE", scope, **other)


SHAPES: dict[str, list[Fields]] = {
    "blob-push": [blob("push", "PUT")],
    "blob-push-by-actor": [blob("push", "PUT", actor="deploy-bot")],
    "blob-pull": [blob("pull", "GET")],
    "blob-pull-by-actor": [blob("pull", "GET", actor="node-12")],
    "blob-head": [blob("pull", "HEAD")],
    "blob-mount": [blob("mount", "POST", repository="shop/worker", from_repository="shop/web")],
    "blob-delete": [delete(Scope.MANIFEST, digest=LAYER)],
    "manifest-push": [manifest("push", "PUT")],
    "manifest-push-docker": [manifest("push", "PUT", DOCKER, digest=DOCKER_WEB, size=1361, tag="2.3")],
    "manifest-push-by-digest": [manifest("push", "PUT", tag=None)],
    "manifest-push-by-actor": [manifest("push", "PUT", actor="deploy-bot")],
    "manifest-push-references": [manifest("push", "PUT")],
    "manifest-push-local-offset": [manifest("push", "PUT")],
    "manifest-push-no-addresses": [
        manifest("push", "PUT", request_addr=None, source_addr=None,
                 source_instance="9b2f7c1e-64b7-4c58-b5c1-3f1c2a9d8e77")
    ],
    "manifest-push-tag-is-digest": [manifest("push", "PUT", tag=None, flags=("tag-is-digest",))],
    "index-push": [manifest("push", "PUT", INDEX, digest=WEB_INDEX, size=743, tag="stable")],
    "index-push-references": [manifest("push", "PUT", INDEX, digest=WEB_INDEX, size=743, tag="stable")],
    "list-push-docker": [manifest("push", "PUT", LIST, digest=DOCKER_LIST, size=693, tag="2.3")],
    "artifact-push-references": [manifest("push", "PUT", digest=SBOM, size=862, tag=None)],
    "manifest-head": [manifest("pull", "HEAD")],
    "manifest-pull": [manifest("pull", "GET")],
    "manifest-pull-docker": [manifest("pull", "GET", DOCKER, digest=DOCKER_WEB, size=1361, tag="2.3")],
    "manifest-pull-by-digest": [manifest("pull", "GET", tag=None)],
    "manifest-pull-by-digest-docker": [manifest("pull", "GET", DOCKER, digest=DOCKER_WEB, size=1361, tag=None)],
    "manifest-pull-by-actor": [manifest("pull", "GET", actor="node-12")],
    "manifest-pull-references": [manifest("pull", "GET")],
    "index-pull": [manifest("pull", "GET", INDEX, digest=WEB_INDEX, size=743, tag="stable")],
    "list-pull-docker": [manifest("pull", "GET", LIST, digest=DOCKER_LIST, size=693, tag="2.3")],
    "manifest-delete": [delete(Scope.MANIFEST, digest=WEB)],
    "manifest-delete-by-actor": [delete(Scope.MANIFEST, digest=WEB, actor="janitor")],
    "tag-delete": [delete(Scope.TAG, tag="2.4.1")],
    "tag-delete-by-actor": [delete(Scope.TAG, tag="2.4.1", actor="janitor")],
    "repository-delete": [delete(Scope.REPOSITORY, repository="shop/old")],
    "many-events": [blob("push", "PUT"), manifest("push", "PUT"), delete(Scope.TAG, tag="2.4.1")],
}
"""What each fixture says, whatever its generation; ids, times and user agents are compared with its JSON."""

FIXTURES = [(generation, name) for generation in GENERATIONS for name in SHAPES]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_shape_has_a_fixture_and_every_fixture_is_read(generation: str) -> None:
    assert names(generation) == set(SHAPES)


@pytest.mark.parametrize(("generation", "name"), FIXTURES)
def test_an_envelope_is_read_to_its_fields(generation: str, name: str) -> None:
    content = body(generation, name)
    found = parse("distribution", Received(content))
    told = json.loads(content)["events"]
    assert found.faults == ()
    assert len(found.reports) == len(told) == len(SHAPES[name])
    for report, event, expected in zip(found.reports, told, SHAPES[name], strict=True):
        wanted = {
            "id": event["id"],
            "time_ns": nanoseconds(event["timestamp"]),
            "request_id": event["request"]["id"],
            "user_agent": event["request"]["useragent"],
            "source_instance": INSTANCE[generation],
        } | expected
        blank = dict.fromkeys(Report.__dataclass_fields__) | {"flags": (), "parked": ()}
        shown = {name: getattr(report, name) for name in Report.__dataclass_fields__}
        assert shown == blank | wanted | {"raw": report.raw}


def nanoseconds(text: str) -> int:
    """Read with nothing of ours."""
    zone_at = max(text.rfind("Z"), text.rfind("+"))
    moment, _, fraction = text[:zone_at].partition(".")
    seconds = datetime.fromisoformat(moment + text[zone_at:].replace("Z", "+00:00")).timestamp()
    return int(seconds) * 10**9 + int(fraction.ljust(9, "0") or 0)


@pytest.mark.parametrize(("generation", "name"), FIXTURES)
def test_each_event_keeps_its_exact_bytes(generation: str, name: str) -> None:
    content = body(generation, name)
    rest = content
    for report in parse("distribution", Received(content)).reports:
        before, raw, rest = rest.partition(report.raw)
        assert raw, "the events' bytes stand in the body, in order"
        assert before.strip() in (b",", b'{\n   "events": [')
    assert rest == b"\n   ]\n}"


TARGETS = {
    "v1": ("mediaType", "size", "digest", "length", "repository", "fromRepository", "url", "tag", "references"),
    "v2": ("mediaType", "digest", "size", "length", "repository", "fromRepository", "url", "tag", "references"),
}


@pytest.mark.parametrize(("generation", "name"), FIXTURES)
def test_a_fixture_is_written_as_go_writes_it(generation: str, name: str) -> None:
    content = body(generation, name)
    assert json.dumps(json.loads(content), indent=3).encode() == content, "three spaces, no final newline"
    for event in json.loads(content)["events"]:
        assert tuple(event) == ("id", "timestamp", "action", "target", "request", "actor", "source")
        assert tuple(key for key in TARGETS[generation] if key in event["target"]) == tuple(event["target"])
        always = {"mediaType", "digest", "size"} if generation == "v2" else set()
        assert always <= set(event["target"])
        assert generation == "v2" or all(event["target"].values()), "distribution 2 leaves out what is empty"

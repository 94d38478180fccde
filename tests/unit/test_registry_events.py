"""Our registry's own events, held against what distribution 3 sends."""

import json
import uuid
from typing import Any

import pytest
from envelopes_on_disk import body
from hypothesis import given
from hypothesis import strategies as st

from app.domain.digests import Descriptor, Digest
from app.domain.registry_events import Cause, Happening, event, uuid7
from app.domain.times import parse_rfc3339
from app.envelopes import Received, parse
from app.envelopes.distribution import dump

BLOB = "application/octet-stream"
OCI = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def described(wire: dict[str, Any]) -> Descriptor:
    extra = {key: value for key, value in wire.items() if key not in ("mediaType", "digest", "size")}
    return Descriptor(wire["mediaType"], Digest.parse(wire["digest"]), wire["size"], extra)


def kind(target: dict[str, Any]) -> str:
    if "/blobs/" in target.get("url", ""):
        return "blob"
    return "manifest" if target["digest"] else "tag"


def as_we_tell_it(told: dict[str, Any], actor: str | None = None) -> dict[str, Any]:
    """The same happening, told by us, where `actor` has shown who they are."""
    target, request = told["target"], told["request"]
    named = ("mediaType", "digest", "size")
    happening = Happening(
        action=told["action"],
        kind=kind(target),
        repository=target["repository"],
        descriptor=described({name: target[name] for name in named}) if target["digest"] else None,
        tag=target.get("tag"),
        from_repository=target.get("fromRepository"),
        references=tuple(described(one) for one in target.get("references", ())),
    )
    cause = Cause(
        request_id=request["id"],
        addr=request.get("addr", ""),
        host=request["host"],
        method=request["method"],
        user_agent=request["useragent"],
        base_url="https://registry.shop.example:5000",
        node=told["source"].get("addr", ""),
        instance=told["source"]["instanceID"],
        actor=actor,
    )
    time_ns = parse_rfc3339(told["timestamp"])
    assert time_ns is not None
    return event(happening, cause, time_ns)


ALIKE = (
    "blob-push", "blob-pull", "blob-head", "blob-mount", "blob-delete", "manifest-push", "manifest-push-docker",
    "manifest-push-by-digest", "manifest-push-references", "index-push", "index-push-references", "list-push-docker",
    "artifact-push-references", "manifest-head", "manifest-pull", "manifest-pull-by-digest", "manifest-pull-references",
    "manifest-delete", "tag-delete",
)
"""What our registry does too. The others are an actor, a repository delete, or what is told to be untrue."""


@pytest.mark.parametrize("name", ALIKE)
def test_we_tell_it_as_distribution_does(name: str) -> None:
    content = body("v2", name)
    (told,) = json.loads(content)["events"]
    ours = as_we_tell_it(told)
    assert dump([ours | {"id": told["id"]}]) == content, "byte for byte, but for the id"


def test_no_actor_is_told_without_authentication() -> None:
    (told,) = json.loads(body("v2", "manifest-push-by-actor"))["events"]
    assert as_we_tell_it(told)["actor"] == {}


def test_an_actor_is_told_as_distribution_does() -> None:
    content = body("v2", "manifest-push-by-actor")
    (told,) = json.loads(content)["events"]
    assert dump([as_we_tell_it(told, told["actor"]["name"]) | {"id": told["id"]}]) == content


def test_an_unknown_address_is_left_out() -> None:
    (told,) = json.loads(body("v2", "manifest-push-no-addresses"))["events"]
    assert list(as_we_tell_it(told)["request"]) == ["id", "host", "method", "useragent"]


def test_our_own_receiver_reads_what_we_tell() -> None:
    (told,) = json.loads(body("v2", "index-push-references"))["events"]
    ours = as_we_tell_it(told)
    (mine,) = parse("distribution", Received(dump([ours]))).reports
    (theirs,) = parse("distribution", Received(body("v2", "index-push-references"))).reports
    assert mine.id == ours["id"]
    assert (mine.tag, mine.digest, mine.time_ns, mine.scope) == (
        theirs.tag, theirs.digest, theirs.time_ns, theirs.scope
    )


TIMES = st.integers(0, (1 << 48) * 10**6 - 1)


@given(TIMES)
def test_an_id_is_a_uuid_of_version_7(time_ns: int) -> None:
    made = uuid7(time_ns)
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == time_ns // 10**6
    assert uuid7(time_ns) != made


@given(TIMES, TIMES)
def test_ids_sort_by_the_millisecond(one_ns: int, other_ns: int) -> None:
    if one_ns // 10**6 < other_ns // 10**6:
        assert str(uuid7(one_ns)) < str(uuid7(other_ns))


PLAIN = st.none() | st.booleans() | st.integers() | st.text()
JSON = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@given(st.dictionaries(st.text(), JSON))
def test_an_event_is_dumped_as_json_would(made: dict[str, Any]) -> None:
    whole = json.dumps({"events": [made]}, indent=3, ensure_ascii=False)
    assert dump([made]) == whole.encode("utf-8", "backslashreplace")

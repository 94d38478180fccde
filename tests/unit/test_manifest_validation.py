"""Which manifests are taken."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from images import CONFIG, LAYER, descriptor, image_manifest, index_manifest

from app.domain.digests import Digest
from app.registry.errors import MANIFEST_INVALID, RegistryError
from app.registry.validation import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    MEDIA_TYPES,
    OCI_INDEX,
    OCI_MANIFEST,
    parse,
    stored,
)

IMAGE = image_manifest(b"{}", [b"one", b"two"])
INDEX = index_manifest([IMAGE])
DIGEST = Digest.of(b"unused")


def changed(body: bytes, **fields: Any) -> bytes:
    """`body` with other fields; None takes one out."""
    document = json.loads(body) | fields
    return json.dumps({name: value for name, value in document.items() if value is not None}).encode()


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        (OCI_MANIFEST, IMAGE),
        (OCI_MANIFEST, changed(IMAGE, mediaType=None)),
        (OCI_MANIFEST, changed(IMAGE, layers=[])),
        (OCI_MANIFEST, changed(IMAGE, subject=descriptor(OCI_MANIFEST, b"not here"), annotations={"a": "b"})),
        (DOCKER_MANIFEST, changed(IMAGE, mediaType=DOCKER_MANIFEST)),
        (OCI_INDEX, INDEX),
        (OCI_INDEX, changed(INDEX, mediaType=None, manifests=[])),
        (DOCKER_LIST, changed(INDEX, mediaType=DOCKER_LIST)),
    ],
)
def test_good_manifests(media_type: str, body: bytes) -> None:
    manifest = parse(media_type, body, DIGEST)
    assert (manifest.media_type, manifest.body) == (media_type, body)
    assert stored(body, DIGEST) == manifest


def test_references_come_in_order_with_what_they_carry() -> None:
    extra = {"urls": ["https://layers.example/1"], "annotations": {"a": "b"}, "artifactType": "x/y"}
    layer = descriptor(LAYER, b"layer") | extra
    config, first = parse(OCI_MANIFEST, changed(IMAGE, layers=[layer | {"data": "eA=="}]), DIGEST).references
    assert (config.media_type, config.digest, config.size) == (CONFIG, Digest.of(b"{}"), 2)
    assert (first.media_type, first.digest, first.size, first.extra) == (LAYER, Digest.of(b"layer"), 5, extra)


def test_layers_that_may_lie_elsewhere_are_not_required() -> None:
    foreign = [
        descriptor(LAYER, b"1") | {"urls": ["https://layers.example/1"]},
        descriptor("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", b"2"),
        descriptor("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", b"3"),
        descriptor(LAYER, b"4"),
        descriptor(LAYER, b"5") | {"urls": []},
    ]
    required = parse(OCI_MANIFEST, changed(IMAGE, layers=foreign), DIGEST).required
    assert [part.digest for part in required] == [Digest.of(b"{}"), Digest.of(b"4"), Digest.of(b"5")]


def test_children_are_required_wherever_they_say_they_are() -> None:
    child = descriptor(OCI_MANIFEST, IMAGE) | {"urls": ["https://manifests.example/1"]}
    assert len(parse(OCI_INDEX, changed(INDEX, manifests=[child]), DIGEST).required) == 1


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        (OCI_MANIFEST, b""),
        (OCI_MANIFEST, b"[]"),
        (OCI_MANIFEST, b"{"),
        (OCI_MANIFEST, b"\xff\xfe"),
        (OCI_MANIFEST, IMAGE.decode().encode("utf-16")),
        (OCI_MANIFEST, b"[" * 1_000_000),
        (OCI_MANIFEST, IMAGE.replace(b'"size": 2', b'"size": NaN')),
        ("application/json", IMAGE),
        ("", IMAGE),
        ("application/vnd.docker.distribution.manifest.v1+prettyjws", IMAGE),
        (OCI_MANIFEST, changed(IMAGE, schemaVersion=None)),
        (OCI_MANIFEST, changed(IMAGE, schemaVersion=1)),
        (OCI_MANIFEST, changed(IMAGE, schemaVersion="2")),
        (OCI_MANIFEST, changed(IMAGE, schemaVersion=2.0)),
        (OCI_MANIFEST, changed(IMAGE, mediaType=OCI_INDEX)),
        (OCI_MANIFEST, changed(IMAGE, mediaType=DOCKER_MANIFEST)),
        (OCI_MANIFEST, changed(IMAGE, mediaType=[])),
        (DOCKER_MANIFEST, changed(IMAGE, mediaType=None)),
        (DOCKER_LIST, changed(INDEX, mediaType=None)),
        (OCI_MANIFEST, changed(IMAGE, manifests=[])),
        (OCI_INDEX, changed(INDEX, layers=[])),
        (OCI_INDEX, changed(INDEX, config={})),
        (OCI_INDEX, changed(INDEX, manifests=None)),
        (OCI_INDEX, changed(INDEX, manifests={})),
        (OCI_MANIFEST, changed(IMAGE, config=None)),
        (OCI_MANIFEST, changed(IMAGE, config=[])),
        (OCI_MANIFEST, changed(IMAGE, layers=None)),
        (OCI_MANIFEST, changed(IMAGE, layers="layers")),
        (OCI_MANIFEST, changed(IMAGE, layers=["layer"])),
    ],
)
def test_bad_manifests(media_type: str, body: bytes) -> None:
    with pytest.raises(RegistryError) as caught:
        parse(media_type, body, DIGEST)
    assert caught.value.code == MANIFEST_INVALID


@pytest.mark.parametrize(
    "fields",
    [
        *({"digest": "sha256:short"}, {"digest": None}, {"digest": 7}, {"digest": "sha256:" + "g" * 64}),
        *({"size": -1}, {"size": "5"}, {"size": True}, {"size": 5.0}, {"size": None}, {"size": 2**63}),
        *(
            {"mediaType": None},
            {"mediaType": ""},
            {"mediaType": "x"},
            {"mediaType": "a/b\0"},
            {"mediaType": "a/\ud800"},
        ),
        {"mediaType": "a/" + "b" * 255},
    ],
)
def test_bad_descriptors(fields: dict[str, Any]) -> None:
    with pytest.raises(RegistryError) as caught:
        parse(OCI_MANIFEST, changed(IMAGE, config=descriptor(CONFIG, b"{}") | fields), DIGEST)
    assert caught.value.code == MANIFEST_INVALID


@given(
    st.sampled_from(sorted(MEDIA_TYPES)),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["schemaVersion", "mediaType", "config", "layers", "manifests", "digest", "size"]),
                inner,
            )
        ),
    ),
)
def test_any_json_is_taken_or_refused(media_type: str, document: Any) -> None:
    try:
        parse(media_type, json.dumps(document).encode(), DIGEST)
    except RegistryError as error:
        assert error.code == MANIFEST_INVALID


def test_what_another_registry_stored_is_served_with_fewer_checks() -> None:
    odd = changed(IMAGE, layers=[{"digest": "odd"}])
    assert (stored(odd, DIGEST).media_type, stored(odd, DIGEST).references) == (OCI_MANIFEST, ())


@pytest.mark.parametrize("body", [b"", b"null", b'{"schemaVersion": 1}', b'{"schemaVersion": 2, "mediaType": "x/y"}'])
def test_what_has_no_known_type_is_not_served(body: bytes) -> None:
    with pytest.raises(RegistryError) as caught:
        stored(body, DIGEST)
    assert caught.value.code.status == 404

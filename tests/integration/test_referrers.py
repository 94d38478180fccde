"""What refers to a manifest (distribution-spec "Listing Referrers"), and tags beside a digest."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from images import descriptor, image_manifest, index_manifest
from shop import HERE, Shop
from werkzeug.test import TestResponse

from app.domain.digests import Digest
from app.registry import paths, validation
from app.registry.errors import RegistryError
from app.registry.validation import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST

SIGNATURE, SBOM = "application/vnd.example.signature", "application/spdx+json"
EMPTY = b"{}"
SUBJECT = image_manifest(EMPTY, [])
DIGEST = Digest.of(SUBJECT)


def an_artifact(**more: Any) -> bytes:
    """A manifest of one empty config that refers to SUBJECT."""
    return image_manifest(EMPTY, [], subject=descriptor(OCI_MANIFEST, SUBJECT), **more)


def push(shop: Shop, body: bytes, reference: str = "", media_type: str = OCI_MANIFEST) -> TestResponse:
    return shop.put(reference or str(Digest.of(body)), body, media_type)


def listed(shop: Shop, subject: Digest = DIGEST, query: str = "") -> list[dict[str, Any]]:
    answer = shop.call("GET", f"referrers/{subject}{query}", status=200)
    assert answer.content_type == OCI_INDEX
    assert (answer.json["schemaVersion"], answer.json["mediaType"]) == (2, OCI_INDEX)
    found: list[dict[str, Any]] = answer.json["manifests"]
    return found


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    shop.push_blob(EMPTY)
    return shop


def test_nothing_refers_to_what_nobody_knows(shop: Shop) -> None:
    assert listed(shop) == []
    assert listed(shop, Digest.of(b"x", "sha512")) == []
    assert listed(shop, Digest.parse("blake3:abcd")) == []
    shop.refused("GET", "referrers/sha256:ab", 400, "DIGEST_INVALID")
    assert shop.recorder.take() == []


def test_a_referrer_is_described(stocked: Shop) -> None:
    signature = an_artifact(artifactType=SIGNATURE, annotations={"who": "me"})
    assert push(stocked, signature).headers["OCI-Subject"] == str(DIGEST)  # the subject is not there yet
    sbom = an_artifact(config=descriptor(SBOM, EMPTY))
    push(stocked, sbom)
    push(stocked, SUBJECT)
    index = index_manifest([SUBJECT], subject=descriptor(OCI_MANIFEST, SUBJECT))
    push(stocked, index, media_type=OCI_INDEX)
    expected = [
        {"mediaType": OCI_MANIFEST, "digest": str(Digest.of(signature)), "size": len(signature),
         "artifactType": SIGNATURE, "annotations": {"who": "me"}},
        {"mediaType": OCI_MANIFEST, "digest": str(Digest.of(sbom)), "size": len(sbom), "artifactType": SBOM},
        {"mediaType": OCI_INDEX, "digest": str(Digest.of(index)), "size": len(index)},
    ]  # fmt: skip
    assert listed(stocked) == sorted(expected, key=lambda one: str(one["digest"]))


def test_by_type(stocked: Shop) -> None:
    signature, sbom = an_artifact(artifactType=SIGNATURE), an_artifact(artifactType=SBOM)
    push(stocked, signature)
    push(stocked, sbom)
    answer = stocked.call("GET", f"referrers/{DIGEST}?artifactType=application/spdx%2Bjson", status=200)
    assert answer.headers["OCI-Filters-Applied"] == "artifactType"
    assert [one["digest"] for one in answer.json["manifests"]] == [str(Digest.of(sbom))]
    assert listed(stocked, query="?artifactType=x/y") == []
    assert "OCI-Filters-Applied" not in stocked.call("GET", f"referrers/{DIGEST}", status=200).headers


def test_page_by_page(stocked: Shop) -> None:
    digests = []
    for number in range(5):
        body = an_artifact(artifactType=SIGNATURE, annotations={"number": str(number)})
        push(stocked, body)
        digests.append(str(Digest.of(body)))
    url: str | None = f"/v2/shop/web/referrers/{DIGEST}?artifactType={SIGNATURE}&n=2"
    pages = []
    while url:
        answer = stocked.call("GET", url, status=200)
        pages.append([one["digest"] for one in answer.json["manifests"]])
        link = answer.headers.get("Link")
        url = link and link.removeprefix("<").removesuffix('>; rel="next"')
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [digest for page in pages for digest in page] == sorted(digests)


def test_no_page_outgrows_a_manifest(stocked: Shop) -> None:
    for number in range(3):
        push(stocked, an_artifact(annotations={"large": str(number) * 2_000_000}))
    answer = stocked.call("GET", f"referrers/{DIGEST}", status=200)
    assert len(answer.json["manifests"]) == 1
    assert "Link" in answer.headers


def test_a_deleted_referrer_is_not_listed(stocked: Shop) -> None:
    signature = an_artifact(artifactType=SIGNATURE)
    push(stocked, signature)
    stocked.call("DELETE", f"manifests/{Digest.of(signature)}", status=202)
    assert listed(stocked) == []
    assert not stocked.exists(paths.referrer_link("shop/web", DIGEST, Digest.of(signature)))


def test_referrers_of_a_sha512_subject(stocked: Shop) -> None:
    subject = Digest.of(SUBJECT, "sha512")
    body = image_manifest(EMPTY, [], subject=descriptor(OCI_MANIFEST, SUBJECT) | {"digest": str(subject)})
    assert push(stocked, body, str(Digest.of(body, "sha512"))).headers["OCI-Subject"] == str(subject)
    assert [one["digest"] for one in listed(stocked, subject)] == [str(Digest.of(body, "sha512"))]


def test_what_was_listed_under_a_tag_counts(stocked: Shop) -> None:
    """As clients of registries without the list do it, and a directory that docker-registry wrote has it."""
    old, other, gone = an_artifact(artifactType=SIGNATURE), image_manifest(EMPTY, []), an_artifact(artifactType=SBOM)
    push(stocked, old)
    push(stocked, other)
    push(stocked, gone)
    stocked.put(f"sha256-{DIGEST.encoded}", index_manifest([old, other, gone]), OCI_INDEX)
    stocked.driver.delete(f"{HERE}/_manifests/referrers")
    stocked.call("DELETE", f"manifests/{Digest.of(gone)}", status=202)
    assert [one["digest"] for one in listed(stocked)] == [str(Digest.of(old))]
    push(stocked, old)
    assert len(listed(stocked)) == 1


def test_a_docker_manifest_has_no_subject(stocked: Shop) -> None:
    body = an_artifact(mediaType=DOCKER_MANIFEST)
    assert "OCI-Subject" not in push(stocked, body, media_type=DOCKER_MANIFEST).headers
    assert listed(stocked) == []


@pytest.mark.parametrize(
    "more", [{"subject": {"digest": "x"}}, {"subject": "x"}, {"artifactType": 1}, {"annotations": {"a": 1}}]
)
def test_bad_artifacts_are_refused(stocked: Shop, more: dict[str, Any]) -> None:
    stocked.recorder.take()
    body = image_manifest(EMPTY, [], **more)
    stocked.refused("PUT", "manifests/v1", 400, "MANIFEST_INVALID", data=body, content_type=OCI_MANIFEST)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(st.sampled_from(["digest", "mediaType", "size", "x"]), inner, max_size=3), max_leaves=6,
)  # fmt: skip


@given(st.fixed_dictionaries({}, optional={"subject": JSON, "artifactType": JSON, "annotations": JSON, "layers": JSON}))
def test_whatever_stands_there_is_parsed_or_refused(more: dict[str, Any]) -> None:
    try:
        manifest = validation.parse(OCI_MANIFEST, image_manifest(EMPTY, [], **more), DIGEST)
    except RegistryError as error:
        assert error.code.code == "MANIFEST_INVALID"
    else:
        assert (manifest.subject is None) == (more.get("subject") is None)


def test_tags_beside_a_digest(stocked: Shop) -> None:
    stocked.recorder.take()
    digest = Digest.of(SUBJECT, "sha512")
    answer = push(stocked, SUBJECT, f"{digest}?tag=v1&tag=latest&tag=v1")
    assert answer.headers.getlist("OCI-Tag") == ["v1", "latest"]
    assert stocked.recorder.take() == [
        ("push", "manifest", "shop/web", tag, str(digest)) for tag in ("v1", "latest")
    ]
    for tag in ("v1", "latest"):
        assert stocked.call("HEAD", f"manifests/{tag}", status=200).headers["Docker-Content-Digest"] == str(digest)


def test_tags_that_can_not_go_beside(stocked: Shop) -> None:
    stocked.recorder.take()
    sent = {"data": SUBJECT, "content_type": OCI_MANIFEST}
    stocked.refused("PUT", f"manifests/{DIGEST}?tag=.x", 400, "TAG_INVALID", **sent)
    stocked.refused("PUT", "manifests/v1?tag=v2", 400, "TAG_INVALID", **sent)
    many = "&".join(f"tag=v{number}" for number in range(101))
    stocked.refused("PUT", f"manifests/{DIGEST}?{many}", 414, "TAG_INVALID", **sent)
    stocked.refused("GET", "tags/list", 404, "NAME_UNKNOWN")


def test_a_tag_that_was_pushed_alone_is_not_told_in_a_header(stocked: Shop) -> None:
    assert "OCI-Tag" not in push(stocked, SUBJECT, "v1").headers

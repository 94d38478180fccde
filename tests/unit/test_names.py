"""Names and references, as the distribution-spec spells them and as people type them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.digests import Digest
from app.domain.errors import InvalidDigestError, InvalidNameError
from app.domain.names import Reference, parse_repository, parse_tag, referred_by

DIGEST = Digest.of(b"web")


@pytest.mark.parametrize("name", ["a", "shop/web", "a.b_c__d---e/f", "1/2/3", "a" * 255])
def test_a_repository_is_spelt_like_this(name: str) -> None:
    assert parse_repository(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "/", "a/", "/a", "a//b", "A", "shop/Web", "a..b", "a___b", "-a", "a-", "a.", ".a", "a b", "a\n", "é",
     "a" * 256, "../etc", "_uploads"],
)
def test_a_repository_is_not_spelt_like_that(name: str) -> None:
    with pytest.raises(InvalidNameError) as raised:
        parse_repository(name)
    assert (raised.value.what, raised.value.text) == ("repository name", name)


@pytest.mark.parametrize("tag", ["latest", "v1.0-rc_1", "_", "A", "1" * 128])
def test_a_tag_is_spelt_like_this(tag: str) -> None:
    assert parse_tag(tag) == tag


@pytest.mark.parametrize("tag", ["", ".a", "-a", "a b", "a:b", "a/b", "a\n", "1" * 129, "sha256:ab"])
def test_a_tag_is_not_spelt_like_that(tag: str) -> None:
    with pytest.raises(InvalidNameError, match="not a tag"):
        parse_tag(tag)


@pytest.mark.parametrize(
    ("text", "registry", "repository", "tag"),
    [
        ("web", None, "web", None),
        ("shop/web", None, "shop/web", None),
        ("shop/web:stable", None, "shop/web", "stable"),
        ("registry.example/shop/web", "registry.example", "shop/web", None),
        ("registry.example:5000/shop/web:1", "registry.example:5000", "shop/web", "1"),
        ("registry:5000/web", "registry:5000", "web", None),
        ("localhost/web", "localhost", "web", None),
        ("local/web", "local", "web", None),
        ("[::1]:5000/web", "[::1]:5000", "web", None),
    ],
)
def test_a_reference_is_read_as_docker_reads_it(
    text: str, registry: str | None, repository: str, tag: str | None
) -> None:
    assert Reference.parse(text) == Reference(registry, repository, tag, None)
    assert Reference.parse(f"{text}@{DIGEST}") == Reference(registry, repository, tag, DIGEST)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", InvalidNameError),
        (":tag", InvalidNameError),
        ("shop/web:", InvalidNameError),
        ("shop/web:a:b", InvalidNameError),
        ("shop/web@", InvalidDigestError),
        ("shop/web@sha256:short", InvalidDigestError),
        (f"shop/web@{DIGEST}@{DIGEST}", InvalidDigestError),
        ("Shop/web", InvalidNameError),
        ("registry.example/", InvalidNameError),
    ],
)
def test_what_is_no_reference_is_told(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        Reference.parse(text)


@given(st.text(alphabet="aA1._-/:@\n", max_size=30) | st.text(max_size=30))
def test_whatever_is_read_holds_only_valid_parts(text: str) -> None:
    try:
        found = Reference.parse(text)
    except (InvalidNameError, InvalidDigestError):
        return
    assert parse_repository(found.repository) in text
    assert found.tag is None or parse_tag(found.tag) in text


@pytest.mark.parametrize("ending", ["", ".sig", ".att", ".sbom"])
def test_a_tag_that_only_adds_to_a_manifest_names_it(ending: str) -> None:
    tag = f"sha256-{DIGEST.encoded}{ending}"
    assert parse_tag(tag)
    assert referred_by(tag) == str(DIGEST)


@pytest.mark.parametrize(
    "tag",
    ["latest", f"sha256-{DIGEST.encoded[1:]}", f"sha256-{DIGEST.encoded}0", f"sha256-{DIGEST.encoded}.txt",
     f"sha256-{DIGEST.encoded.upper()}", f"v-sha256-{DIGEST.encoded}", f"sha512-{DIGEST.encoded}",
     f"sha256:{DIGEST.encoded}", f"sha256-{DIGEST.encoded}\n"],
)
def test_every_other_tag_stands_for_itself(tag: str) -> None:
    assert referred_by(tag) is None


@given(st.text())
def test_whatever_a_tag_adds_to_is_a_digest(tag: str) -> None:
    found = referred_by(tag)
    assert found is None or Digest.parse(found)

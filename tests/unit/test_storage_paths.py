"""The storage layout, checked against paths that docker-registry 2.8.2 makes."""

from hypothesis import given
from hypothesis import strategies as st

from app.domain.digests import Digest
from app.registry import paths
from app.registry.storage.checked import Checked
from app.registry.storage.memory import Memory

HEX = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
DIGEST = Digest.parse(f"sha256:{HEX}")
HERE = "/docker/registry/v2/repositories/shop/web"


def test_the_layout() -> None:
    assert paths.blob_data(DIGEST) == f"/docker/registry/v2/blobs/sha256/9f/{HEX}/data"
    assert paths.layer_link("shop/web", DIGEST) == f"{HERE}/_layers/sha256/{HEX}/link"
    assert paths.revision_link("shop/web", DIGEST) == f"{HERE}/_manifests/revisions/sha256/{HEX}/link"
    assert paths.tag_current("shop/web", "v1") == f"{HERE}/_manifests/tags/v1/current/link"
    assert paths.tag_index("shop/web", "v1", DIGEST) == f"{HERE}/_manifests/tags/v1/index/sha256/{HEX}/link"
    assert paths.upload_data("shop/web", "id") == f"{HERE}/_uploads/id/data"
    assert paths.upload_started("shop/web", "id") == f"{HERE}/_uploads/id/startedat"


@given(
    st.from_regex(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+)*", fullmatch=True),
    st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}", fullmatch=True),
    st.sampled_from(["sha256", "sha384", "sha512"]),
)
def test_what_names_allow_paths_allow(repository: str, tag: str, algorithm: str) -> None:
    driver = Checked(Memory())
    digest = Digest.of(tag.encode(), algorithm)
    for path in (
        paths.blob_data(digest),
        paths.layer_link(repository, digest),
        paths.tag_index(repository, tag, digest),
        paths.tag_current(repository, tag),
    ):
        driver.put_content(path, b"")

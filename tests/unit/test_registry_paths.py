"""Which path below /v2/ is which endpoint."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidNameError
from app.domain.names import parse_repository
from app.web.registry.paths import Route, parse

SESSION = "0b4a4a1c-6f0f-4bb5-8b5a-6f6f4d2b9d11"


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("shop/web/manifests/stable", Route("manifest", "shop/web", "stable")),
        ("a/manifests/sha256:ab", Route("manifest", "a", "sha256:ab")),
        ("a/blobs/sha256:ab", Route("blob", "a", "sha256:ab")),
        ("a/blobs/uploads/", Route("uploads", "a")),
        ("a/blobs/uploads", Route("uploads", "a")),
        (f"a/b/c/blobs/uploads/{SESSION}", Route("upload", "a/b/c", SESSION)),
        ("a/tags/list", Route("tags", "a")),
        ("_catalog", Route("catalog", "")),
        ("a/manifests/tags/list", Route("tags", "a/manifests")),
        ("tags/list/manifests/x", Route("manifest", "tags/list", "x")),
        ("a/blobs/uploads/manifests/x", Route("manifest", "a/blobs/uploads", "x")),
        ("blobs/uploads/blobs/uploads/", Route("uploads", "blobs/uploads")),
        ("manifests/manifests/manifests", Route("manifest", "manifests", "manifests")),
    ],
)
def test_a_path_names_an_endpoint(path: str, route: Route) -> None:
    assert parse(path) == route


@pytest.mark.parametrize(
    "path",
    [
        "",
        "a",
        "a/b",
        "a/_catalog",
        "a/referrers/",
        "a/manifests/",
        "a/manifests",
        "a/tags/list/",
        "a/blobs/",
        "/",
    ],
)
def test_other_paths_are_no_endpoint(path: str) -> None:
    assert parse(path) is None


@pytest.mark.parametrize(
    "path",
    [
        *(
            "manifests/x",
            "tags/list",
            "blobs/uploads/",
            "/a/manifests/x",
            "a//b/manifests/x",
            "A/manifests/x",
        ),
        *("../manifests/x", "a/../b/manifests/x", "_a/blobs/uploads/", "a\0/tags/list", "a./manifests/x"),
        f"{'a' * 256}/tags/list",
    ],
)
def test_an_endpoint_of_a_bad_name_is_an_error(path: str) -> None:
    with pytest.raises(InvalidNameError):
        parse(path)


@given(st.text(max_size=40))
def test_any_text_is_a_route_none_or_a_bad_name(path: str) -> None:
    try:
        route = parse(path)
    except InvalidNameError:
        return
    if route:
        assert parse_repository(route.repository) == route.repository
        assert path.startswith(f"{route.repository}/")


@given(
    st.from_regex(r"[a-z0-9]{1,5}(/(manifests|blobs|uploads|tags|list|[a-z0-9]{1,3})){0,4}", fullmatch=True),
    st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,10}", fullmatch=True),
)
def test_every_name_and_tag_can_be_reached(name: str, tag: str) -> None:
    if not (name.endswith("/tags") and tag == "list"):
        assert parse(f"{name}/manifests/{tag}") == Route("manifest", name, tag)
    assert parse(f"{name}/blobs/sha256:{tag}") == Route("blob", name, f"sha256:{tag}")
    assert parse(f"{name}/blobs/uploads/") == Route("uploads", name)
    assert parse(f"{name}/tags/list") == Route("tags", name)

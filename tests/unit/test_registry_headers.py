"""Headers of /v2/."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.digests import Digest
from app.registry.errors import BlobRangeError, RegistryError
from app.registry.validation import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from app.web.registry.parsing import Span, accepts, byte_range, content_range, matches, page_size

DIGEST = Digest.of(b"content")


@pytest.mark.parametrize(("text", "chunk"), [("0-0", (0, 1)), ("0-99", (0, 100)), ("100-149", (100, 50))])
def test_a_chunk_says_where_it_belongs(text: str, chunk: tuple[int, int]) -> None:
    assert content_range(text) == chunk


@pytest.mark.parametrize(
    "text", ["", "5", "5-", "-5", "5-4", "bytes 0-1/2", "bytes=0-1", "0-1/2", "a-b", "٠-١", "9" * 30]
)
def test_nonsense_is_no_chunk(text: str) -> None:
    with pytest.raises(RegistryError) as caught:
        content_range(text)
    assert caught.value.code.status == 416


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("bytes=0-0", Span(0, 1)),
        ("bytes=2-5", Span(2, 6)),
        ("bytes=2-", Span(2, 10)),
        ("bytes=2-999", Span(2, 10)),
        ("bytes=-3", Span(7, 10)),
        ("bytes=-999", Span(0, 10)),
        (None, None),
        ("", None),
        ("items=0-1", None),
        ("bytes=0-1,3-4", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
    ],
)
def test_a_range_of_ten_bytes(text: str | None, span: Span | None) -> None:
    assert byte_range(text, 10) == span


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("bytes=10-", 10),
        ("bytes=10-12", 10),
        ("bytes=5-2", 10),
        ("bytes=-0", 10),
        ("bytes=0-", 0),
        ("bytes=-1", 0),
    ],
)
def test_a_range_of_nothing(text: str, size: int) -> None:
    with pytest.raises(BlobRangeError) as caught:
        byte_range(text, size)
    assert caught.value.size == size


@given(st.text(alphabet="bytes=0123456789-, ", max_size=30) | st.text(max_size=30), st.integers(0, 1000))
def test_any_range_lies_inside_or_is_refused(text: str, size: int) -> None:
    try:
        span = byte_range(text, size)
    except BlobRangeError:
        return
    assert span is None or 0 <= span.start < span.stop <= size


@given(st.integers(0, 50), st.integers(0, 60), st.integers(1, 50))
def test_a_closed_range_means_what_a_slice_does(first: int, last: int, size: int) -> None:
    content = bytes(range(size))
    try:
        span = byte_range(f"bytes={first}-{last}", size)
    except BlobRangeError:
        assert content[first : last + 1] == b""
        return
    if span is None:
        assert last < first
    else:
        assert content[span.start : span.stop] == content[first : last + 1] != b""


@pytest.mark.parametrize("header", [str(DIGEST), f'"{DIGEST}"', f'W/"{DIGEST}"', f'"x", "{DIGEST}"', "*"])
def test_what_the_client_has(header: str) -> None:
    assert matches(header, DIGEST)


@pytest.mark.parametrize("header", [None, "", '"x"', str(DIGEST)[:-1]])
def test_what_the_client_does_not_have(header: str | None) -> None:
    assert not matches(header, DIGEST)


@pytest.mark.parametrize(
    ("accept", "accepted"),
    [
        ("", True),
        ("*/*", True),
        ("application/json", True),
        (f"{DOCKER_MANIFEST}, */*;q=0.1", True),
        (f"{OCI_INDEX}, {OCI_MANIFEST};q=0.5", True),
        (OCI_MANIFEST.upper(), True),
        (f"{DOCKER_MANIFEST}, application/*", True),
        (DOCKER_MANIFEST, False),
        (f"{DOCKER_MANIFEST},{OCI_INDEX}", False),
    ],
)
def test_which_client_gets_an_oci_manifest(accept: str, accepted: bool) -> None:
    assert accepts(accept, OCI_MANIFEST) is accepted


def test_the_size_of_a_page() -> None:
    assert (page_size(None), page_size("0"), page_size("25")) == (None, 0, 25)
    for text in ("", "-1", "x", "1.5", "9" * 5000, "٣"):
        with pytest.raises(RegistryError):
            page_size(text)

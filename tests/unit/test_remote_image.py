"""The image made on the spot: real, the same for the same seed, and content that is checked as it passes."""

import gzip
import io
import json
import tarfile
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.digests import Digest
from app.remote.blobs import Blob
from app.remote.errors import BlobContentError
from app.remote.image import make_image


def content_of(blob: Blob) -> bytes:
    return b"".join(blob.chunks())


def test_an_image_is_one() -> None:
    image = make_image("seed", 5000)
    manifest = json.loads(image.manifest)
    config, layer = image.blobs
    for described, blob in ((manifest["config"], config), (manifest["layers"][0], layer)):
        assert described["digest"] == str(Digest.of(content_of(blob)))
        assert described["size"] == len(content_of(blob))
    tar = gzip.decompress(content_of(layer))
    assert json.loads(content_of(config))["rootfs"]["diff_ids"] == [str(Digest.of(tar))]
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        assert [(member.name, member.size) for member in archive] == [("seed.bin", 5000)]
    assert len(content_of(layer)) > 5000


def test_a_seed_names_an_image() -> None:
    assert make_image("a") == make_image("a")
    assert make_image("a").digest != make_image("b").digest


@given(st.lists(st.binary()))
def test_content_passes_unchanged(chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    blob = Blob(Digest.of(whole), len(whole), chunks)
    assert content_of(blob) == whole


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        [b"abc"],
        [b"abc", b"de"],
        [b"abc", b"dex"],
        [b"abc", b"def", b"g"],
        [b"abcdefg"],
        [b"a", b"b", b"c", b"d", b"e", b"x"],
    ],
)
def test_wrong_content_never_passes_whole(chunks: Iterable[bytes]) -> None:
    passed = b""
    with pytest.raises(BlobContentError):
        for chunk in Blob(Digest.of(b"abcdef"), 6, chunks).chunks():
            passed += chunk
    assert len(passed) < 6

"""Digests: parse or fail, then a value that can't be wrong."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.digests import Digest, Verifier, is_digest
from app.domain.errors import InvalidDigestError


@given(content=st.binary(max_size=200), algorithm=st.sampled_from(["sha256", "sha384", "sha512"]))
def test_a_digest_is_read_back(content: bytes, algorithm: str) -> None:
    digest = Digest.of(content, algorithm)
    assert str(digest) == f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"
    assert Digest.parse(str(digest)) == digest
    assert digest.computable
    assert digest.short == digest.encoded[:12]


@given(st.text(max_size=100) | st.from_regex(r"[a-z0-9]{2,8}:[a-fA-F0-9]{60,66}"))
def test_whatever_is_read_is_written_the_same(text: str) -> None:
    try:
        digest = Digest.parse(text)
    except InvalidDigestError as error:
        assert error.text == text
        assert not is_digest(text)
    else:
        assert str(digest) == text
        assert is_digest(text)


@pytest.mark.parametrize(
    "text",
    [
        "", ":", "sha256:", "sha256:" + "a" * 63, "sha256:" + "a" * 65, "sha256:" + "A" * 64, "sha256:" + "g" * 64,
        "SHA256:" + "a" * 64, "sha512:" + "a" * 64, "a" * 64, "sha256:" + "a" * 64 + "\n", " sha256:" + "a" * 64,
        "sha256:" + "٣" * 64, "sha256:a/../b", "sha256+:ab",
    ],
)
def test_what_is_no_digest(text: str) -> None:
    with pytest.raises(InvalidDigestError):
        Digest.parse(text)


def test_an_unknown_algorithm_is_a_digest_that_nobody_can_check() -> None:
    digest = Digest.parse("blake3+x:ABC=_-")
    assert not digest.computable
    with pytest.raises(InvalidDigestError):
        Verifier(digest)


@given(chunks=st.lists(st.binary(max_size=50), max_size=5), wrong=st.binary(min_size=1, max_size=5))
def test_bytes_are_verified_as_they_pass(chunks: list[bytes], wrong: bytes) -> None:
    verifier = Verifier(Digest.of(b"".join(chunks)))
    for chunk in chunks:
        verifier.update(chunk)
    assert verifier.matches()
    verifier.update(wrong)
    assert not verifier.matches()

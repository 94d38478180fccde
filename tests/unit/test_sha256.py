"""The hash that can be put away: the same as hashlib's, in the form that Go keeps."""

import hashlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.registry import sha256

BEGINNING = "736861036a09e667bb67ae853c6ef372a54ff53a510e527f9b05688c1f83d9ab5be0cd19" + 72 * "00"
"""What Go's sha256.New() marshals to."""


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_a_hash_goes_on_where_another_was_put_away(pieces: list[bytes]) -> None:
    state, length = bytes.fromhex(BEGINNING), 0
    for piece in pieces:
        hashed = sha256.resume(state, length)
        assert hashed
        hashed.update(piece)
        state, length = hashed.state(), length + len(piece)
        assert hashed.length == length
    ended = sha256.resume(state, length)
    assert ended
    assert len(state) == 108
    assert ended.hexdigest() == ended.hexdigest() == hashlib.sha256(b"".join(pieces)).hexdigest()


def test_nothing_hashed_is_what_go_begins_with() -> None:
    begun = sha256.begin()
    assert begun
    assert begun.state().hex() == BEGINNING


def test_more_bytes_than_32_bits_count_in_bits() -> None:
    begun = sha256.begin()
    assert begun
    begun.update(b"x" * 64)
    large = begun.state()[:100] + (5 << 30).to_bytes(8)
    resumed = sha256.resume(large, 5 << 30)
    assert resumed
    resumed.update(b"y")
    assert resumed.length == (5 << 30) + 1
    assert resumed.state()[36:37] == b"y"


@pytest.mark.parametrize(
    ("state", "length"),
    [
        (bytes.fromhex(BEGINNING), 1),
        (bytes.fromhex(BEGINNING)[:-1], 0),
        (b"", 0),
        (b"sha\x02" + bytes.fromhex(BEGINNING)[4:], 0),
        (random.Random(1).randbytes(108), 0),
    ],
)
def test_what_is_no_state_of_that_many_bytes(state: bytes, length: int) -> None:
    assert sha256.resume(state, length) is None

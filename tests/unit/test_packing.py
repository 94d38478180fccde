import zlib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from app.store.packing import packed, unpacked

EVENT = b'{"id": "b54cda58", "action": "push", "target": {"mediaType": "application/vnd.oci.image.manifest.v1+json"}}'
STORED = bytes.fromhex("787d86642910ab86464992a949724aa2a985920e66be44ce736467b3da5a00f3902345")
"""EVENT as the first version with a dictionary stored it."""
BODIES = [path.read_bytes() for path in sorted((Path(__file__).parents[1] / "data").rglob("*.json"))]


@given(st.binary())
def test_what_goes_in_comes_out(raw: bytes) -> None:
    assert unpacked(packed(raw)) == raw


def test_what_was_ever_stored_can_be_read() -> None:
    assert [unpacked(stored) for stored in (STORED, zlib.compress(EVENT, 1), EVENT, b"{}", b"")] == [
        EVENT, EVENT, EVENT, b"{}", b"",
    ]  # fmt: skip


@given(st.binary().map(lambda tail: b"x" + tail))
def test_what_cannot_be_unpacked_is_told_as_it_is(stored: bytes) -> None:
    assert unpacked(stored) is not None
    assert unpacked(b"x\xff" + stored) == b"x\xff" + stored


def test_nothing_can_be_cut_off_put_behind_or_given_another_dictionary() -> None:
    for altered in (STORED[:-1], STORED[:3], STORED + b"x", STORED[:2] + b"\0\0\0\0" + STORED[6:]):
        assert unpacked(altered) == altered


def test_fields_that_every_sender_names_take_no_place() -> None:
    assert len(BODIES) > 100
    assert sum(len(packed(body)) for body in BODIES) < 0.8 * sum(len(zlib.compress(body)) for body in BODIES)

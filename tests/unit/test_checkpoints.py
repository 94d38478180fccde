"""What was signed can be checked with a public key alone, and nothing else passes for it."""

import base64
import dataclasses
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.checkpoints import (
    Checkpoint,
    InvalidCheckpointError,
    InvalidKeyError,
    PublicKey,
    SigningKey,
    read_checkpoints,
)

# RFC 8032, section 7.1, TEST 1: the secret key and the public key that belongs to it
SECRET = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
KEY = SigningKey.parse("ed25519:" + base64.b64encode(SECRET).decode())
CHAIN = bytes(range(32))
NOON = 1_772_366_400_000_000_000


def test_keys_are_those_of_the_standard() -> None:
    assert KEY.public == PublicKey(PUBLIC)
    assert PublicKey.parse(str(KEY.public)) == KEY.public
    assert base64.b64encode(SECRET).decode() not in repr(KEY)
    assert SigningKey.parse(KEY.secret).public == KEY.public


@pytest.mark.parametrize(
    "text", ["", "ed25519:", "ed25519:AAAA", base64.b64encode(PUBLIC).decode(), "ed25519:\u00e9" * 9]
)
def test_what_is_no_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InvalidKeyError) as refused:
        PublicKey.parse(text)
    assert len(text) < 10 or text not in str(refused.value)


def test_a_file_of_checkpoints_is_read() -> None:
    lines = [KEY.sign(seq, CHAIN, NOON + seq).line for seq in (3, 3, 9)]
    found = read_checkpoints("\n".join([*lines, ""]), KEY.public)
    assert [(one.seq, one.chain, one.time) for one in found] == [
        (3, CHAIN, "2026-03-01T12:00:00.000000003Z"), (3, CHAIN, "2026-03-01T12:00:00.000000003Z"),
        (9, CHAIN, "2026-03-01T12:00:00.000000009Z"),
    ]


@pytest.mark.parametrize(
    "forged",
    [{"seq": 4}, {"chain": "00" * 32}, {"time": "2026-03-01T12:00:00Z"}, {"key": "0" * 16},
     {"signature": base64.b64encode(bytes(64)).decode()}, {"signature": ""}, {"signature": "?"}, {"seq": True},
     {"seq": -1}, {"seq": 2**63}, {"chain": "xyz"}, {"chain": 7}, {"more": 1}],
)
def test_a_forged_checkpoint_is_refused(forged: dict[str, Any]) -> None:
    line = json.dumps(json.loads(KEY.sign(3, CHAIN, NOON).line) | forged)
    good = KEY.sign(2, CHAIN, NOON).line
    with pytest.raises(InvalidCheckpointError, match="in line 2"):
        read_checkpoints(f"{good}\n{line}\n", KEY.public)


def test_somebody_elses_key_is_not_enough() -> None:
    other = SigningKey.generate()
    line = dataclasses.replace(other.sign(3, CHAIN, NOON), key=KEY.public.id).line
    with pytest.raises(InvalidCheckpointError, match="not signed with the key"):
        read_checkpoints(line, KEY.public)


def test_a_file_goes_on_under_another_key() -> None:
    earlier = SigningKey.generate()
    lines = [earlier.sign(3, CHAIN, NOON).line, KEY.sign(9, CHAIN, NOON).line]
    found = read_checkpoints("\n".join(lines), KEY.public, earlier.public)
    assert [one.key for one in found] == [earlier.public.id, KEY.public.id]


@pytest.mark.parametrize(("seq", "chain"), [(2, CHAIN), (3, bytes(32))])
def test_a_chain_that_went_back_or_became_another_is_told(seq: int, chain: bytes) -> None:
    lines = [KEY.sign(3, CHAIN, NOON).line, KEY.sign(seq, chain, NOON).line]
    with pytest.raises(InvalidCheckpointError, match="before"):
        read_checkpoints("\n".join(lines), KEY.public)


NAMES = st.sampled_from(["seq", "chain", "time", "key", "signature", "x"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner),
)


@given(text=st.one_of(st.text(), JSON.map(json.dumps)))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(InvalidCheckpointError):
        assert read_checkpoints(text, KEY.public) == []


@given(text=st.one_of(st.text(), JSON.map(json.dumps), st.just("[" * 100_000)))
def test_a_line_says_why_it_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Checkpoint.parse(text)

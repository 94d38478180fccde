"""A signed word on how far the chain had come: kept elsewhere, it shows that what was there then is there still.

One is one line of JSON. Signed (Ed25519, RFC 8032) are these bytes, which need no JSON to be agreed on:

    tagtrail checkpoint
    SEQ
    CHAIN                       of the link SEQ, in hex
    TIME                        as the line has it
    KEY                         first 16 hex digits of the SHA-256 of the public key's 32 bytes
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from app.domain.errors import TagtrailError
from app.domain.times import rfc3339

_PREFIX = "ed25519:"


class InvalidKeyError(TagtrailError, ValueError):
    """A text that is no key. Never repeats it."""

    def __init__(self) -> None:
        super().__init__(f"not a key; `tagtrail audit key` prints the public one, {_PREFIX} and 44 letters of base64")


class InvalidCheckpointError(TagtrailError, ValueError):
    """A line that is no checkpoint, or one that its key hasn't signed, or that another one contradicts."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"checkpoint in line {line}: {reason}")
        self.line = line
        self.reason = reason


@dataclass(frozen=True, slots=True)
class PublicKey:
    raw: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raise InvalidKeyError unless `text` is `ed25519:` and the base64 of 32 bytes."""
        return cls(_key_bytes(text))

    @property
    def id(self) -> str:
        return hashlib.sha256(self.raw).hexdigest()[:16]

    def __str__(self) -> str:
        return _PREFIX + base64.b64encode(self.raw).decode()

    def has_signed(self, checkpoint: "Checkpoint") -> bool:
        return checkpoint.key == self.id and self.proves(checkpoint.signature, checkpoint.statement)

    def proves(self, signature: bytes, statement: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, statement)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The private half; neither repr nor text shows it."""

    _key: Ed25519PrivateKey

    @classmethod
    def generate(cls) -> Self:
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def parse(cls, text: str) -> Self:
        """What `secret` gave. Raise InvalidKeyError."""
        return cls(Ed25519PrivateKey.from_private_bytes(_key_bytes(text)))

    @property
    def secret(self) -> str:
        return _PREFIX + base64.b64encode(self._key.private_bytes_raw()).decode()

    @property
    def public(self) -> PublicKey:
        return PublicKey(self._key.public_key().public_bytes_raw())

    def seal(self, statement: bytes) -> bytes:
        """The signature of `statement`, 64 bytes."""
        return self._key.sign(statement)

    def sign(self, seq: int, chain: bytes, time_ns: int) -> "Checkpoint":
        bare = Checkpoint(seq, chain, rfc3339(time_ns), self.public.id, b"")
        return Checkpoint(bare.seq, bare.chain, bare.time, bare.key, self.seal(bare.statement))


def _key_bytes(text: str) -> bytes:
    try:
        raw = base64.b64decode(text.strip().removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidKeyError from None
    if len(raw) != 32 or not text.strip().startswith(_PREFIX):
        raise InvalidKeyError
    return raw


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """At `time` (RFC 3339) the chain had come to `seq`, and was `chain`; `key` is the id of whose signature it is."""

    seq: int
    chain: bytes
    time: str
    key: str
    signature: bytes

    @property
    def statement(self) -> bytes:
        return f"tagtrail checkpoint\n{self.seq}\n{self.chain.hex()}\n{self.time}\n{self.key}\n".encode()

    @property
    def line(self) -> str:
        """As it is kept; without the end of the line."""
        return json.dumps({
            "seq": self.seq, "chain": self.chain.hex(), "time": self.time, "key": self.key,
            "signature": base64.b64encode(self.signature).decode(),
        })

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raise ValueError that says what is wrong."""
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            raise ValueError("it is not JSON") from None
        if not isinstance(said, dict) or said.keys() != {"seq", "chain", "time", "key", "signature"}:
            raise ValueError("it has other members than seq, chain, time, key and signature")
        seq = said.pop("seq")
        if type(seq) is not int or not 0 <= seq < 2**63 or not all(isinstance(value, str) for value in said.values()):
            raise ValueError("seq has to be a whole number, all else text")
        return cls(seq, bytes.fromhex(said["chain"]), said["time"], said["key"], _signature(said))


def _signature(said: dict[str, Any]) -> bytes:
    try:
        return base64.b64decode(said["signature"], validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("its signature is not base64") from None


def read_checkpoints(text: str, *keys: PublicKey) -> list[Checkpoint]:
    """The checkpoints of a file, each signed with one of `keys`.

    Raise InvalidCheckpointError for the first that is not. Along the lines the chain only grows: two words on one seq
    that differ, or a step back, say that it was cut.
    """
    found: list[Checkpoint] = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            found.append(_read(number, line, keys))
            _check_order(number, found[-2:])
    return found


def _read(number: int, line: str, keys: Sequence[PublicKey]) -> Checkpoint:
    try:
        checkpoint = Checkpoint.parse(line)
    except ValueError as error:
        raise InvalidCheckpointError(number, str(error)) from None
    if not any(key.has_signed(checkpoint) for key in keys):
        raise InvalidCheckpointError(number, f"it is not signed with the key {' or '.join(key.id for key in keys)}")
    return checkpoint


def _check_order(number: int, last: list[Checkpoint]) -> None:
    before, this = last[0], last[-1]
    if this.seq < before.seq:
        raise InvalidCheckpointError(number, f"the chain had come to {before.seq} before, and now only to {this.seq}")
    if this.seq == before.seq and this.chain != before.chain:
        raise InvalidCheckpointError(number, f"the chain at {this.seq} was another one before")


def without_repeats(checkpoints: Iterable[Checkpoint]) -> list[Checkpoint]:
    """One for each seq and chain, in the order of seq."""
    return list({(one.seq, one.chain): one for one in sorted(checkpoints, key=lambda one: one.seq)}.values())

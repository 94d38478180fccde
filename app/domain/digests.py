"""Digests and descriptors: parse or fail, then a value that can't be wrong."""

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from app.domain.errors import InvalidDigestError

_FORM = re.compile(r"[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+")
_HEX_LENGTH = {"sha256": 64, "sha384": 96, "sha512": 128}
_LOWER_HEX = re.compile(r"[0-9a-f]+")
_BEGINNING = re.compile(r"(?:sha256:)?([0-9a-f]{6,64})")


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A content address, e.g. `sha256:9f86…`. Known algorithms must have their exact length in lower-case hex."""

    algorithm: str
    encoded: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raise InvalidDigestError unless `text` is a digest (OCI image-spec, descriptor.md)."""
        if not _FORM.fullmatch(text):
            raise InvalidDigestError(text)
        algorithm, encoded = text.split(":", 1)
        length = _HEX_LENGTH.get(algorithm)
        if length is not None and (len(encoded) != length or not _LOWER_HEX.fullmatch(encoded)):
            raise InvalidDigestError(text)
        return cls(algorithm, encoded)

    @classmethod
    def of(cls, content: bytes, algorithm: str = "sha256") -> Self:
        """The digest of `content`; `algorithm` is one that hashlib knows."""
        return cls(algorithm, hashlib.new(algorithm, content).hexdigest())

    @property
    def computable(self) -> bool:
        """Whether the algorithm can be computed here, so that content under this digest can be checked."""
        return self.algorithm in _HEX_LENGTH

    @property
    def short(self) -> str:
        """The first twelve characters of the encoded part, as people quote digests."""
        return self.encoded[:12]

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.encoded}"


def is_digest(text: str) -> bool:
    try:
        Digest.parse(text)
    except InvalidDigestError:
        return False
    return True


def beginning(text: str) -> str | None:
    """The hex digits of `sha256:9f86d0` or `9f86d0`, six or more, as people quote digests; None: it is no such text."""
    match = _BEGINNING.fullmatch(text.strip().lower())
    return match[1] if match else None


class Hash(Protocol):
    """What hashlib gives, as far as it is needed here."""

    def update(self, data: bytes, /) -> None:
        """Take in `data`."""

    def hexdigest(self) -> str:
        """Of all that was taken in, in lower-case hex."""


class Verifier:
    """Hashes bytes as they pass and says at the end whether they were the promised ones."""

    def __init__(self, expected: Digest, begun: Hash | None = None) -> None:
        """`begun` has taken in what comes before, by the algorithm of `expected`.

        Raise InvalidDigestError for an algorithm that can't be computed here.
        """
        if not expected.computable:
            raise InvalidDigestError(str(expected))
        self.expected = expected
        self._state: Hash = begun or hashlib.new(expected.algorithm)

    def update(self, chunk: bytes) -> None:
        self._state.update(chunk)

    def matches(self) -> bool:
        return hmac.compare_digest(self._state.hexdigest(), self.expected.encoded)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What an event or a manifest says of a piece of content (OCI image-spec, descriptor.md). `size` in bytes."""

    media_type: str
    digest: Digest
    size: int
    extra: dict[str, Any] = field(default_factory=dict, compare=False)
    """Fields that are passed on as found: urls, annotations, platform, artifactType."""

"""Headers and parameters of `/v2/`, read purely."""

import re
from dataclasses import dataclass

from app.domain.digests import Digest
from app.domain.errors import InvalidDigestError
from app.registry.errors import PAGINATION_NUMBER_INVALID, RANGE_INVALID, BlobRangeError, RegistryError
from app.registry.validation import MEDIA_TYPES

_CHUNK = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")
_SPAN = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_COUNT = re.compile(r"[0-9]{1,9}")
_WILDCARDS = frozenset({"*/*", "application/*"})


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a blob in bytes: from `start`, which counts, to `stop`, which does not."""

    start: int
    stop: int


def content_range(text: str) -> tuple[int, int]:
    """Offset and length of a chunk, from `<first>-<last>` (distribution-spec "Pushing a blob in chunks").

    RANGE_INVALID for anything else, also for `bytes 0-1/2`, which is HTTP's own form and not the registry's.
    """
    found = _CHUNK.fullmatch(text)
    if not found or int(found[2]) < int(found[1]):
        raise RegistryError(RANGE_INVALID, text[:100])
    return int(found[1]), int(found[2]) - int(found[1]) + 1


def byte_range(text: str | None, size: int) -> Span | None:
    """Which part of `size` bytes a Range header asks for (RFC 9110 §14.2).

    None means all: no header, one in another unit, several ranges, or nonsense. BlobRangeError if it is
    behind the end, or ends before it begins: such a one may be passed over or refused, and clients want the second.
    """
    found = _SPAN.fullmatch(text.replace(" ", "")) if text else None
    if not found or found[0] == "bytes=-":
        return None
    first, last = found[1], found[2]
    if not first:
        span = Span(max(size - int(last), 0), size)
    else:
        span = Span(int(first), min(int(last) + 1, size) if last else size)
    if span.start >= span.stop:
        raise BlobRangeError(size)
    return span


def matches(if_none_match: str | None, digest: Digest) -> bool:
    """Whether the client has it already. Distribution's clients send the digest bare, others quoted."""
    given = [tag.strip().removeprefix("W/").strip('"') for tag in (if_none_match or "").split(",")]
    return str(digest) in given or "*" in given


def accepts(accept: str, media_type: str) -> bool:
    """Whether a manifest of `media_type` may be served: not if the client lists other manifest types and no
    wildcard.
    """
    listed = {part.split(";")[0].strip().lower() for part in accept.split(",")}
    return media_type in listed or bool(listed & _WILDCARDS) or not listed & MEDIA_TYPES


def algorithm(text: str) -> None:
    """`digest-algorithm` of an upload to come. InvalidDigestError for one that can't be computed here."""
    if not Digest(text, "").computable:
        raise InvalidDigestError(text)


def page_size(text: str | None) -> int | None:
    """`n` of a list. PAGINATION_NUMBER_INVALID unless it is a number from 0 on."""
    if text is None:
        return None
    if not _COUNT.fullmatch(text):
        raise RegistryError(PAGINATION_NUMBER_INVALID, text[:100])
    return int(text)

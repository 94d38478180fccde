"""What a client sends, read once and never held whole."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from app.registry.errors import SIZE_INVALID, Code, RegistryError

CHUNK = 1024 * 1024


class Readable(Protocol):
    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end, which an aborted body looks like too."""


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a request. `length` in bytes if it was announced; `offset` that its first byte claims to
    have.
    """

    stream: Readable
    length: int | None
    offset: int | None = None

    def chunks(self) -> Iterator[bytes]:
        """SIZE_INVALID at the end, when all that came was handed out, if that was less than announced."""
        left = self.length
        while left is None or left:
            chunk = self.stream.read(CHUNK if left is None else min(CHUNK, left))
            if not chunk:
                break
            left = left if left is None else left - len(chunk)
            yield chunk
        if left:
            raise RegistryError(SIZE_INVALID, f"{left} bytes are missing")

    def whole(self, limit: int, too_large: Code) -> bytes:
        """Everything, or the error `too_large` as soon as it is known to be more than `limit` bytes."""
        if self.length is not None and self.length > limit:
            raise RegistryError(too_large)
        content = bytearray()
        for chunk in self.chunks():
            content += chunk
            if len(content) > limit:
                raise RegistryError(too_large)
        return bytes(content)

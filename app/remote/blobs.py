"""Content to upload, checked while it passes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Self

from app.domain.digests import Digest, Verifier
from app.remote.errors import BlobContentError


@dataclass(frozen=True, slots=True)
class Blob:
    """`content`: chunks of `size` bytes in all, which can be read once unless they are a collection."""

    digest: Digest
    size: int
    content: Iterable[bytes] = field(repr=False)

    @classmethod
    def of(cls, content: bytes) -> Self:
        return cls(Digest.of(content), len(content), (content,))

    def chunks(self) -> Iterator[bytes]:
        """The content. The last chunk is held back until all is known to be as promised: BlobContentError.

        So a wrong content never reaches the registry whole.
        """
        verifier = Verifier(self.digest)
        held, size = b"", 0
        for chunk in self.content:
            verifier.update(chunk)
            size += len(chunk)
            if size > self.size:
                break
            if held:
                yield held
            held = chunk
        if size != self.size or not verifier.matches():
            raise BlobContentError(str(self.digest), self.size)
        yield held

"""What the registry tells of itself, and to whom."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Literal, Protocol

from app.domain.digests import Descriptor, Digest


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that a request did to, or read from, a repository.

    `descriptor` is missing for the delete of a repository; another delete has media type "" and size 0 where they are
    not known. `references` of a manifest push or pull: config and layers, or children, in order. `before`: where the
    tag of a push pointed. `tags`: those that a delete takes with it.
    """

    action: Literal["push", "pull", "mount", "delete"]
    kind: Literal["manifest", "blob", "tag", "repository"]
    repository: str
    descriptor: Descriptor | None = None
    tag: str | None = None
    from_repository: str | None = None
    references: tuple[Descriptor, ...] = ()
    before: Digest | None = None
    tags: tuple[str, ...] = ()


class Listener(Protocol):
    """Hears the facts of one request."""

    def writing(self, facts: Sequence[Fact]) -> AbstractContextManager[None]:
        """Entered before anything of `facts` moves in storage, left after it has moved durably.

        Left with an exception, any part of it may have happened: `Registry.holds` tells what storage shows.
        If entering fails, nothing moves.
        """

    def pulled(self, fact: Fact) -> None:
        """A manifest or blob is being served: GET or HEAD answered 200 or 206."""


class Silent:
    """Hears nothing."""

    @contextmanager
    def writing(self, facts: Sequence[Fact]) -> Iterator[None]:  # noqa: ARG002  a protocol's signature
        yield

    def pulled(self, fact: Fact) -> None:
        pass

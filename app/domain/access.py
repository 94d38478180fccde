"""Who asks, what they may do, and what they may see."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from app.domain.errors import TagtrailError
from app.domain.patterns import glob_matches

LONGEST_GLOB = 512


class Role(StrEnum):
    """What a token is for. Admin includes all; deploy includes read, since nobody redeploys what they can't see."""

    INGEST = "ingest"
    READ = "read"
    DEPLOY = "deploy"
    ADMIN = "admin"

    def covers(self, needed: "Role") -> bool:
        return self in (needed, Role.ADMIN) or (self, needed) == (Role.DEPLOY, Role.READ)


class InvalidScopeError(TagtrailError, ValueError):
    """A text that is no `REGISTRY/REPOSITORY` of patterns."""

    def __init__(self, text: str) -> None:
        super().__init__(f"not a scope: {text[:100]!r}; write REGISTRY/REPOSITORY, as in registry.example:5000/shop/*")
        self.text = text


class LimitedScopeError(TagtrailError):
    """Something that can't be told apart by repository was asked for with a scope."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} may tell of any repository; ask with a token that has no scope")


@dataclass(frozen=True, slots=True)
class Glob:
    """Some repositories of some registries; both patterns as in rules: `*` stays within a component, `**` crosses."""

    registry: str
    repository: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """`REGISTRY/REPOSITORY`: what is before the first slash names registries. Raises InvalidScopeError."""
        registry, _, repository = text.partition("/")
        plain = text.isprintable() and " " not in text and len(text) <= LONGEST_GLOB
        if not (registry and repository and plain):
            raise InvalidScopeError(text)
        return cls(registry, repository)

    def matches(self, registry: str, repository: str) -> bool:
        return glob_matches(self.registry, registry) and glob_matches(self.repository, repository)

    def __str__(self) -> str:
        return f"{self.registry}/{self.repository}"


@dataclass(frozen=True, slots=True)
class AccessScope:
    """What an asker may see: repositories that one of `globs` matches; None: everything, whatever it is about.

    Every function of `app.store.queries` takes one, so that no answer can forget it.
    """

    globs: tuple[Glob, ...] | None

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Self:
        """Raises InvalidScopeError. No texts: nothing may be seen."""
        return cls(tuple(Glob.parse(text) for text in texts))

    def allows(self, registry: str, repository: str) -> bool:
        return self.globs is None or any(glob.matches(registry, repository) for glob in self.globs)

    def allows_all_of(self, registry: str) -> bool:
        """Whether one of the globs is plainly about the whole registry."""
        return self.globs is None or any(
            glob.repository == "**" and glob_matches(glob.registry, registry) for glob in self.globs
        )

    def require_everything(self, what: str) -> None:
        """Raises LimitedScopeError unless all may be seen."""
        if self.globs is not None:
            raise LimitedScopeError(what)


EVERYTHING = AccessScope(None)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request. `name`, for records: `token:NAME`, `access-token`, or `loopback` where nobody is asked."""

    name: str
    role: Role
    scope: AccessScope

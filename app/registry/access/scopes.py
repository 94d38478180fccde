"""What may be done to what, in the words of distribution's token specification ("Token Scope Documentation"). Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

PULL, PUSH, DELETE, ALL = "pull", "push", "delete", "*"
REPOSITORY = "repository"
MOST_SCOPES = 100
"""In one request for a token."""

_SCOPE = re.compile(
    r"([a-z0-9]{1,64})(?:\([a-z0-9]{1,64}\))?:([!#-+\--\[\]-~]{1,512}):([a-z*]{1,64}(?:,[a-z*]{1,64}){0,15})"
)


@dataclass(frozen=True, slots=True)
class Scope:
    """Some actions on one resource; written `KIND:NAME:ACTION[,ACTION]`. The action `*` stands for all."""

    kind: str
    name: str
    actions: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """None if it is no scope. A class behind the kind, as in `repository(plugin)`, says nothing any more."""
        found = _SCOPE.fullmatch(text)
        return cls(found[1], found[2], tuple(dict.fromkeys(found[3].split(",")))) if found else None

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}:{','.join(self.actions)}"

    def covers(self, action: str) -> bool:
        return action in self.actions or ALL in self.actions


CATALOG = Scope("registry", "catalog", (ALL,))


def parse_scopes(texts: Iterable[str]) -> list[Scope]:
    """The scopes of several texts, each with any number of them between spaces; what is none is passed over."""
    words = [word for text in texts for word in text.split()][:MOST_SCOPES]
    return [scope for word in words if (scope := Scope.parse(word))]


def of_repository(name: str, *actions: str) -> Scope:
    return Scope(REPOSITORY, name, actions)


def needed(kind: str, method: str, repository: str, source: str | None = None) -> Sequence[Scope]:
    """What a request needs that asks for a `kind` of thing (catalog, upload, manifest …) of a repository.

    `source`: the repository from which a blob is mounted. Who cancels an upload needs what it took to begin it, not
    what deleting takes.
    """
    if kind == "catalog":
        return [CATALOG]
    if method in ("GET", "HEAD"):
        return [of_repository(repository, PULL)]
    if method == "DELETE" and kind != "upload":
        return [of_repository(repository, DELETE)]
    mounted = [of_repository(source, PULL)] if source and source != repository else []
    return [of_repository(repository, PULL, PUSH), *mounted]


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks, and what they may do: `scopes`, or everything (None). `name` None: nobody in particular."""

    name: str | None
    scopes: Sequence[Scope] | None = None

    def may(self, wanted: Sequence[Scope]) -> bool:
        return all(self._may(scope, action) for scope in wanted for action in scope.actions)

    def _may(self, wanted: Scope, action: str) -> bool:
        return self.scopes is None or any(
            (one.kind, one.name) == (wanted.kind, wanted.name) and one.covers(action) for one in self.scopes
        )

    @property
    def sees_everything(self) -> bool:
        """Whether a blob may be looked for in all repositories."""
        return self.scopes is None

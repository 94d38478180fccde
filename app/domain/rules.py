"""Which changes go where: a rule names what it is about and the destinations that are told."""

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from app.domain.openings import Opening
from app.domain.told import Told

DEFAULT_KINDS = frozenset({"created", "moved", "restored"})
PULLED = "pulled"
"""The kind under which a pull is told, to rules that ask for it."""


@dataclass(frozen=True, slots=True)
class When:
    """What a rule is about; None means any. Patterns: `*` stays within a path component, `**` crosses, `?` is one.

    `kinds` are kinds of change, or PULLED; `provenances` is how the change must be known (decision 9).
    """

    registry: str | None = None
    origin: str | None = None
    repository: str | None = None
    tag: str | None = None
    kinds: frozenset[str] = DEFAULT_KINDS
    provenances: frozenset[str] = frozenset({"observed"})


@dataclass(frozen=True, slots=True)
class Rule:
    """`deploy` and `alert` are names of destinations; `version` is the digest of the rule's text.

    `confirm`: whether a registry is asked before a deploy; None: where the sender of the event is not proven.
    Deliveries are held while it is `paused`, outside `windows`, and until somebody approves, who has `approve_ns` for
    it (None: nobody is asked).
    """

    name: str
    when: When
    deploy: tuple[str, ...]
    alert: tuple[str, ...]
    version: str
    confirm: bool | None = None
    windows: tuple[Opening, ...] = ()
    paused: bool = False
    approve_ns: int | None = None

    @property
    def destinations(self) -> tuple[str, ...]:
        return (*self.deploy, *self.alert)


def mismatch(when: When, told: Told, provenance: str) -> str | None:
    """None if the rule matches, else the first clause that does not."""
    clauses = (
        ("registry", when.registry is None or when.registry == told.registry),
        ("origin", when.origin is None or when.origin == told.origin),
        ("repository", when.repository is None or glob_matches(when.repository, told.repository)),
        ("tag", when.tag is None or (told.tag is not None and glob_matches(when.tag, told.tag))),
        ("change", told.kind in when.kinds),
        ("provenance", provenance in when.provenances),
    )
    return next((name for name, holds in clauses if not holds), None)


def misplaced(when: When, told: Told) -> str | None:
    """The same of those clauses alone that say where: one place has one answer, whatever happens there."""
    return mismatch(replace(when, kinds=frozenset({told.kind}), provenances=frozenset({"observed"})), told, "observed")


def glob_matches(pattern: str, text: str) -> bool:
    return _compiled(pattern).fullmatch(text) is not None


def glob_expression(pattern: str) -> str:
    """A regular expression for the whole text, as both Python and PostgreSQL (ARE) read it."""
    parts = re.split(r"(\*\*|\*|\?)", pattern)
    known = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join([r"(?s)\A", *(known.get(part, re.escape(part)) for part in parts), r"\Z"])


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(glob_expression(pattern))

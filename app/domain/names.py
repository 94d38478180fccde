"""Names of repositories and tags, and references as people type them."""

import re
from dataclasses import dataclass
from typing import Self

from app.domain.digests import Digest
from app.domain.errors import InvalidDigestError, InvalidNameError

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_REFERRER = re.compile(r"sha256-([0-9a-f]{64})(?:\.(?:sig|att|sbom))?")
RELEASE = r"v?[0-9]+[.][0-9]+([.][0-9]+)?([-+_][0-9A-Za-z.+_-]+)?"
"""As Python and PostgreSQL read it; no tag has the `+` of semver, so `_` stands for it too."""
_RELEASE = re.compile(RELEASE)
MAX_REPOSITORY = 255
MOST_STARS = 4
"""In a pattern that somebody asks for: each multiplies what matching may cost."""


def is_repository(text: str) -> bool:
    """Whether it is a repository's name (OCI distribution-spec grammar, at most 255 characters)."""
    return len(text) <= MAX_REPOSITORY and _REPOSITORY.fullmatch(text) is not None


def parse_repository(text: str) -> str:
    """`text` itself if it is a repository's name."""
    if not is_repository(text):
        raise InvalidNameError("repository name", text)
    return text


def is_tag(text: str) -> bool:
    return _TAG.fullmatch(text) is not None


def parse_tag(text: str) -> str:
    """`text` itself if it is a tag (OCI distribution-spec grammar, at most 128 characters)."""
    if not is_tag(text):
        raise InvalidNameError("tag", text)
    return text


def referred_by(tag: str) -> str | None:
    """The digest of the manifest that a tag by this name only adds to; None for every other tag.

    So are called the referrers' fallback tags (OCI distribution-spec, "Referrers Tag Schema") and cosign's signatures,
    attestations and SBOMs.
    """
    match = _REFERRER.fullmatch(tag)
    return f"sha256:{match[1]}" if match else None


def is_pattern(text: str) -> bool:
    """Whether `text` stands for many names: `*` for anything within a path component, `**` across them, `?` for one."""
    return "*" in text or "?" in text


def parse_pattern(text: str) -> str:
    """`text` itself unless it has so many wildcards that matching might take for ever."""
    if text.replace("**", "*").count("*") > MOST_STARS:
        raise InvalidNameError(f"pattern (at most {MOST_STARS} stars)", text)
    return text


def release_like(tag: str) -> bool:
    """Whether `tag` looks like a release: `1.2`, `v1.2.3`, `1.2.3-rc.1`. People take such a tag for one content."""
    return _RELEASE.fullmatch(tag) is not None


@dataclass(frozen=True, slots=True)
class Reference:
    """`[REGISTRY/]REPOSITORY[:TAG][@DIGEST]` (DESIGN §4). Any part but the repository may be missing.

    A first component with a dot or a colon, or `localhost` or `local`, is a registry, as docker reads it.
    """

    registry: str | None
    repository: str
    tag: str | None
    digest: Digest | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raise InvalidNameError or InvalidDigestError, which say what was wrong."""
        rest, at, digest_text = text.partition("@")
        registry = None
        first, slash, tail = rest.partition("/")
        if slash and ("." in first or ":" in first or first in ("localhost", "local")):
            registry, rest = first, tail
        rest, colon, tag = rest.partition(":")
        if colon:
            parse_tag(tag)
        if at and not digest_text:
            raise InvalidDigestError(digest_text)
        return cls(registry, parse_repository(rest), tag or None, Digest.parse(digest_text) if at else None)

    @classmethod
    def parse_wide(cls, text: str) -> Self:
        """As `parse`, but repository and tag may be patterns: each must be a name once its wildcards are letters."""
        parsed = cls.parse(text.replace("*", "x").replace("?", "x"))
        if not is_pattern(text):
            return parsed
        rest = parse_pattern(text).partition("@")[0].removeprefix(f"{parsed.registry}/" if parsed.registry else "")
        repository, _, tag = rest.partition(":")
        return cls(parsed.registry, repository, tag or None, parsed.digest)

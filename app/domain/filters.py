"""Which of an origin's events are counted and not stored.

History must not become wrong by it. So what can move or remove a tag is left out only by its own repository or tag:
then nothing at all is known of these. Its action, its media type or a HEAD leave out everything else: pulls, mounts,
blobs, pushes by digest.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from app.domain.events import Report
from app.domain.patterns import glob_matches


@dataclass(frozen=True, slots=True)
class Unheard:
    """One that fits is enough. `repositories` and `tags` are globs as in rules; `head`: requests that only ask."""

    actions: frozenset[str] = frozenset()
    media_types: frozenset[str] = frozenset()
    repositories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    head: bool = False


def is_unheard(unheard: Unheard, report: Report) -> bool:
    if leaves_out(unheard, report.repository, report.tag):
        return True
    return not _reaches_tags(report) and (
        report.action in unheard.actions
        or report.media_type in unheard.media_types
        or (unheard.head and report.request_method == "HEAD")
    )


def leaves_out(unheard: Unheard, repository: str, tag: str | None) -> bool:
    """Whether nothing at all is to be known of a repository, or of a tag in it."""
    return _any_matches(unheard.repositories, repository) or (tag is not None and _any_matches(unheard.tags, tag))


def _any_matches(globs: Iterable[str], text: str) -> bool:
    return any(glob_matches(glob, text) for glob in globs)


def _reaches_tags(report: Report) -> bool:
    """A push that names a tag and no digest too: its digest may be learnt by asking."""
    return report.scope is not None or (report.action == "push" and report.tag is not None)

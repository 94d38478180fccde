"""A repository's whole history from its stored events alone, as if nothing had ever been written of it."""

from collections.abc import Iterable, Iterator, Sequence

from app.domain.changes import Change, TagKey, TagState, fold
from app.domain.events import Scope, TagEvent

History = tuple[list[Change], TagState]
"""The changes of a tag in their order, and what it is now."""


def refold(registry: str, repository: str, told: Sequence[TagEvent]) -> Iterator[tuple[TagKey, History]]:
    """The history of each tag that `told` (every event of the repository that has a scope, in any order) names."""
    ordered = sorted(told, key=lambda event: event.order)
    wipes = [event for event in ordered if event.scope is Scope.REPOSITORY]
    own = _grouped((event.tag or "", event) for event in ordered if event.scope is Scope.TAG)
    deletes = _grouped((event.digest or "", event) for event in ordered if event.scope is Scope.MANIFEST)
    for tag, events in own.items():
        key = TagKey(registry, repository, tag)
        digests = {event.digest for event in events if event.digest}
        about = [*events, *wipes, *(event for digest in digests for event in deletes.get(digest, ()))]
        yield key, fold(key, TagState(), sorted(about, key=lambda event: event.order))


def _grouped(named: Iterable[tuple[str, TagEvent]]) -> dict[str, list[TagEvent]]:
    groups: dict[str, list[TagEvent]] = {}
    for name, event in named:
        groups.setdefault(name, []).append(event)
    return groups

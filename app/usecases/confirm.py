"""Asks a registry whether a tag still says what is about to be deployed: a webhook may lie (keel #347)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.domain.errors import TagtrailError
from app.remote.client import RemoteRegistry

MOST_TAGS = 3
"""Tags that are asked for; one that still has the digest is enough."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a deploy does not go. `final`: the registry says that it is not so; else it could not be asked."""

    reason: str
    final: bool


def doubt(
    remotes: Mapping[str, RemoteRegistry], registry: str, repository: str, tags: Sequence[str], digest: str
) -> Doubt | None:
    """None if one of `tags` of `repository` has `digest` at the registry itself."""
    remote = remotes.get(registry)
    if remote is None:
        return Doubt(f"not confirmed: registries: names no {registry}", final=False)
    said = []
    for tag in tags[:MOST_TAGS]:
        try:
            found = remote.head_manifest(repository, tag)
        except TagtrailError as error:
            return Doubt(f"not confirmed: {error}", final=False)
        if found is not None and str(found.digest) == digest:
            return None
        said.append(f"{tag} is {found.digest if found else 'not there'}")
    return Doubt(f"superseded: the registry says that {', '.join(said)}", final=True)

"""From a path below `/v2/` to what it names. Pure: repository names hold slashes, so paths are read from
their end.
"""

from dataclasses import dataclass
from typing import Literal

from app.domain.names import parse_repository

Kind = Literal["catalog", "manifest", "blob", "uploads", "upload", "tags", "referrers", "repository"]


@dataclass(frozen=True, slots=True)
class Route:
    """`reference` is a tag, a digest or an upload's identifier, not yet parsed; empty for `uploads`,
    `tags` and `repository`, an extension of ours. `catalog` has no repository either.
    """

    kind: Kind
    repository: str
    reference: str = ""


def parse(path: str) -> Route | None:
    """None if there is no such endpoint, InvalidNameError if it has no valid repository name before it."""
    kind: Kind
    match path.split("/"):
        case ["_catalog"]:
            return Route("catalog", "")
        case [*name, "tags", "list"]:
            kind, reference = "tags", ""
        case [*name, "_tagtrail", "repository"]:
            kind, reference = "repository", ""
        case [*name, "blobs", "uploads"] | [*name, "blobs", "uploads", ""]:
            kind, reference = "uploads", ""
        case [*name, "blobs", "uploads", reference]:
            kind = "upload"
        case [*name, "manifests", reference] if reference:
            kind = "manifest"
        case [*name, "referrers", reference] if reference:
            kind = "referrers"
        case [*name, "blobs", reference] if reference:
            kind = "blob"
        case _:
            return None
    return Route(kind, parse_repository("/".join(name)), reference)

"""From a path below `/v2/` to what it names. Pure: repository names hold slashes, so paths are read from
their end.
"""

from dataclasses import dataclass
from typing import Literal

from app.domain.names import parse_repository

Kind = Literal["manifest", "blob", "uploads", "upload", "tags"]


@dataclass(frozen=True, slots=True)
class Route:
    """`reference` is a tag, a digest or an upload's identifier, not yet parsed; empty for `uploads` and
    `tags`.
    """

    kind: Kind
    repository: str
    reference: str = ""


def parse(path: str) -> Route | None:
    """None if there is no such endpoint, InvalidNameError if it has no valid repository name before it."""
    match path.split("/"):
        case [*name, "tags", "list"]:
            return Route("tags", parse_repository("/".join(name)))
        case [*name, "blobs", "uploads"] | [*name, "blobs", "uploads", ""]:
            return Route("uploads", parse_repository("/".join(name)))
        case [*name, "blobs", "uploads", identifier]:
            return Route("upload", parse_repository("/".join(name)), identifier)
        case [*name, "manifests", reference] if reference:
            return Route("manifest", parse_repository("/".join(name)), reference)
        case [*name, "blobs", digest] if digest:
            return Route("blob", parse_repository("/".join(name)), digest)
    return None

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
    found = _split(path)
    if found is None:
        return None
    kind, name, reference = found
    return Route(kind, parse_repository(name) if kind != "catalog" else "", reference)


def kind_of(path: str) -> Kind | None:
    """Of which kind the endpoint is, whatever it may be asked for."""
    found = _split(path)
    return found[0] if found else None


def _split(path: str) -> tuple[Kind, str, str] | None:
    """Kind, repository and reference, as they were written."""
    kind: Kind
    match path.split("/"):
        case ["_catalog"]:
            kind, name, reference = "catalog", list[str](), ""
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
    return kind, "/".join(name), reference

"""What an orchestrator is to run: the image of a change, by its digest."""

from collections.abc import Sequence

from app.domain.digests import is_digest
from app.domain.errors import InvalidNameError
from app.domain.fields import image_of
from app.domain.names import parse_repository
from app.domain.told import Told
from app.settings.templates import RenderError


def check_present(told: Sequence[Told]) -> None:
    """Raise RenderError for a change that leaves nothing to run."""
    after = told[0].after
    if not is_digest(after):
        raise RenderError(f"there is no digest to deploy: after the change it is {after[:80]!r}")


def wanted_image(told: Sequence[Told], pull_from: str | None) -> str:
    """`REGISTRY/REPOSITORY@DIGEST`. Raise RenderError where there is none, or nobody could pull it.

    A registry without a dot or a port is a name of ours: a cluster would take it for a part of Docker Hub.
    """
    check_present(told)
    registry = pull_from or told[0].registry
    if not _is_host(registry):
        raise RenderError(f"the registry is called {registry[:80]!r} here; pull_from: says where to pull from")
    try:
        parse_repository(told[0].repository)
    except InvalidNameError as error:
        raise RenderError(str(error)) from None
    return image_of(registry, told[0])


def _is_host(registry: str) -> bool:
    """As docker reads the first part of an image's name."""
    host = registry.partition("/")[0]
    return host == "localhost" or "." in host or ":" in host

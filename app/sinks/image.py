"""What an orchestrator is to run: the image of a change, by its digest."""

from collections.abc import Sequence

from app.domain.digests import is_digest
from app.domain.errors import InvalidNameError
from app.domain.fields import image_of
from app.domain.names import parse_repository
from app.domain.told import Told
from app.settings.templates import RenderError


def wanted_image(told: Sequence[Told], pull_from: str | None) -> str:
    """`REGISTRY/REPOSITORY@DIGEST`. Raise RenderError for a change that leaves nothing to run."""
    one = told[0]
    if not is_digest(one.after):
        raise RenderError(f"there is no digest to deploy: after the change it is {one.after[:80]!r}")
    try:
        parse_repository(one.repository)
    except InvalidNameError as error:
        raise RenderError(str(error)) from None
    return image_of(pull_from or one.registry, one)

"""Addresses as the configuration has them, and where in it something is."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.domain.errors import TagtrailError
from app.settings import ConfigurationError, Settings
from app.settings.yamlfile import place

if TYPE_CHECKING:
    from pydantic import SecretStr

    from app.outbound import Url


@contextmanager
def told_at(settings: Settings, *where: int | str) -> Iterator[None]:
    """Any error of ours as one of the configuration, with the line that it is about."""
    try:
        yield
    except TagtrailError as error:
        at = (*where, *getattr(error, "at", ()))
        if settings.alone and at[0] == "registry":
            at = at[1:]  # the file is distribution's own
        shown = place(settings.config, at) if settings.config else ".".join(map(str, at))
        raise ConfigurationError(f"{shown}: {error}") from None


def url_of(text: "SecretStr") -> "Url":
    """Raises InvalidUrlError."""
    from app.outbound import Url

    return Url.parse(text.get_secret_value())

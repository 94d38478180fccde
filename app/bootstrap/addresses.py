"""Addresses as the configuration has them."""

from typing import TYPE_CHECKING

from app.settings import ConfigurationError

if TYPE_CHECKING:
    from pydantic import SecretStr

    from app.outbound import Url


def url_of(text: "SecretStr", where: str) -> "Url":
    from app.outbound import InvalidUrlError, Url

    try:
        return Url.parse(text.get_secret_value())
    except InvalidUrlError as error:
        raise ConfigurationError(f"{where}: {error}") from None

"""Doors of destinations that have some of their own: other authorities, a proxy, more time."""

from collections.abc import Callable
from pathlib import Path

from app.domain.times import SECOND_NS
from app.outbound import Door, InvalidUrlError, Proxy, Tls
from app.settings import ConfigurationError
from app.settings.sending import CallingSection


def door_for(section: object, shared: Door) -> Door:
    """The `shared` one unless `section` says otherwise. Raise ConfigurationError, which repeats no secret."""
    if not isinstance(section, CallingSection) or section.is_plain:
        return shared
    ca = section.tls.ca if section.tls else None
    proxy = _proxy(section.proxy.get_secret_value()) if section.proxy else None
    return _made(f"tls.ca: {ca}", lambda: Door(ca, through=proxy, total_s=section.timeout / SECOND_NS))


def own_door(tls: Tls) -> Door:
    """A door that trusts nobody else, and shows itself with its own certificate. Raise ConfigurationError."""
    return _made("its certificates", lambda: Door(tls=tls))


def pem(path: Path) -> str:
    """The text of a file. Raise ConfigurationError."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigurationError(f"{path}: can't be read: {reason}") from None


def _proxy(text: str) -> Proxy:
    try:
        return Proxy.parse(text)
    except InvalidUrlError as error:
        raise ConfigurationError(f"proxy: {error}") from None


def _made(what: str, make: Callable[[], Door]) -> Door:
    try:
        return make()
    except OSError as error:
        raise ConfigurationError(f"{what} can't be used: {error.strerror or type(error).__name__}") from None

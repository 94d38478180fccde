"""Doors of destinations that have some of their own: other authorities, a proxy, more time."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from app.domain.times import SECOND_NS
from app.outbound import Door, Proxy, Tls
from app.settings import ConfigurationError
from app.settings.sending import CallingSection
from app.settings.yamlfile import under


def door_for(section: object, shared: Door) -> Door:
    """The `shared` one unless `section` says otherwise. Raise ConfigurationError, which repeats no secret."""
    if not isinstance(section, CallingSection) or section.is_plain:
        return shared
    ca = section.tls.ca if section.tls else None
    proxy = None
    if section.proxy:
        with under("proxy"):
            proxy = Proxy.parse(section.proxy.get_secret_value())
    with under("tls", "ca"):
        return _made(str(ca), lambda: Door(ca, through=proxy, total_s=section.timeout / SECOND_NS))


def own_door(tls: Tls) -> Door:
    """A door that trusts nobody else, and shows itself with its own certificate. Raise ConfigurationError."""
    return _made("its certificates", lambda: Door(tls=tls))


def trusting(ca: Path) -> Door:
    """A door that trusts the authorities of a file besides the system's. Raise ConfigurationError."""
    with under("tls", "ca"):
        return _made(str(ca), lambda: Door(ca))


class _Files(Protocol):
    """What a section `tls:` names."""

    @property
    def ca(self) -> Path | None: ...
    @property
    def certificate(self) -> Path | None: ...
    @property
    def key(self) -> Path | None: ...


def tls_of(section: _Files) -> Tls:
    """What the files of a `tls:` hold, if it can be used. Raise ConfigurationError."""
    tls = Tls(_pem("ca", section.ca), _pem("certificate", section.certificate), _pem("key", section.key))
    try:
        tls.context()
    except OSError as error:
        raise ConfigurationError(f"can't be used: {error.strerror or type(error).__name__}", ("tls",)) from None
    return tls


def _pem(key: str, path: Path | None) -> str | None:
    try:
        return None if path is None else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigurationError(f"{path}: can't be read: {reason}", ("tls", key)) from None


def _made(what: str, make: Callable[[], Door]) -> Door:
    try:
        return make()
    except OSError as error:
        raise ConfigurationError(f"{what} can't be used: {error.strerror or type(error).__name__}") from None

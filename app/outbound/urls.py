"""URLs of destinations: parsed once, shown without their secrets."""

import ipaddress
import re
import string
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from app.domain.errors import TagtrailError

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?")
_UNWANTED = re.compile(r"[\x00-\x20\x7f\\]")


class InvalidUrlError(TagtrailError, ValueError):
    """A text that names no destination. Says what is wrong and never repeats the text: it may be secret."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"not a usable URL: {reason}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Url:
    """An absolute http or https URL. `host` is lower-case ASCII without brackets; `target` is path and query.

    The repr and `shown` leave the target out: webhook URLs carry their secret there. `public`: what of it is no secret.
    """

    scheme: str
    host: str
    port: int
    target: str = field(repr=False)
    public: str = field(default="…", repr=False, compare=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raise InvalidUrlError for another scheme, a missing host, a user name, spaces or controls."""
        if _UNWANTED.search(text):
            raise InvalidUrlError("it holds a space, a backslash or a control character")
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            # `from None`: the cause repeats the text
            raise InvalidUrlError("its host or port can't be read") from None
        if parts.scheme not in _PORTS:
            raise InvalidUrlError("it must start with http:// or https://")
        if "@" in parts.netloc:
            raise InvalidUrlError("user names and passwords are not taken from URLs")
        if port == 0:
            raise InvalidUrlError("its port is 0")
        return cls(parts.scheme, _host(parts), port or _PORTS[parts.scheme], _target(parts))

    def join(self, reference: str) -> Self:
        """What `reference`, absolute or relative, means in an answer of this URL. Raise InvalidUrlError."""
        try:
            joined = urljoin(str(self), reference)
        except ValueError:
            # `from None`: the cause repeats the text
            raise InvalidUrlError("its host or port can't be read") from None
        return self.parse(joined)

    @property
    def authority(self) -> str:
        """Host and, unless it is the scheme's own, port, as the Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @property
    def shown(self) -> str:
        return self.origin if self.target == "/" else f"{self.origin}/…"

    def __str__(self) -> str:
        return self.origin + self.target


def shown(url: str) -> str:
    """`url` as scheme://host/…, fit for logs and pages; never raises."""
    try:
        return Url.parse(url).shown
    except InvalidUrlError:
        return "(unreadable URL)"


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if ":" in host:
        return _ipv6(host)
    try:
        ascii_host = host if host.isascii() else host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise InvalidUrlError("its host is not a name") from None
    if not _HOST.fullmatch(ascii_host):
        raise InvalidUrlError("its host is missing or not a name")
    return ascii_host


def _ipv6(host: str) -> str:
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        raise InvalidUrlError("its host is not an IPv6 address") from None
    if address.scope_id is not None:
        raise InvalidUrlError("its host names a network interface")
    return str(address)


def _target(parts: SplitResult) -> str:
    query = f"?{parts.query}" if parts.query else ""
    return quote((parts.path or "/") + query, safe=string.punctuation, errors="replace")

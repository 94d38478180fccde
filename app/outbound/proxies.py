"""A proxy that the configuration names; those of the environment are never used."""

import base64
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import unquote

from app.outbound.urls import InvalidUrlError, Url


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy. It finds the addresses of others: what may be reached through it is its own affair."""

    url: Url
    login: tuple[bytes, bytes] | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """`http://[USER:PASSWORD@]HOST:PORT`, or https. Raise InvalidUrlError, which never repeats the text."""
        scheme, slashes, rest = text.partition("://")
        login, _, place = rest.rpartition("@")
        url = Url.parse(f"{scheme}{slashes}{place}")
        if url.target != "/":
            raise InvalidUrlError("a proxy has no path")
        user, _, password = login.partition(":")
        return cls(url, (unquote(user).encode(), unquote(password).encode()) if login else None)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What an answer may repeat of the login: the password, and all of it as the header has it (RFC 7617)."""
        if self.login is None:
            return ()
        return self.login[1].decode(), base64.b64encode(b":".join(self.login)).decode()

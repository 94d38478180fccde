"""A proxy that the configuration names; those of the environment are never used."""

from dataclasses import dataclass, field
from typing import Self

from app.outbound.logins import Login, split_login
from app.outbound.urls import InvalidUrlError, Url


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy. It finds the addresses of others: what may be reached through it is its own affair."""

    url: Url
    login: Login | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """`http://[USER:PASSWORD@]HOST:PORT`, or https. Raise InvalidUrlError, which never repeats the text."""
        place, login = split_login(text)
        url = Url.parse(place)
        if url.target != "/":
            raise InvalidUrlError("a proxy has no path")
        return cls(url, login)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What an answer may repeat of the login: the password, and all of it as the header has it (RFC 7617)."""
        if self.login is None:
            return ()
        return self.login.password.decode(), self.login.encoded

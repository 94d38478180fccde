"""Who is let in: whoever comes, or whom a password lets in. `app.registry.access.tokens` has who comes with a token."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from app.domain.errors import TagtrailError
from app.registry.access.scopes import Scope, Visitor


@dataclass(frozen=True, slots=True)
class Shown:
    """What a request shows of who makes it. `base_url`: this registry as the client sees it."""

    base_url: Callable[[], str]
    now_s: int
    login: tuple[str, str] | None = None
    token: str | None = None

    @classmethod
    def of(cls, authorization: str, base_url: Callable[[], str], now_s: int) -> Self:
        """What the header holds: a user and a password (RFC 7617, in UTF-8), a token (RFC 6750), or neither."""
        scheme, _, rest = authorization.partition(" ")
        match scheme.lower():
            case "basic":
                return cls(base_url, now_s, login=_login(rest.strip()))
            case "bearer":
                return cls(base_url, now_s, token=rest.strip())
        return cls(base_url, now_s)


def _login(text: str) -> tuple[str, str] | None:
    try:
        user, colon, password = base64.b64decode(text, validate=True).decode().partition(":")
    except ValueError:
        return None
    return (user, password) if colon else None


class UnauthorizedError(TagtrailError):
    """Not let in. `challenge`: what would help (WWW-Authenticate); `wanted` is what it was about.

    `wrong_password`: one was given, and it is not right.
    """

    def __init__(self, challenge: str, wanted: Sequence[Scope], *, wrong_password: bool = False) -> None:
        super().__init__("authentication required")
        self.challenge = challenge
        self.details: list[Any] = [
            {"Type": scope.kind, "Class": "", "Name": scope.name, "Action": action}
            for scope in wanted
            for action in scope.actions
        ]
        self.wrong_password = wrong_password


class Gate(Protocol):
    def admit(self, shown: Shown, wanted: Sequence[Scope]) -> Visitor:
        """Who it is that may do all that is wanted. Raises UnauthorizedError."""


class Open:
    """Lets everybody in and believes nobody's name."""

    def admit(self, shown: Shown, wanted: Sequence[Scope]) -> Visitor:  # noqa: ARG002  a protocol's signature
        return Visitor(None)


@dataclass(frozen=True, slots=True)
class ByPassword:
    """Those whom `knows` may do everything."""

    realm: str
    knows: Callable[[str, str], bool]

    def admit(self, shown: Shown, wanted: Sequence[Scope]) -> Visitor:
        if shown.login is not None and self.knows(*shown.login):
            return Visitor(shown.login[0])
        raise UnauthorizedError(basic(self.realm), wanted, wrong_password=shown.login is not None)


def basic(realm: str) -> str:
    return f"Basic realm={quoted(realm)}"


def quoted(text: str) -> str:
    """As a quoted string (RFC 9110 §5.6.4); what no header may hold is left out."""
    kept = "".join(letter for letter in text if " " <= letter <= "~")
    return '"' + kept.replace("\\", "\\\\").replace('"', '\\"') + '"'

"""A user name and a password that stand in a URL."""

import base64
import re
from typing import NamedTuple
from urllib.parse import unquote


class Login(NamedTuple):
    user: bytes
    password: bytes

    @property
    def encoded(self) -> str:
        """As the header has it after `Basic` (RFC 7617)."""
        return base64.b64encode(b":".join(self)).decode()


def split_login(url: str) -> tuple[str, Login | None]:
    """`url` without the login that stands before its host, if any does."""
    scheme, slashes, rest = url.partition("://")
    (place,) = re.findall(r"\A[^/?#]*", rest)
    login, _, host = place.rpartition("@")
    user, _, password = login.partition(":")
    known = Login(unquote(user).encode(), unquote(password).encode()) if login else None
    return f"{scheme}{slashes}{host}{rest[len(place) :]}", known

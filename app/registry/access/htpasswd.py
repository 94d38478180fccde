"""Users and their passwords, from a file as Apache's `htpasswd -B` writes it (bcrypt, and nothing else)."""

import hmac
import logging
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import bcrypt

from app.registry.access.followed import Followed

log = logging.getLogger(__name__)

_BCRYPT = (b"$2a$", b"$2b$", b"$2y$")
_MOST_BYTES = 72
"""Of a password; bcrypt looks at no more."""
_NOBODY = b"$2b$10$abcdefghijklmnopqrstuusc8YKnBHuNPQLWpe5l4M25Tt/dIcH86"
"""What is compared where there is no user at all."""


@dataclass(frozen=True, slots=True)
class Users:
    """bcrypt's hashes by user."""

    hashes: Mapping[str, bytes]

    @classmethod
    def parse(cls, content: bytes) -> "Users":
        """From lines of `user:hash`. Comments (`#`), other hashes and what is no such line let nobody in."""
        found: dict[str, bytes] = {}
        for line in content.decode("utf-8", "replace").splitlines():
            user, colon, hashed = line.strip().partition(":")
            if colon and user and not user.startswith("#"):
                found[user] = hashed.encode()
        return cls({user: hashed for user, hashed in found.items() if hashed.startswith(_BCRYPT)})

    def knows(self, user: str, password: str) -> bool:
        """For one that is not there it takes as long."""
        hashed = self.hashes.get(user, next(iter(self.hashes.values()), _NOBODY))
        try:
            matches = bcrypt.checkpw(password.encode()[:_MOST_BYTES], hashed)
        except ValueError:  # a hash that was cut, a password that is no text
            return False
        return matches and user in self.hashes


class Htpasswd:
    """The users of a file, which is read again when it changes: nobody while it can't be read.

    bcrypt is slow so that guessing is. What it said of a password and a hash holds for KEPT_S, known by a code that
    only this process can make.
    """

    KEPT_S = 60.0
    MOST_KEPT = 1024
    AT_ONCE = 2
    """Comparisons: guessing must not take all processors from what is known."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._followed = Followed([path], self._read)
        self._lock = threading.Lock()
        self._key = secrets.token_bytes(32)
        self._turns = threading.BoundedSemaphore(self.AT_ONCE)
        self._said: OrderedDict[bytes, tuple[float, bool]] = OrderedDict()

    @property
    def users(self) -> Users:
        """Those of now."""
        return self._followed.now()

    def knows(self, user: str, password: str) -> bool:
        users = self.users
        code = self._code(users.hashes.get(user, b""), user, password)
        said_at, known = self._said.get(code, (0.0, False))
        if said_at and time.monotonic() - said_at < self.KEPT_S:
            return known
        with self._turns:
            known = users.knows(user, password)
        with self._lock:
            self._said[code] = (time.monotonic(), known)
            self._said.move_to_end(code)
            if len(self._said) > self.MOST_KEPT:
                self._said.popitem(last=False)
        return known

    def _code(self, hashed: bytes, user: str, password: str) -> bytes:
        asked = f"{len(hashed)}:{len(user)}:{user}{password}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, hashed + asked, "sha256")

    def _read(self) -> Users:
        try:
            return Users.parse(self._path.read_bytes())
        except OSError as error:
            log.warning("%s can't be read, and lets nobody in: %s", self._path, error.strerror)
            return Users({})

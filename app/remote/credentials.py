"""Who we are to a registry: as configured, or as `docker login` left it in config.json."""

import base64
import binascii
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.domain.errors import TagtrailError

_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HELPER_WITHIN_S = 10.0
_NONE_STORED = "credentials not found"
_IDENTITY = "<token>"
"""The user name by which a helper says that its secret is an identity token."""
_DOCKER_HUB = "https://index.docker.io/v1/"


@dataclass(frozen=True, slots=True)
class Login:
    """A name and its password, or where `identity_token` is set a refresh token of OAuth2 (RFC 6749 §6)."""

    username: str
    password: str = field(default="", repr=False)
    identity_token: str | None = field(default=None, repr=False)

    @property
    def basic(self) -> str:
        """The value of an Authorization header (RFC 7617)."""
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


Credentials = Callable[[], Login | None]
"""Asked when a registry wants to know who we are; None is somebody without a name. Raises CredentialsError."""


class CredentialsError(TagtrailError):
    """Credentials that can't be had. Says where they were sought, never what was found."""


def nobody() -> Login | None:
    return None


def from_docker(path: Path, registry: str) -> Login | None:
    """The login of `registry` (host[:port], or docker.io) in a docker config.json. Raises CredentialsError.

    A helper for this registry goes before the store for all, and that before what the file holds itself. No file is no
    login.
    """
    config = _read(path)
    helpers = config.get("credHelpers")
    helper = helpers.get(registry) if isinstance(helpers, dict) else None
    for name in (helper, config.get("credsStore")):
        if name and (found := _from_helper(str(name), _server(registry))):
            return found
    auths = config.get("auths")
    entries = (auths.get(key) for key in _keys(registry)) if isinstance(auths, dict) else ()
    return next((login for entry in entries if (login := _login(path, registry, entry))), None)


def _read(path: Path) -> Mapping[str, Any]:
    try:
        config = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise CredentialsError(f"{path} can't be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise CredentialsError(f"{path} is not JSON") from None  # `from None`: the cause holds the text
    if not isinstance(config, dict):
        raise CredentialsError(f"{path} is no docker configuration")
    return config


def _server(registry: str) -> str:
    """What helpers know a registry as."""
    return _DOCKER_HUB if registry == "docker.io" else registry


def _keys(registry: str) -> Iterator[str]:
    """As docker's versions have spelt a registry."""
    names = (registry, "index.docker.io", "registry-1.docker.io") if registry == "docker.io" else (registry,)
    for name in names:
        yield name
        for version in ("", "/", "/v1/", "/v2/"):
            yield f"https://{name}{version}"
        yield f"http://{name}"


def _login(path: Path, registry: str, entry: object) -> Login | None:
    if not isinstance(entry, dict):
        return None
    if token := entry.get("identitytoken"):
        return Login("", identity_token=str(token))
    if entry.get("username"):
        return Login(str(entry["username"]), str(entry.get("password", "")))
    if not entry.get("auth"):
        return None
    try:
        pair = base64.b64decode(str(entry["auth"]), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise CredentialsError(f"{path}: the auth of {registry} is not base64") from None
    username, _, password = pair.partition(":")
    return Login(username, password.rstrip("\0"))


def _from_helper(name: str, server: str) -> Login | None:
    """What `docker-credential-NAME get` knows, run without a shell. Raises CredentialsError."""
    program = shutil.which(f"docker-credential-{name}") if _HELPER.fullmatch(name) else None
    if program is None:
        raise CredentialsError(f"the credential helper docker-credential-{name[:64]} is not installed")
    try:
        status, answer, complaint = _run(program, server)
    except subprocess.TimeoutExpired:
        raise CredentialsError(f"docker-credential-{name} gave no answer within {_HELPER_WITHIN_S:.0f} s") from None
    except OSError as error:
        raise CredentialsError(f"docker-credential-{name} can't be run: {error.strerror}") from None
    if status == 0:
        return _said(name, answer)
    if _NONE_STORED in (answer + complaint).decode("utf-8", "replace"):
        return None
    raise CredentialsError(f"docker-credential-{name} failed with status {status}")


def _run(program: str, server: str) -> tuple[int, bytes, bytes]:
    """Status, stdout and stderr. What runs too long is killed with all that it has started."""
    pipe = subprocess.PIPE
    command = [program, "get"]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True) as process:
        try:
            answer, complaint = process.communicate(server.encode(), _HELPER_WITHIN_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return process.returncode, answer, complaint


def _said(name: str, answer: bytes) -> Login | None:
    try:
        said = json.loads(answer)
        username, secret = said["Username"], said["Secret"]
    except (ValueError, LookupError, TypeError, RecursionError):
        raise CredentialsError(f"docker-credential-{name} gave no credentials in JSON") from None
    if not secret:
        return None
    return Login("", identity_token=str(secret)) if username == _IDENTITY else Login(str(username), str(secret))

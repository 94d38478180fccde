"""Sends calls to one registry, and answers what it demands: Basic (RFC 7617) or a token (distribution's token flow).

Credentials go only over https or to loopback, and a token's realm is asked only on the registry's own host or where
configuration says so: whoever answers for a registry must not be able to send us, or a password, elsewhere.
"""

import ipaddress
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from app.outbound import Answer, Call, Door, InvalidUrlError, Limits, Url
from app.remote.challenges import Challenge, parse
from app.remote.credentials import Credentials, Login, nobody
from app.remote.errors import RemoteError

_TOKEN_LIMITS = Limits(total_s=15.0, answer_bytes=256 * 1024)
_CLIENT_ID = "tagtrail"
_DEFAULT_LIFE_S = 60
"""What a token lives if its server doesn't say (distribution's docs, "Token Authentication Specification")."""
_LONGEST_LIFE_S = 3600
_LEEWAY_S = 10
_MOST_TOKENS = 4096
_EVERYTHING = ("*", True)
"""What a password is good for; no repository has this name."""
_USABLE = re.compile(r"[\x21-\x7e]+")
_REPOSITORY = re.compile(r"/v2/(.+)/(?:manifests|blobs|tags)/")


@dataclass(frozen=True, slots=True)
class Trust:
    """Who we are to a registry, and on which origins (scheme://host[:port]) besides its host tokens may be got."""

    credentials: Credentials = field(default=nobody, repr=False)
    realms: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Token:
    authorization: str = field(repr=False)
    until_s: float


@dataclass(slots=True)
class Access:
    """Threads may share it. `now_s` is a clock that only goes forward."""

    door: Door
    registry: Url
    trust: Trust = field(default_factory=Trust)
    now_s: Callable[[], float] = time.monotonic
    _tokens: dict[tuple[str, bool], _Token] = field(default_factory=dict, repr=False)

    def send(self, call: Call, limits: Limits) -> Answer:
        """The answer to `call`, after one challenge at most. Raises OutboundError, RemoteError, CredentialsError.

        A body that can be read only once is not sent twice: its 401 is handed on.
        """
        about = _about(call)
        answer = self.door.send(_with(call, self._held(about)), limits)
        if answer.status != 401 or not (call.body is None or isinstance(call.body, bytes)):
            return answer
        for known in (about, _EVERYTHING):
            self._tokens.pop(known, None)
        token = self._meet(parse(value for name, value in answer.headers if name == "www-authenticate"))
        if token is None:
            return answer
        self._keep(_EVERYTHING if token.authorization.startswith("Basic ") else about, token)
        return self.door.send(_with(call, token.authorization), limits)

    def _held(self, about: tuple[str, bool]) -> str | None:
        token = self._tokens.get(about) or self._tokens.get(_EVERYTHING)
        return token.authorization if token is not None and self.now_s() < token.until_s else None

    def _keep(self, about: tuple[str, bool], token: _Token) -> None:
        if len(self._tokens) >= _MOST_TOKENS:
            self._tokens.clear()
        self._tokens[about] = token

    def _meet(self, challenges: list[Challenge]) -> _Token | None:
        """What to show, or None where nothing of ours would help."""
        by_scheme = {challenge.scheme: challenge for challenge in reversed(challenges)}
        if "bearer" in by_scheme:
            return self._get_token(by_scheme["bearer"])
        login = self._login(self.registry) if "basic" in by_scheme else None
        if login is None or login.identity_token is not None:
            return None
        return _Token(login.basic, self.now_s() + _LONGEST_LIFE_S)

    def _login(self, place: Url) -> Login | None:
        """Who we are, if that may be told at `place`. Raises RemoteError where it may not."""
        login = self.trust.credentials()
        if login is not None and place.scheme != "https" and not is_loopback(place.host):
            raise self._refused(f"credentials go only over https, not to {place.shown}")
        return login

    def _get_token(self, challenge: Challenge) -> _Token:
        realm = self._realm(challenge.parameters.get("realm"))
        call = _token_call(realm, challenge.parameters, self._login(realm))
        answer = self.door.send(call, _TOKEN_LIMITS)
        if answer.status != 200 or answer.truncated:
            raise self._refused(f"{realm.shown} gave no token", answer.status)
        return self._token(realm, answer.body)

    def _realm(self, text: str | None) -> Url:
        try:
            realm = Url.parse(text or "")
        except InvalidUrlError:
            raise self._refused("its token realm is no URL") from None
        if realm.host != self.registry.host and realm.origin not in self.trust.realms:
            raise self._refused(f"its tokens are given at {realm.origin}, which its token_realms: does not list")
        return realm

    def _token(self, realm: Url, body: bytes) -> _Token:
        try:
            told = json.loads(body)
            token = told.get("token") or told.get("access_token")
        except (ValueError, AttributeError, RecursionError):
            raise self._refused(f"the answer of {realm.shown} is not JSON") from None  # the cause holds the answer
        if not isinstance(token, str) or not _USABLE.fullmatch(token):
            raise self._refused(f"{realm.shown} gave no token")
        return _Token(f"Bearer {token}", self.now_s() + _life_s(told.get("expires_in")))

    def _refused(self, reason: str, status: int = 401) -> RemoteError:
        return RemoteError(self.registry.authority, "authenticate", status, None, reason)


def _about(call: Call) -> tuple[str, bool]:
    """What a token is good for: the repository, and whether more than reading is asked."""
    match = _REPOSITORY.match(call.url.target)
    return match[1] if match else "", call.method not in ("GET", "HEAD")


def _with(call: Call, authorization: str | None) -> Call:
    return replace(call, headers={**call.headers, "Authorization": authorization}) if authorization else call


def _token_call(realm: Url, challenge: Any, login: Login | None) -> Call:
    """By GET, with Basic if we have a name; an identity token is exchanged by POST, as OAuth2 wants it."""
    asked = {name: challenge[name] for name in ("service", "scope") if challenge.get(name)}
    if login is not None and login.identity_token is not None:
        form = asked | {
            "grant_type": "refresh_token", "client_id": _CLIENT_ID, "refresh_token": login.identity_token,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return Call("POST", realm, headers, urlencode(form).encode())
    scopes = [("scope", scope) for scope in asked.pop("scope", "").split()]
    query = urlencode([*asked.items(), *scopes])
    separator = "&" if "?" in realm.target else "?"
    url = replace(realm, target=f"{realm.target}{separator}{query}" if query else realm.target)
    return Call("GET", url, {"Authorization": login.basic} if login else {})


def _life_s(told: object) -> float:
    """How long a token is used: until shortly before it ends, so that none ends on its way."""
    life_s = told if isinstance(told, int | float) and not isinstance(told, bool) else _DEFAULT_LIFE_S
    return min(max(life_s - _LEEWAY_S, 0), _LONGEST_LIFE_S)


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

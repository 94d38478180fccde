"""A small double of the documented token API (distribution: "Token Authentication Specification"), and a registry's
front that wants its tokens: what is asked with a good one is answered by the registry behind it.
"""

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from listener import Heard, Reply

SERVICE = "registry.example"


@dataclass
class TokenServer:
    """Gives a token for each scope to those whose Basic or refresh token it knows, or to everybody."""

    passwords: Mapping[str, str] = field(default_factory=dict)
    refresh_tokens: frozenset[str] = frozenset()
    expires_in: object = 300
    given: list[str] = field(default_factory=list)

    def __call__(self, heard: Heard) -> Reply:
        if not self._knows(heard):
            return Reply(401, {}, b'{"errors": [{"code": "UNAUTHORIZED"}]}')
        scopes = self._asked(heard).get("scope", [""])
        token = f"token-{len(self.given)}-{base64.urlsafe_b64encode(' '.join(scopes).encode()).decode().rstrip('=')}"
        self.given.append(token)
        name = "token" if heard.method == "GET" else "access_token"
        return Reply(200, {}, json.dumps({name: token, "expires_in": self.expires_in}).encode())

    def _asked(self, heard: Heard) -> dict[str, list[str]]:
        return parse_qs(heard.body.decode() if heard.method == "POST" else urlsplit(heard.path).query)

    def _knows(self, heard: Heard) -> bool:
        if heard.method == "POST":
            asked = self._asked(heard)
            return asked["grant_type"] == ["refresh_token"] and asked["refresh_token"][0] in self.refresh_tokens
        if not self.passwords:
            return True
        scheme, _, pair = heard.headers.get("authorization", "").partition(" ")
        username, _, password = base64.b64decode(pair).decode().partition(":") if scheme == "Basic" else ("", "", "")
        return self.passwords.get(username) == password


def guarded(tokens: TokenServer, realm: str, registry: str) -> Callable[[Heard], Reply]:
    """A registry's front: `registry` (host:port) answers what comes with a token for it, else there is a challenge."""

    def answer(heard: Heard) -> Reply:
        if urlsplit(heard.path).path == "/token":
            return tokens(heard)
        token = heard.headers.get("authorization", "").removeprefix("Bearer ")
        if token in tokens.given and _scope(heard) in _granted(token):
            return _asked_of(registry, heard)
        challenge = f'Bearer realm="{realm}",service="{SERVICE}",scope="{_scope(heard)}"'
        return Reply(401, {"WWW-Authenticate": challenge}, b'{"errors": [{"code": "UNAUTHORIZED"}]}')

    return answer


def _scope(heard: Heard) -> str:
    path = urlsplit(heard.path).path
    if path == "/v2/_catalog":
        return "registry:catalog:*"
    name = path.removeprefix("/v2/").rpartition("/")[0].rpartition("/")[0]
    return f"repository:{name}:{'pull' if heard.method in ('GET', 'HEAD') else 'pull,push'}"


def _granted(token: str) -> list[str]:
    encoded = token.split("-", 2)[2]
    return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode().split()


def _asked_of(registry: str, heard: Heard) -> Reply:
    request = urllib.request.Request(f"http://{registry}{heard.path}", method=heard.method)
    for name in ("accept", "content-type"):
        if name in heard.headers:
            request.add_header(name, heard.headers[name])
    try:
        with urllib.request.urlopen(request, heard.body or None, timeout=10) as answer:
            return Reply(answer.status, _kept(answer.headers), answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, _kept(error.headers), error.read())


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    kept = ("Docker-Content-Digest", "Content-Type", "Content-Length", "Link")
    return {name: value for name, value in headers.items() if name in kept}



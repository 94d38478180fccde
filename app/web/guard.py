"""What a request must show before anything looks at it (DESIGN decision 16)."""

import hmac
from collections.abc import Callable
from urllib.parse import urlsplit

from flask import Request, Response, request

from app.settings import Settings
from app.settings.load import is_loopback
from app.web.problems import problem

SAFE = ("GET", "HEAD", "OPTIONS")
_OWN_PROOF = ("/hooks/", "/v2/", "/livez", "/readyz")
"""Paths that prove their caller another way, or show nothing."""


def make_guard(settings: Settings) -> Callable[[], Response | None]:
    """For Flask's before_request. Browsers reach loopback, so names and origins of requests are checked there too."""
    own = urlsplit(settings.public_url).hostname
    hosts = frozenset(name.lower() for name in (*settings.file.web.hosts, settings.host, own or "") if name)
    token = settings.access_token() if settings.open_to_others else None

    def guard() -> Response | None:
        host = _host_name(request.host)
        if not (is_loopback(host) or host in hosts):
            return problem(421, "this name is not served here; list it under web.hosts", {"host": host})
        if request.method not in SAFE and not _same_site(request):
            return problem(403, "a page of another site may not do this")
        if token and not request.path.startswith(_OWN_PROOF) and not _shows(request, token):
            headers = {"WWW-Authenticate": 'Basic realm="tagtrail"'}
            return problem(401, "give the access token as Bearer, or as the password of Basic", headers=headers)
        return None

    return guard


def _host_name(host: str) -> str:
    return (urlsplit(f"//{host}").hostname or "").lower() if "@" not in host else ""


def _same_site(asked: Request) -> bool:
    """Browsers say where a request comes from; programs don't."""
    origin = asked.headers.get("Origin")
    if origin is None:
        return True
    try:
        return urlsplit(origin).netloc.lower() == asked.host.lower()
    except ValueError:  # no URL at all
        return False


def _shows(asked: Request, token: str) -> bool:
    given = asked.authorization
    if given is None:
        return False
    shown = given.token if given.type == "bearer" else given.password
    return shown is not None and hmac.compare_digest(shown.encode(), token.encode())

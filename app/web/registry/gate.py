"""What stands before `/v2/` where a registry is served alone."""

from collections.abc import Callable
from functools import lru_cache
from urllib.parse import urlsplit

from flask import Response, request

from app.registry.errors import DENIED, UNAVAILABLE
from app.registry.health import Health
from app.settings.load import Settings, is_loopback
from app.web.oci import error_answer
from app.web.registry.causes import networks, seen
from app.web.registry.manner import WRITING


def while_well(health: Health) -> Callable[[], Response | None]:
    """For before_request: nothing is served while a check fails. The checks' names are told, not their reasons."""

    def refuse() -> Response | None:
        faults = health.faults
        return error_answer(UNAVAILABLE, *faults) if faults else None

    return refuse


def from_no_other_site(settings: Settings) -> Callable[[], Response | None]:
    """For before_request. Browsers reach loopback, where nobody has to prove anything: other sites' pages must not.

    Elsewhere access is configured, or a reason given why it need not be (decision 16).
    """
    section = settings.registry
    trusted, own = networks(section.http.trustedproxies), _host(section.http.host)
    known_as = lru_cache(1024)(_host)
    here = lru_cache(1024)(is_loopback)
    shared = any(name.lower() == "access-control-allow-origin" for name in section.http.headers)

    def same(origin: str) -> bool:
        return origin.partition("://")[2].lower() == request.host.lower()

    def refuse() -> Response | None:
        host = known_as(f"//{request.host}")
        if not here(host) and host != own and seen(request, trusted).host == request.host:
            return error_answer(DENIED, f"{host} is not served here; configure http.host, http.trustedproxies or auth")
        origin = request.headers.get("Origin")
        if origin is not None and request.method in WRITING and not shared and not same(origin):
            return error_answer(DENIED, "a page of another site may not do this")
        return None

    def let_in() -> Response | None:
        return None

    return let_in if settings.open_to_others or section.auth else refuse


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # brackets that hold no address
        return ""

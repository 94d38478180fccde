"""Who asks for what, as events tell it."""

import ipaddress
import uuid
from collections.abc import Callable, Sequence

from flask import Request
from werkzeug.wrappers import Request as AnyRequest

from app.bootstrap.registry import Served
from app.domain.registry_events import Cause
from app.registry.notify import Listener, Silent
from app.settings.registry import Http
from app.web.registry.forwarded import Network, Seen, see

REQUEST_ID = "tagtrail.request_id"
"""In the WSGI environment: what the log calls the request, if it has called it anything yet."""
ACTOR = "tagtrail.actor"
"""There too: the name of who has proved who they are."""


def listener_for(served: Served) -> Callable[[Request], Listener]:
    trusted, recorder = networks(served.section.http.trustedproxies), served.recorder

    def listener(request: Request) -> Listener:
        return Silent() if recorder is None else recorder.listener(_cause(served, request, seen(request, trusted)))

    return listener


def url_for(served: Served) -> Callable[[Request], str]:
    """What says how the client of a request reaches this registry."""
    http = served.section.http
    trusted = networks(http.trustedproxies)
    return lambda request: _url(http, seen(request, trusted))


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


def seen(request: AnyRequest, trusted: Sequence[Network]) -> Seen:
    """The client, as far as the proxies in front of us may be believed."""
    address, port = request.environ.get("REMOTE_ADDR", ""), request.environ.get("REMOTE_PORT", "")
    host = f"[{address}]" if ":" in address and port else address
    peer = Seen(f"{host}:{port}" if port else address, request.scheme, request.host)
    return see(peer, dict(request.headers), trusted) if trusted else peer


def _cause(served: Served, request: Request, client: Seen) -> Cause:
    http = served.section.http
    return Cause(
        request_id=request.environ.get(REQUEST_ID) or str(uuid.uuid4()),
        addr=client.address,
        host=client.host,
        method=request.method,
        user_agent=request.headers.get("User-Agent", ""),
        base_url="" if http.relativeurls else _url(http, client),
        node=served.node,
        instance=served.instance,
        actor=request.environ.get(ACTOR),
    )


def _url(http: Http, client: Seen) -> str:
    return http.host.rstrip("/") or f"{client.scheme}://{client.host}"

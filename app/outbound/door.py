"""The door itself: a pool of kept connections over the checked network."""

import ssl
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h11
import httpcore

from app.outbound.calls import Answer, Call, Head, Limits
from app.outbound.errors import Fault, OutboundError
from app.outbound.network import CheckedNetwork, Resolve, look_up
from app.outbound.proxies import Proxy
from app.outbound.tls import Tls
from app.outbound.urls import InvalidUrlError, Url

_DEFAULT_LIMITS = Limits()
_KEPT_FOR_S = 4.0  # below the 5 s after which common servers close an idle connection


@dataclass(frozen=True, slots=True)
class Incoming(Head):
    """An answer whose body is still coming; `chunks` can be read once, inside the `with` of `Door.open`."""

    chunks: Iterator[bytes] = field(default_factory=lambda: iter(()), repr=False)


class Door:
    """What a process calls the outside through. Threads share it; it is closed at the end, or with its last user.

    A name is looked up for each new connection and each address checked (`addresses.refusal`). Certificates
    are verified against the host's name, by the system's authorities and those of `ca_file`. Bodies pass as
    they are: no compression is offered, so none can blow up.
    """

    def __init__(
        self,
        ca_file: Path | None = None,
        resolve: Resolve = look_up,
        *,
        tls: Tls | None = None,
        through: Path | Proxy | None = None,
        total_s: float = _DEFAULT_LIMITS.total_s,
    ) -> None:
        """Raise OSError (ssl.SSLError is one) for a `ca_file` or `tls` that can't be used.

        `through` a Unix socket every call goes to who listens there, whatever its URL's host; a proxy looks up the
        names itself. `total_s` is how long a call may take, for those who have no other wish; `secrets`
        are what it shows to a proxy.
        """
        context = tls.context() if tls is not None else httpcore.default_ssl_context()
        if ca_file is not None:
            context.load_verify_locations(ca_file)
        self.tls, self.network = context, CheckedNetwork(resolve)
        self._user_agent = f"Tagtrail/{version('tagtrail')}"
        self.total_s = total_s
        self.secrets = through.secrets if isinstance(through, Proxy) else ()
        self._pool = _pool(context, self.network, through)
        weakref.finalize(self, self._pool.close)  # nobody closes the door of a destination that is configured anew

    def send(self, call: Call, limits: Limits = _DEFAULT_LIMITS) -> Answer:
        """Send `call` once and read the answer, whatever its status. Raise OutboundError."""
        started = time.monotonic_ns()
        with self.open(call, limits) as incoming:
            body, truncated = _read(incoming.chunks, limits.answer_bytes)
        duration_ns = time.monotonic_ns() - started
        return Answer(incoming.status, incoming.headers, incoming.redirect, body, truncated, duration_ns)

    @contextmanager
    def open(self, call: Call, limits: Limits = _DEFAULT_LIMITS) -> Iterator[Incoming]:
        """Send `call` once and hand over the body as it comes. Raise OutboundError, here or in `chunks`.

        Leaving the `with` before the end of the body gives the connection up.
        """
        with _translated():
            response = self._pool.handle_request(self._request(call, limits))
        try:
            head = _head(call.url, response)
            yield Incoming(head.status, head.headers, head.redirect, _chunks(response))
        finally:
            response.close()

    def close(self) -> None:
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _request(self, call: Call, limits: Limits) -> httpcore.Request:
        url, now = call.url, time.monotonic()
        deadline = now + limits.total_s
        headers = {"Host": url.authority, "User-Agent": self._user_agent, **_framing(call), **call.headers}
        encoded = [(name.encode(), value.encode("utf-8", "replace")) for name, value in headers.items()]
        timeout = {"connect": min(deadline, now + limits.connect_s), "read": deadline, "write": deadline}
        return httpcore.Request(
            call.method,
            httpcore.URL(scheme=url.scheme, host=url.host, port=url.port, target=url.target),
            headers=encoded,
            content=call.body,
            extensions={"timeout": timeout},
        )


def _pool(
    context: ssl.SSLContext, network: httpcore.NetworkBackend, through: Path | Proxy | None
) -> httpcore.ConnectionPool:
    kept: dict[str, Any] = {
        "ssl_context": context,
        "max_connections": None,
        "max_keepalive_connections": 20,
        "keepalive_expiry": _KEPT_FOR_S,
        "network_backend": network,
    }
    if not isinstance(through, Proxy):
        return httpcore.ConnectionPool(uds=str(through) if through is not None else None, **kept)
    own = context if through.url.scheme == "https" else None
    return httpcore.HTTPProxy(through.url.origin, through.login, proxy_ssl_context=own, **kept)


def _framing(call: Call) -> dict[str, str]:
    """How the end of the body is told (RFC 9112 §6), unless the caller tells it."""
    if call.body is None:
        return {}
    if isinstance(call.body, bytes):
        return {"Content-Length": str(len(call.body))}
    return {} if "Content-Length" in call.headers else {"Transfer-Encoding": "chunked"}


def _head(url: Url, response: httpcore.Response) -> Head:
    headers = tuple((key.decode("ascii").lower(), value.decode("latin-1")) for key, value in response.headers)
    head = Head(response.status, headers)
    location = head.header("location")
    if location is None or not 300 <= head.status < 400:
        return head
    return Head(head.status, headers, _shown_from(url, location))


def _shown_from(url: Url, location: str) -> str:
    try:
        return url.join(location).shown
    except InvalidUrlError:
        return "(unreadable URL)"


def _chunks(response: httpcore.Response) -> Iterator[bytes]:
    try:
        with _translated():
            yield from response.iter_stream()
    except OutboundError as error:
        error.status = response.status
        raise


def _read(chunks: Iterator[bytes], limit: int) -> tuple[bytes, bool]:
    """The body, at most `limit` bytes of it, and whether there was more."""
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > limit:
            return bytes(body[:limit]), True
    return bytes(body), False


@contextmanager
def _translated() -> Iterator[None]:
    """httpcore's errors as ours. `from None`: theirs quote headers of the request and bytes of the answer."""
    try:
        yield
    except httpcore.ProxyError as error:
        raise OutboundError(Fault.CONNECT, f"the proxy answered {str(error)[:3]}") from None
    except httpcore.RemoteProtocolError:
        raise OutboundError(Fault.PROTOCOL, "the answer is not HTTP, or ended early") from None
    except (httpcore.LocalProtocolError, h11.LocalProtocolError):
        raise OutboundError(Fault.PROTOCOL, "the request can't be sent as HTTP") from None

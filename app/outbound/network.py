"""Connections whose address was checked, and whose every wait ends by a deadline. Nothing else opens sockets.

httpcore hands its `timeout` values through to its network backend untouched, so in this backend they are not
lengths but moments: seconds of `time.monotonic()` by which the operation has to be over. Only so has a call
of many small reads, each quick enough, an end.
"""

import ipaddress
import queue
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpcore

from app.outbound.addresses import Address, refusal
from app.outbound.errors import Fault, OutboundError

Resolve = Callable[[str, int], Sequence[str]]
"""Addresses of a host name, the best first; raises OSError where there are none."""


def look_up(host: str, port: int) -> Sequence[str]:
    """What the system's resolver knows, each address once."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


class CheckedNetwork(httpcore.NetworkBackend):
    """Resolves a name once, drops refused addresses, and connects to one of those that are left.

    What was checked is what is connected to: there is no second look-up that could answer otherwise.
    """

    def __init__(self, resolve: Resolve = look_up) -> None:
        self._resolve = resolve

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *_: Any, **__: Any
    ) -> httpcore.NetworkStream:
        """`timeout` is a moment, as the module says; no other option is ever set. Raise OutboundError."""
        addresses = _allowed(host, self._addresses(host, port, timeout))
        for left, address in zip(range(len(addresses), 1, -1), addresses, strict=False):
            share = time.monotonic() + _remaining(timeout, "connecting") / left
            try:
                return _connect(address, port, share)
            except OutboundError:
                continue
        return _connect(addresses[-1], port, timeout)

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, *_: Any, **__: Any
    ) -> httpcore.NetworkStream:
        """`timeout` is a moment. The configuration names `path`: there is no address to check. Raise OutboundError."""
        with _translated(f"connecting to {path}", Fault.CONNECT):
            remaining = _remaining(timeout, f"connecting to {path}")
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                sock.settimeout(remaining)
                sock.connect(path)
            except OSError:
                sock.close()
                raise
        return CheckedStream(sock)

    def _addresses(self, host: str, port: int, deadline: float | None) -> list[Address]:
        try:
            return [ipaddress.ip_address(host)]
        except ValueError:
            pass
        try:
            return [ipaddress.ip_address(found) for found in self._resolve_by(deadline, host, port)]
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, socket.gaierror) else type(error).__name__
            raise OutboundError(Fault.DNS, f"{host}: {reason}") from error

    def _resolve_by(self, deadline: float | None, host: str, port: int) -> Sequence[str]:
        """Ask in a thread, because the system's resolver knows no deadline; a late answer is dropped."""
        answers: queue.SimpleQueue[Sequence[str] | OSError | ValueError] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answers.put(self._resolve(host, port))
            except (OSError, ValueError) as error:
                answers.put(error)

        threading.Thread(target=ask, name="look-up", daemon=True).start()
        try:
            answer = answers.get(timeout=_remaining(deadline, f"looking up {host}"))
        except queue.Empty:
            raise OutboundError(Fault.TIMEOUT, f"timed out looking up {host}") from None
        if isinstance(answer, Exception):
            raise answer
        return answer


class CheckedStream(httpcore.NetworkStream):
    """A connected socket. The `timeout` of every method is a moment, as the module says."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _translated("waiting for the answer"):
            self._sock.settimeout(_remaining(timeout, "waiting for the answer"))
            return self._sock.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Raise httpcore.WriteError for a broken connection: httpcore then reads the answer, if any."""
        rest = memoryview(buffer)
        while rest:
            remaining = _remaining(timeout, "sending the request")
            try:
                self._sock.settimeout(remaining)
                rest = rest[self._sock.send(rest) :]
            except TimeoutError as error:
                raise OutboundError(Fault.TIMEOUT, "timed out sending the request") from error
            except OSError as error:
                raise httpcore.WriteError(error) from error

    def close(self) -> None:
        self._sock.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        try:
            with _translated("agreeing on TLS", Fault.TLS):
                self._sock.settimeout(_remaining(timeout, "agreeing on TLS"))
                return CheckedStream(ssl_context.wrap_socket(self._sock, server_hostname=server_hostname))
        except OutboundError:
            self.close()
            raise

    def get_extra_info(self, info: str) -> Any:
        """httpcore asks `is_readable` of idle connections, to find those that the peer has closed."""
        if info == "socket":
            return self._sock
        return _is_readable(self._sock) if info == "is_readable" else None


def _allowed(host: str, addresses: list[Address]) -> list[Address]:
    """Those of `addresses` that may be connected to. Raise OutboundError if there is none."""
    refusals = {address: refusal(address) for address in addresses}
    allowed = [address for address, reason in refusals.items() if reason is None]
    if not allowed:
        reasons = ", ".join(f"{address} is {reason}" for address, reason in refusals.items())
        raise OutboundError(Fault.REFUSED, f"{host}: {reasons or 'no address'}")
    return allowed


def _connect(address: Address, port: int, deadline: float | None) -> CheckedStream:
    with _translated(f"connecting to {address} port {port}", Fault.CONNECT):
        remaining = _remaining(deadline, f"connecting to {address} port {port}")
        sock = socket.create_connection((str(address), port), remaining)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return CheckedStream(sock)


def _remaining(deadline: float | None, doing: str) -> float:
    """Seconds until `deadline`; raise OutboundError if it has passed."""
    if deadline is None:
        raise AssertionError("the door gives every operation a deadline")
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise OutboundError(Fault.TIMEOUT, f"timed out {doing}")
    return remaining


@contextmanager
def _translated(doing: str, fault: Fault = Fault.BROKEN) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise OutboundError(Fault.TIMEOUT, f"timed out {doing}") from error
    except ssl.SSLCertVerificationError as error:
        raise OutboundError(Fault.TLS, f"certificate refused: {error.verify_message}") from error
    except ssl.SSLError as error:
        raise OutboundError(Fault.TLS, f"{doing}: {error.reason or 'failed'}") from error
    except OSError as error:
        raise OutboundError(fault, f"{doing}: {error.strerror or type(error).__name__}") from error


def _is_readable(sock: socket.socket) -> bool:
    if sock.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))

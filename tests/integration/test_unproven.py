"""Senders that begin a body and leave it at that, over real sockets: they keep nobody else from being answered."""

import hmac
import os
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest
from builders import an_event, envelope
from flask import Response
from registry_server import free_port, running
from system import wait_until

from app.web.unproven import Unproven

SECRET = b"s3cret"
CONFIG = """
origins:
  prod: {kind: distribution, auth: {hmac: {header: X-Sig, secret: "${env:PROD_SECRET}"}}}
"""
MORE_THAN_THREADS = 150


@pytest.fixture
def port(sqlite_url: str, tmp_path: Path) -> Iterator[int]:
    (tmp_path / "tagtrail.yml").write_text(CONFIG)
    port = free_port()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TAGTRAIL_", "REDIS_"))}
    environment = clean | {
        "DATABASE_URL": sqlite_url, "TAGTRAIL_JOURNAL_URL": sqlite_url, "PROD_SECRET": SECRET.decode(),
        "TAGTRAIL_DATA": str(tmp_path / "data"), "TAGTRAIL_PORT": str(port),
        "TAGTRAIL_CONFIG": str(tmp_path / "tagtrail.yml"),
    }
    with running([sys.executable, "-P", "-m", "app.wsgi"], port, tmp_path, environment):
        yield port


@contextmanager
def idle(port: int, path: str, headers: str, number: int) -> Iterator[list[socket.socket]]:
    """Connections that announce a body and send a byte of it."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}Content-Length: 1000\r\n\r\n{{"
    with ExitStack() as stack:
        opened = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(number)]
        for one in opened:
            one.sendall(head.encode())
        time.sleep(1)
        yield opened


def send(port: int, source: str, content: bytes) -> int:
    """An authentic sender's request from `source`; the status."""
    connection = HTTPConnection("127.0.0.1", port, timeout=3, source_address=(source, 0))
    connection.request("POST", "/hooks/prod", content, {"X-Sig": hmac.digest(SECRET, content, "sha256").hex()})
    status = connection.getresponse().status
    connection.close()
    return status


def ask(port: int) -> int:
    """The status of a page."""
    connection = HTTPConnection("127.0.0.1", port, timeout=3)
    connection.request("GET", "/")
    status = connection.getresponse().status
    connection.close()
    return status


def status(of: socket.socket) -> int | None:
    """What it is told within a second; None: nothing."""
    of.settimeout(1)
    try:
        return int(of.recv(4096).split()[1])
    except TimeoutError:
        return None


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/hooks/prod", "X-Sig: " + "0" * 64 + "\r\n"),
        ("/sign-in", "Content-Type: application/x-www-form-urlencoded\r\n"),
    ],
)
def test_who_sends_no_body_keeps_nobody_waiting(port: int, path: str, headers: str) -> None:
    with idle(port, path, headers, MORE_THAN_THREADS) as opened:
        assert send(port, "127.0.0.2", envelope(an_event())) == 202
        assert ask(port) == 200
        told = Counter(status(one) for one in opened)
        assert told.keys() == {429, None}
        assert told[None] in (Unproven.OF_ONE, 2 * Unproven.OF_ONE), "of one process, or of two"
    wait_until("the address is heard again", lambda: send(port, "127.0.0.1", envelope(an_event())) == 202)


def test_who_waits_long_is_told_so() -> None:
    unproven, closed = Unproven(), threading.Event()
    unproven.WITHIN_S = unproven.PLACE_WITHIN_S = 0.1  # type: ignore[misc]
    told = [unproven.read("192.0.2.7", closed.wait) for _ in range(Unproven.OF_ONE)]
    assert [isinstance(one, Response) and one.status_code for one in told] == [408] * Unproven.OF_ONE
    refused = unproven.read("192.0.2.7", closed.wait)
    assert isinstance(refused, Response)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "5")
    assert unproven.read("192.0.2.8", lambda: b"{}") == b"{}", "an answered request holds no thread"
    closed.set()
    wait_until("its connections are gone", lambda: unproven.read("192.0.2.7", lambda: b"{}") == b"{}")


def test_a_burst_of_one_address_waits_for_places() -> None:
    """As of authentic senders behind one proxy; more than may wait are refused at once."""
    unproven, all_there, told = Unproven(), threading.Barrier(Unproven.OF_ONE + 1), list[object]()
    unproven.PLACE_WITHIN_S = 60  # type: ignore[misc]

    def take() -> bytes:
        all_there.wait()
        return b"{}"

    threads = [threading.Thread(target=lambda: told.append(unproven.read("192.0.2.7", take))) for _ in range(16)]
    for one in threads:
        one.start()
    wait_until("as many wait", lambda: unproven._waiting["192.0.2.7"] == Unproven.OF_ONE)
    refused = unproven.read("192.0.2.7", take)
    assert isinstance(refused, Response)
    assert refused.status_code == 429
    assert unproven.read("192.0.2.8", lambda: b"[]") == b"[]", "others have places of their own"
    for _ in range(2):
        all_there.wait()
    for one in threads:
        one.join()
    assert told == [b"{}"] * 16
    assert (unproven._waiting, unproven._bodies, unproven._requests) == ({}, {}, 0)


def test_who_waits_for_a_place_counts_for_all() -> None:
    unproven, closed = Unproven(), threading.Event()
    unproven.PLACE_WITHIN_S = 60  # type: ignore[misc]
    addresses = ["192.0.2.1"] * 16 + ["192.0.2.2"] * 16
    threads = [threading.Thread(target=unproven.read, args=(address, closed.wait)) for address in addresses]
    for one in threads:
        one.start()
    wait_until("all hold a thread", lambda: unproven._requests == Unproven.IN_ALL)
    refused = unproven.read("192.0.2.99", closed.wait)
    closed.set()
    assert isinstance(refused, Response)
    assert refused.status_code == 503
    for one in threads:
        one.join()


def test_many_addresses_leave_threads_to_those_who_prove_themselves() -> None:
    unproven, closed = Unproven(), threading.Event()
    addresses = [f"192.0.2.{number % 8}" for number in range(Unproven.IN_ALL)]
    waiting = [threading.Thread(target=unproven.read, args=(address, closed.wait)) for address in addresses]
    for one in waiting:
        one.start()
    refused = unproven.read("192.0.2.99", closed.wait)
    closed.set()
    assert isinstance(refused, Response)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    for one in waiting:
        one.join()
    assert unproven.read("192.0.2.99", lambda: b"{}") == b"{}"


def test_what_a_read_raises_is_raised() -> None:
    def broken() -> bytes:
        raise TimeoutError("by the server")

    with pytest.raises(TimeoutError, match="by the server"):
        Unproven().read("192.0.2.7", broken)


def test_a_serial_sender_notices_nothing(port: int) -> None:
    assert {send(port, "127.0.0.1", envelope(an_event(id=f"e{number}"))) for number in range(60)} == {202}

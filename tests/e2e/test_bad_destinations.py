"""Destinations that answer slowly, never, badly or without end: the others go on at their speed.

What is asserted is order and number: the good ones have all of theirs while the requests of bad ones are still open.
"""

import json
import select
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from builders import HOST, an_event, envelope
from certificates import self_signed, serving
from listener import Heard, Listener, Reply
from system import System, running, wait_until
from wire import Wire, answering, dribbling, flooding, read_whole, wire

from app.domain.times import SECOND_NS, rfc3339_nano

pytestmark = pytest.mark.e2e

PUSHES, IN_FLIGHT = 20, 8
OK = b"HTTP/1.1 200 OK\r\n"
SECRET = "s3cret-of-the-sender"
ANSWERS = {
    "fails": Reply(500),
    "busy": Reply(429, {"Retry-After": "3600"}),
    "gone": Reply(410),
    "moved": Reply(302, {"Location": "/elsewhere"}),
}


@dataclass
class Held:
    """Connections that are answered nothing, or a byte of the head now and then: how many there are, and were."""

    let_go: threading.Event
    says: bytes = b""
    opened: int = 0
    given_up: int = 0

    def talk(self, connection: socket.socket, _state: Wire) -> None:
        read_whole(connection)
        self.opened += 1
        while not self.let_go.wait(0.02):
            if select.select([connection], [], [], 0)[0]:
                self.given_up += 1
                return
            if self.says:
                connection.sendall(self.says)


@dataclass
class Place:
    """Where the destinations are. `never`, `slow` and `mute` hold what comes to them until `let_go`."""

    site: Listener
    let_go: threading.Event
    never: Held
    slow: Held
    mute: Held
    urls: Mapping[str, str]

    def told(self, path: str) -> list[Heard]:
        return [heard for heard in list(self.site.heard) if heard.path == path]


def gibberish(connection: socket.socket, _state: Wire) -> None:
    connection.recv(65536)
    connection.sendall(b"SSH-2.0-OpenSSH_9.9\r\n")


def answer(heard: Heard) -> Reply:
    return ANSWERS.get(heard.path.strip("/"), Reply())


@contextmanager
def places(folder: Path) -> Iterator[Place]:
    """Their servers, each as bad as its name says."""
    let_go = threading.Event()
    held = Held(let_go), Held(let_go, b"H"), Held(let_go)
    refused = serving(self_signed(folder, "tls.example"))
    with ExitStack() as stack:
        site = stack.enter_context(Listener(answer=answer))
        wires = {
            name: stack.enter_context(wire(talk))
            for name, talk in {
                "never": held[0].talk,
                "slow": held[1].talk,
                "mute": held[2].talk,
                "trickles": dribbling(OK + b"Content-Length: 1000000\r\n\r\n"),
                "endless": flooding(OK + b"\r\n", b"x" * 65536),
                "no-tls": gibberish,
            }.items()
        }
        wires["stranger"] = stack.enter_context(wire(answering(OK + b"\r\n"), refused))
        urls = {name: f"http://127.0.0.1:{one.port}/" for name, one in wires.items()}
        urls |= {name: urls[name].replace("http:", "https:") for name in ("no-tls", "stranger")}
        urls |= {name: f"{site.url}/{name}" for name in (*ANSWERS, "good", "chat")}
        yield Place(site, let_go, *held, urls)


def config(urls: Mapping[str, str]) -> str:
    """A webhook for each; what is held has more time than the test takes, what trickles has a second."""
    channels = ("chat", "mute")
    spans = {"trickles": "1s"}
    said = {
        name: f"  {name}: {{kind: webhook, settle: 0s, timeout: {spans.get(name, '5m')}, url: '{url}'}}"
        for name, url in urls.items()
    }
    triggers = [name for name in urls if name not in channels]
    return f"""\
origins: {{prod: {{kind: distribution, registries: ["{HOST}"], auth: {{bearer: "${{env:SENDER}}"}}}}}}
triggers:
{chr(10).join(said[name] for name in triggers)}
channels:
{chr(10).join(said[name] for name in channels)}
notices: [chat]
rules:
  - {{name: all, when: {{registry: "{HOST}"}}, deploy: [{", ".join(triggers)}], alert: [{", ".join(channels)}]}}
"""


def push(system: System, number: int) -> None:
    event = an_event(tag=f"v{number}", digest=f"sha256:{number:064x}") | {"timestamp": rfc3339_nano(time.time_ns())}
    assert system.post(envelope(event), "prod", SECRET) == 202


def told_of(heard: list[Heard]) -> list[str]:
    """The tags of what was told, without how deploys ended, and that a destination is disabled."""
    bodies = [json.loads(one.body) for one in heard]
    return [body["data"]["tag"] for body in bodies if body["type"] == "tag.created"]


def all_came(place: Place, pushes: int) -> bool:
    return all(len(told_of(place.told(path))) >= pushes for path in ("/good", "/chat"))


def states(system: System) -> dict[str, Any]:
    return {one["name"].partition(":")[2]: one for one in system.ask("destination", "list")}


def test_bad_destinations_hold_up_no_other(tmp_path: Path) -> None:
    tags = [f"v{number}" for number in range(PUSHES + 1)]
    with places(tmp_path) as place, running(tmp_path, config(place.urls), {"SENDER": SECRET}) as system:
        try:
            for number in range(PUSHES):
                push(system, number)
            wait_until("the good ones have all", lambda: all_came(place, PUSHES), 60)
            assert all(1 <= one.opened <= IN_FLIGHT for one in (place.never, place.slow))
            assert place.mute.opened == 1
            wait_until("the bad ones are known", lambda: _as_they_should_be(states(system)), 60)
            push(system, PUSHES)
            wait_until("the good ones have one more", lambda: all_came(place, PUSHES + 1), 60)
            assert [one.given_up for one in (place.never, place.slow, place.mute)] == [0, 0, 0], "all are open still"
        finally:
            place.let_go.set()
    assert sorted(told_of(place.told("/good"))) == sorted(tags)
    assert told_of(place.told("/chat")) == tags, "people read in order"
    assert not place.told("/elsewhere"), "no redirect is followed"
    assert len(place.told("/gone")) <= IN_FLIGHT
    assert {len(place.told(f"/{name}")) for name in ("busy", "moved")} <= set(range(1, 2 * IN_FLIGHT))


def _as_they_should_be(found: dict[str, Any]) -> bool:
    left = {name: one["waiting"] + one["in_flight"] for name, one in found.items()}
    reasons = {
        "fails": "HTTP 500", "busy": "HTTP 429", "moved": "HTTP 302, a redirect to ", "no-tls": "tls: agreeing on TLS",
        "stranger": "tls: certificate refused", "gone": "it wants no more: HTTP 410",
    }  # fmt: skip
    later = found["busy"]["next_try"] or ""
    return (
        all((found[name]["reason"] or "").startswith(reason) for name, reason in reasons.items())
        and {found[name]["state"] for name in reasons} == {"backing off", "disabled"}
        and {name for name, one in found.items() if one["state"] == "disabled"} == {"gone"}
        and all(left[name] == PUSHES for name in ("fails", "busy", "moved", "no-tls", "stranger", "never", "slow"))
        and later > rfc3339_nano(time.time_ns() + 3000 * SECOND_NS)
        and left["endless"] == left["trickles"] == 0
    )

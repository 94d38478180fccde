"""The Swarm trigger against a double of the Engine's API, over a unix socket and over TCP."""

import copy
import json
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from listener import Heard, Listener, Reply
from tellings import AFTER, told

from app.outbound import Door
from app.settings.sections import File
from app.settings.yamlfile import read
from app.sinks import kinds
from app.sinks.sink import Outcome, Trigger

IMAGE = f"registry.example:5000/shop/web@{AFTER}"
NOW_S = 1_795_464_407


class Engine:
    """One service as the Engine's API documents it (v1.47): its version guards it, its spec is replaced as a whole."""

    def __init__(self) -> None:
        self.index = 17
        self.update_state: str | None = None
        self.rollouts = 0
        self.asked: list[str] = []
        self.spec: dict[str, Any] = {
            "Name": "web",
            "Labels": {"a": "b"},
            "TaskTemplate": {"ContainerSpec": {"Image": "shop/web:1", "Env": ["A=1"]}, "ForceUpdate": 3},
            "Mode": {"Replicated": {"Replicas": 2}},
        }

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        self.asked.append(f"{method} {path}")
        parts = urlsplit(path)
        match method, parts.path:
            case "GET", "/_ping":
                return 200, {"Api-Version": "1.47"}, b"OK"
            case "GET", "/v1.47/services/web":
                service = {"ID": "x", "Version": {"Index": self.index}, "Spec": self.spec}
                status = {"UpdateStatus": {"State": self.update_state}} if self.update_state else {}
                return 200, {}, json.dumps(service | status).encode()
            case "POST", "/v1.47/services/web/update":
                return self._updated(int(parse_qs(parts.query)["version"][0]), json.loads(body))
        return 404, {}, b'{"message":"service not found"}'

    def _updated(self, version: int, spec: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        if version != self.index:
            return 500, {}, b'{"message":"rpc error: code = Unknown desc = update out of sequence"}'
        self.rollouts += spec["TaskTemplate"] != self.spec["TaskTemplate"]
        self.spec, self.index, self.update_state = spec, self.index + 1, None
        return 200, {}, b'{"Warnings":null}'


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, headers, answer = self.server.engine.answer(self.command, self.path, body)  # type: ignore[attr-defined]
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(answer))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = _answer  # noqa: N815 (names http.server looks for)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def unix_socket(tmp_path: Path, engine: Engine) -> Iterator[Path]:
    path = tmp_path / "docker.sock"
    with socketserver.ThreadingUnixStreamServer(str(path), _Handler) as server:
        server.daemon_threads = True
        server.engine = engine  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield path
        server.shutdown()
        thread.join()


@pytest.fixture
def trigger(tmp_path: Path) -> Iterator[Callable[[str], Trigger]]:
    with Door() as door:

        def made(settings: str) -> Trigger:
            path = tmp_path / "tagtrail.yml"
            path.write_text(f"triggers:\n  web: {{kind: swarm, {settings}}}\n")
            return kinds.trigger(read(path, File).triggers["web"], door)

        yield made


@pytest.fixture
def swarm(trigger: Any, unix_socket: Path) -> Iterator[Any]:
    sink = trigger("service: web, socket: docker.sock")
    yield sink
    sink.door.close()


def sent(sink: Trigger) -> Outcome:
    return sink.send("msg_1", sink.render([told()]), NOW_S)


def test_the_image_is_set_once_and_nothing_else_changes(swarm: Trigger, engine: Engine) -> None:
    before = copy.deepcopy(engine.spec)
    assert sent(swarm).delivered
    assert engine.asked[-1] == "POST /v1.47/services/web/update?version=17"
    before["TaskTemplate"]["ContainerSpec"]["Image"] = IMAGE
    assert engine.spec == before
    again = sent(swarm)
    assert (again.delivered, again.detail, engine.rollouts) == (True, "service web is already so", 1)


def test_a_rollout_that_was_paused_is_forced(swarm: Trigger, engine: Engine) -> None:
    assert sent(swarm).delivered
    engine.update_state = "paused"
    assert sent(swarm).delivered
    assert (engine.spec["TaskTemplate"]["ForceUpdate"], engine.rollouts) == (4, 2)
    assert sent(swarm).delivered
    assert engine.rollouts == 2


def test_who_comes_in_between_makes_it_tried_again(
    swarm: Trigger, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = engine.answer

    def interrupted(method: str, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        engine.index += method == "POST"
        return honest(method, path, body)

    monkeypatch.setattr(engine, "answer", interrupted)
    outcome = sent(swarm)
    assert (outcome.delivered, outcome.permanent, engine.rollouts) == (False, False, 0)
    monkeypatch.undo()
    assert sent(swarm).delivered


def test_a_service_that_is_not_there_is_permanent(trigger: Any, unix_socket: Path) -> None:
    sink = trigger("service: wep, socket: docker.sock")
    outcome = sent(sink)
    sink.door.close()
    assert (outcome.delivered, outcome.permanent, outcome.detail) == (False, True, "asked GET: HTTP 404")


def test_a_socket_where_nobody_listens_is_an_outcome(trigger: Any, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as bound:
        bound.bind(str(tmp_path / "dead.sock"))
    for name, reason in (("dead.sock", "Connection refused"), ("none.sock", "No such file or directory")):
        outcome = sent(trigger(f"service: web, socket: {name}"))
        assert outcome.detail == f"connect: connecting to {tmp_path / name}: {reason}"
        assert (outcome.delivered, outcome.permanent) == (False, False)


def test_the_engine_may_be_reached_over_tcp(trigger: Any, engine: Engine) -> None:
    def answer(heard: Heard) -> Reply:
        return Reply(*engine.answer(heard.method, heard.path, heard.body))

    with Listener(answer=answer) as listener:
        assert sent(trigger(f"service: web, url: '{listener.url}'")).delivered
    assert engine.spec["TaskTemplate"]["ContainerSpec"]["Image"] == IMAGE


@pytest.mark.parametrize("body", [b"", b"[]", b'{"Version": {"Index": 1}, "Spec": {}}', b"\xff"])
def test_any_answer_is_an_outcome(trigger: Any, body: bytes) -> None:
    with Listener([Reply(200, {"Api-Version": "1.47"}), Reply(200, body=body)]) as listener:
        assert sent(trigger(f"service: web, url: '{listener.url}'")).detail == "the answer is no service"


def test_who_is_no_engine_is_told(trigger: Any) -> None:
    with Listener() as listener:
        outcome = sent(trigger(f"service: web, url: '{listener.url}'"))
    assert (outcome.delivered, outcome.detail) == (False, "what answers there is no Docker Engine")

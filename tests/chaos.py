"""A registry whose processes are killed at named steps, while clients push to it and an endpoint listens (issue 6).

The processes are those of `tagtrail registry serve`, without the supervisor, which gives up on who dies too often.
"""

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alone import clean
from images import image_manifest
from listener import Heard, Listener, Reply
from postgres import free_port
from system import Gate, wait_until

from app.domain.digests import Digest
from app.registry.validation import OCI_MANIFEST
from app.store.engine import make_engine
from app.store.migrate import upgrade

WEB_STEPS = (
    "journal.before-open", "registry.manifest.intent", "registry.manifest.stored", "registry.manifest.tagged",
    "journal.before-settle", "journal.settled",
)  # fmt: skip
KEEPER_STEPS = ("notify.before-send", "notify.sent", "notify.written")
LAYER = b"layer"
TAGS = 4
CONFIG = """\
version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}/registry}}, delete: {{enabled: true}}}}
http: {{addr: "localhost:{port}"}}
notifications: {{endpoints: [{{name: audit, url: "{url}", backoff: 50ms, batch: {batch}}}]}}
"""


@dataclass
class Process:
    """One that is started again when it is dead, with all that it has forked."""

    module: str
    environment: dict[str, str]
    log: Path
    child: subprocess.Popen[bytes] | None = None

    def ensure(self) -> None:
        if self.child is None or self.child.poll() is not None:
            with self.log.open("ab") as log:
                command = [sys.executable, "-P", "-m", self.module]
                self.child = subprocess.Popen(
                    command, env=self.environment, stdout=log, stderr=log, start_new_session=True
                )

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]

    def kill(self, how: int = signal.SIGKILL) -> None:
        if self.child is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.child.pid, how)
            self.child.wait(30)


@dataclass
class Pusher:
    """A client with a repository of its own. `told`: the tags and digests that it got a 201 for, in order; `blobs`."""

    host: str
    repository: str
    seed: int
    told: list[tuple[str, str]] = field(default_factory=list)
    blobs: list[str] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        source = random.Random(self.seed)
        number = 0
        while not self.stopped.is_set():
            tag, number = f"t{source.randrange(TAGS)}", number + 1
            gives_up = source.random() < 0.1
            if source.random() < 0.2:
                self._push_blob(b"%d-%d" % (self.seed, number), gives_up=gives_up)
            else:
                self._push(tag, number, gives_up=gives_up)

    def _push(self, tag: str, number: int, *, gives_up: bool) -> None:
        manifest = json.loads(image_manifest(b"{}", [LAYER]))
        body = json.dumps(manifest | {"annotations": {"number": f"{self.seed}-{number}"}}).encode()
        if self._is_taken("PUT", f"manifests/{tag}", body, OCI_MANIFEST, gives_up=gives_up):
            self.told.append((tag, str(Digest.of(body))))

    def _push_blob(self, body: bytes, *, gives_up: bool) -> None:
        digest = str(Digest.of(body))
        if self._is_taken("POST", f"blobs/uploads/?digest={digest}", body, gives_up=gives_up):
            self.blobs.append(digest)

    def _is_taken(self, method: str, path: str, *content: Any, gives_up: bool) -> bool:
        """Tried until it is, as clients do; some give up after one try."""
        while not self.stopped.is_set():
            if ask(self.host, method, f"/v2/{self.repository}/{path}", *content) == 201:
                return True
            if gives_up:
                return False
            time.sleep(0.05)
        return False


def ask(host: str, method: str, path: str, body: bytes = b"", kind: str = "application/octet-stream") -> int:
    """The status; 0 if there is no answer."""
    connection = http.client.HTTPConnection(host, timeout=60)
    try:
        connection.request(method, path, body, {"Content-Type": kind})
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return 0
    else:
        return answer.status
    finally:
        connection.close()


@dataclass
class Chaos:
    folder: Path
    host: str
    listener: Listener
    web: Process
    keeper: Process
    pushers: list[Pusher]
    threads: list[threading.Thread]

    def kill_at(self, step: str, source: random.Random) -> None:
        """Hold whoever comes to `step` there, kill it, and start it again."""
        gate = Gate(self.folder / "gates", step)
        gate.close()
        pid = self._wait_for(gate)
        victim = self.keeper if step in KEEPER_STEPS else self.web
        if victim is self.web and source.random() < 0.5:
            os.kill(pid, signal.SIGKILL)  # one that serves; the other goes on
        else:
            victim.kill()
        gate.open()
        victim.ensure()

    def _wait_for(self, gate: Gate) -> int:
        """The id of the process that waits there. Whoever has ended meanwhile is started again."""

        def reached() -> bool:
            self.web.ensure()
            self.keeper.ensure()
            return gate.is_reached

        try:
            wait_until(f"a process at {gate.name}", reached, 60)
        except AssertionError:
            print(self.web.said, self.keeper.said)
            raise
        return gate.wait_reached()

    def finish(self) -> None:
        """Let what is under way end, and everything be told."""
        for pusher in self.pushers:
            pusher.stopped.set()
        for thread in self.threads:
            thread.join()
        self.listener.answer = None
        count = -1
        deadline = time.monotonic() + 90
        while count != len(self.listener.heard) and time.monotonic() < deadline:
            count = len(self.listener.heard)
            wait_until("the lane is empty", self._is_told, 60)
            time.sleep(1)

    def _is_told(self) -> bool:
        """Whether no intent is open and the endpoint has everything."""
        from app.store import journal
        from app.store.engine import reading
        from app.store.standings import standing

        engine = make_engine(f"sqlite:///{self.folder}/data/journal.db")
        try:
            with reading(engine) as connection:
                return not journal.unsettled(connection) and standing(connection, "audit").behind == 0
        finally:
            engine.dispose()

    @property
    def events(self) -> list[dict[str, Any]]:
        """Everything that arrived, in that order."""
        return [event for heard in self.listener.heard for event in json.loads(heard.body)["events"]]


@contextmanager
def chaos(folder: Path, repositories: int = 3, batch: int = 1, seed: int = 1) -> Iterator[Chaos]:
    """Clients push from when this is entered."""
    (folder / "gates").mkdir()
    (folder / "data").mkdir()
    engine = make_engine(f"sqlite:///{folder}/data/journal.db")
    upgrade(engine)
    engine.dispose()
    source = random.Random(seed)

    def answer(_: Heard) -> Reply:
        return Reply(503 if source.random() < 0.02 else 200)

    with Listener(answer=answer) as listener:
        port = free_port()
        config = folder / "alone.yml"
        config.write_text(CONFIG.format(folder=folder, port=port, url=f"{listener.url}/events", batch=batch))
        environment = clean({
            "TAGTRAIL_REGISTRY_CONFIG": str(config), "TAGTRAIL_DATA": str(folder / "data"),
            "TAGTRAIL_PAUSE": str(folder / "gates"),
        })  # fmt: skip
        web, keeper = (
            Process(module, environment, folder / f"{module}.log") for module in ("app.wsgi_alone", "workers.keeper")
        )
        host = f"127.0.0.1:{port}"
        pushers = [Pusher(host, f"shop/r{number}", seed + number) for number in range(repositories)]
        threads = [threading.Thread(target=pusher.run, daemon=True) for pusher in pushers]
        try:
            web.ensure()
            keeper.ensure()
            wait_until("it serves", lambda: ask(host, "GET", "/v2/") == 200, 60)
            for pusher in pushers:
                for blob in (b"{}", LAYER):
                    where = f"/v2/{pusher.repository}/blobs/uploads/?digest={Digest.of(blob)}"
                    wait_until("a blob is there", lambda blob=blob, where=where: ask(host, "POST", where, blob) == 201)
            for thread in threads:
                thread.start()
            yield Chaos(folder, host, listener, web, keeper, pushers, threads)
        finally:
            for pusher in pushers:
                pusher.stopped.set()
            for process in (web, keeper):
                process.kill(signal.SIGTERM)
                process.kill()

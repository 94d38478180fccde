"""Events outlive endpoints that are down, registries that are stopped or killed, Redis and the database (issue 6)."""

import json
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alone import Alone, registry_alone
from chaos import LAYER, ask
from images import image_manifest
from listener import Listener, Reply
from postgres import Postgres, free_port
from redis import Redis
from system import running, wait_until
from valkey import Valkey

from app.domain.digests import Digest
from app.registry.validation import OCI_MANIFEST

pytestmark = pytest.mark.e2e

CONFIG = """\
version: 0.1
storage: {{filesystem: {{rootdirectory: {folder}/registry}}}}
http: {{addr: "localhost:PORT"}}
notifications: {{endpoints: [{{name: audit, url: "http://127.0.0.1:{endpoint}/", backoff: 100ms, \
ignore: {{mediatypes: [application/octet-stream]}}}}]}}
"""


def push(host: str, tag: str) -> int:
    for blob in (b"{}", LAYER):
        if ask(host, "POST", f"/v2/shop/web/blobs/uploads/?digest={Digest.of(blob)}", blob) != 201:
            return 0
    return ask(host, "PUT", f"/v2/shop/web/manifests/{tag}", image_manifest(b"{}", [LAYER]), OCI_MANIFEST)


def tags(listener: Listener) -> list[str]:
    """In the order in which each first arrived."""
    told = [event["target"]["tag"] for heard in list(listener.heard) for event in json.loads(heard.body)["events"]]
    return list(dict.fromkeys(told))


def kill(alone: Alone) -> None:
    """The supervisor; what it started dies with it."""
    alone.process.send_signal(signal.SIGKILL)
    alone.process.wait(20)


@pytest.mark.parametrize("end", [Alone.stop, kill], ids=["SIGTERM", "SIGKILL"])
def test_five_of_five_arrive_when_the_endpoint_is_back(tmp_path: Path, end: object) -> None:
    """distribution loses all five, even when it is stopped cleanly."""
    assert callable(end)
    wanted = [f"v{number}" for number in range(5)]
    port = free_port()
    config = CONFIG.format(folder=tmp_path, endpoint=port)
    with registry_alone(tmp_path, config) as alone:
        assert [push(alone.host, tag) for tag in wanted] == [201] * 5
        end(alone)
    with registry_alone(tmp_path, config), Listener(port=port) as listener:
        wait_until("five of five", lambda: tags(listener) == wanted, 60)


def test_the_last_pulls_before_an_end_are_told(tmp_path: Path) -> None:
    """They are written in groups, and those that wait for the next are not lost with the process that served them."""
    with Listener() as listener:
        config = CONFIG.format(folder=tmp_path, endpoint=listener.url.rpartition(":")[2])
        with registry_alone(tmp_path, config) as alone:
            assert push(alone.host, "v1") == 201
            assert [ask(alone.host, "HEAD", "/v2/shop/web/manifests/v1") for _ in range(8)] == [200] * 8
            assert alone.stop() == 0
        actions = [event["action"] for heard in listener.heard for event in json.loads(heard.body)["events"]]
    assert actions == ["push"] + ["pull"] * 8


def test_who_is_ended_while_it_tells_gives_its_turn_back(tmp_path: Path) -> None:
    """Else the next one waits until the lease is over."""
    with Listener([Reply(delay=0.5)]) as listener:
        config = CONFIG.format(folder=tmp_path, endpoint=listener.url.rpartition(":")[2])
        with registry_alone(tmp_path, config) as alone:
            assert [push(alone.host, f"v{number}") for number in range(25)] == [201] * 25
            assert alone.stop() == 0
            assert "is killed" not in alone.log
        assert len(listener.heard) < 25
    with closing(sqlite3.connect(tmp_path / "data/journal.db")) as journal:
        (found,) = journal.execute("SELECT seq, leased_until_ns FROM cursors")
    assert found == (3 * len(listener.heard), 0), "two blobs go before each manifest"


def test_a_wiped_redis_and_a_database_that_is_restarted_lose_nothing(tmp_path: Path) -> None:
    server, pushed = Postgres(), []
    try:
        with (
            server.database("template0") as url,
            Valkey() as valkey,
            Redis.from_url(valkey.url) as redis,
            Listener() as listener,
        ):
            registry = f"""\
registry:
  notifications: {{endpoints: [{{name: audit, url: "{listener.url}/", backoff: 100ms,
    ignore: {{mediatypes: [application/octet-stream]}}}}]}}
"""
            environment = {"DATABASE_URL": url, "TAGTRAIL_JOURNAL_URL": url, "REDIS_URL": valkey.url}
            with running(tmp_path, registry, environment) as system:
                host = system.url.removeprefix("http://")

                def go_on(count: int) -> None:
                    for _ in range(count):
                        tag = f"v{len(pushed)}"
                        wait_until(f"{tag} is pushed", lambda tag=tag: push(host, tag) == 201)
                        pushed.append(tag)

                go_on(3)
                for step in ("notify.before-send", "notify.sent"):
                    gate = system.gate(step)
                    gate.close()
                    go_on(3)
                    gate.wait_reached()
                    redis.flushall()
                    server.stop_server()
                    gate.open()
                    server.start()
                    go_on(3)
                wait_until("all arrived", lambda: tags(listener) == pushed, 60)
    finally:
        server.stop()

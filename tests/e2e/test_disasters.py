"""What may go wrong between commit and delivery: nothing acknowledged is lost, a repeat has the same id (issue 2).

Every kill happens at a named pause point that is asserted to have been reached.
"""

import json
import os
import signal
import sqlite3
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from destinations import ENVIRONMENT, config, deploys
from images import an_image
from listener import Listener
from peer import push
from pushes import an_envelope, digest
from redis import Redis
from system import System, running, wait_until

pytestmark = pytest.mark.e2e


def valkey(system: System) -> Redis:
    (pid,) = system.pids("valkey-server")
    title = Path(f"/proc/{pid}/cmdline").read_bytes().decode().replace("\0", " ")
    return Redis(
        unix_socket_path=next(word for word in title.split() if "/" in word and ".sock" in word).removeprefix(
            "unixsocket:"
        )
    )


@pytest.mark.parametrize("relay_on", [True, False])
def test_a_wiped_redis_costs_nothing_because_the_relay_looks_into_sql(tmp_path: Path, relay_on: bool) -> None:
    """The bell was rung, Redis is wiped, and the worker that heard it dies: only the relay can know."""
    with Listener() as listener, running(tmp_path, config(listener), ENVIRONMENT) as system:
        if not relay_on:
            (relay,) = wait_until("the relay", lambda: system.pids("workers.relay"))
            os.kill(relay, signal.SIGSTOP)
        gate = system.gate("worker.rung")
        gate.close()
        assert system.post(an_envelope("one", digest(1))) == 202
        worker = gate.wait_reached()
        with valkey(system) as redis:
            redis.flushall()
        os.kill(worker, signal.SIGKILL)
        gate.open()
        wait_until("another worker", lambda: system.pids("workers fast") not in ([], [worker]))
        if relay_on:
            wait_until("the redeploy", lambda: len(deploys(listener)) == 1)
        else:
            time.sleep(5)
            assert deploys(listener) == [], "without the relay nobody can know"
            os.kill(relay, signal.SIGCONT)
            wait_until("the redeploy", lambda: len(deploys(listener)) == 1)


@pytest.mark.parametrize(("point", "requests"), [("deliver.claimed", 1), ("deliver.sent", 2)])
def test_a_worker_killed_in_mid_delivery_delivers_the_same_again(tmp_path: Path, point: str, requests: int) -> None:
    """Killed before it sends: sent once. Killed after: sent again, under the same id and with the same bytes."""
    with Listener() as listener, running(tmp_path, _deploys_only(listener), ENVIRONMENT) as system:
        gate = system.gate(point)
        gate.close()
        assert system.post(an_envelope("one", digest(1))) == 202
        os.kill(gate.wait_reached(), signal.SIGKILL)
        gate.open()
        wait_until("it is delivered", lambda: _statuses(system) == ["delivered"], 60)
        assert len(listener.heard) == requests
        assert len({(one.id, one.body) for one in deploys(listener)}) == 1


def _deploys_only(listener: Listener) -> str:
    return config(listener).replace("alert: [ops]", "alert: []")


def _statuses(system: System, query: str = "") -> list[str]:
    return [delivery["status"] for delivery in _api(system, f"deliveries?limit=1000{query}")["items"]]


def _api(system: System, what: str) -> Any:
    with urllib.request.urlopen(f"{system.url}/api/v1/{what}", timeout=20) as answer:
        return json.load(answer)


def test_web_killed_under_load_loses_nothing_that_it_acknowledged(tmp_path: Path, database_url: str) -> None:
    environment = ENVIRONMENT | {"DATABASE_URL": database_url}
    with Listener() as listener, running(tmp_path, config(listener), environment) as system:
        acknowledged: list[str] = []
        stop = threading.Event()
        senders = [
            threading.Thread(target=_send, args=(system, f"sender-{number}", acknowledged, stop)) for number in range(8)
        ]
        for sender in senders:
            sender.start()
        wait_until("some load", lambda: len(acknowledged) > 50)
        gate = system.gate("ingest.before-commit")
        gate.close()
        gate.wait_reached()
        system.kill_part("app.wsgi")
        gate.open()
        known = len(acknowledged)
        wait_until("more after the kill", lambda: len(acknowledged) > known + 50)
        stop.set()
        for sender in senders:
            sender.join()
        stored = Counter(_stored_ids(system))
        assert set(acknowledged) <= set(stored), "an acknowledged event is lost"
        assert max(stored.values()) == 1
        wait_until("all deliveries ended", lambda: not _statuses(system, "&status=pending"), 60)
        repeats = {one.id: one.body for one in deploys(listener)}
        assert all(repeats[one.id] == one.body for one in deploys(listener))


def _send(system: System, name: str, acknowledged: list[str], stop: threading.Event) -> None:
    """As a registry does: one at a time, and the same again until it is taken."""
    number = 0
    while not stop.is_set():
        identity = f"{name}-{number}"
        body = an_envelope(identity, digest(number), tag=name)
        while not stop.is_set():
            try:
                status = system.post(body)
            except (OSError, urllib.error.URLError):
                time.sleep(0.05)
                continue
            assert status == 202
            acknowledged.append(identity)
            break
        number += 1


def _stored_ids(system: System) -> list[str]:
    """Ids of all stored events, by the API, page by page."""
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = _api(system, "events?limit=1000" + (f"&cursor={cursor}" if cursor else ""))
        found += [item["event_id"] for item in page["items"]]
        cursor = page["next"]
    return found


@pytest.mark.parametrize(
    ("point", "told"),
    [("registry.manifest.intent", False), ("registry.manifest.tagged", True), ("journal.before-settle", True)],
)
def test_our_registry_killed_in_a_push_tells_what_storage_shows(tmp_path: Path, point: str, told: bool) -> None:
    """Before anything moved: no event. After the tag moved: the event, though the client got no answer."""
    image = an_image(tmp_path / "image", 7)
    with Listener() as listener, running(tmp_path, config(listener), ENVIRONMENT) as system:
        address = system.url.removeprefix("http://")
        push(image.folder, address, "shop/web:first")  # its blobs are there now: the next push is one manifest
        wait_until("the first redeploy", lambda: len(deploys(listener)) == 1)
        gate = system.gate(point)
        gate.close()
        pushing = threading.Thread(target=_push_and_fail, args=(image.folder, address))
        pushing.start()
        gate.wait_reached()
        system.kill_part("app.wsgi")
        gate.open()
        pushing.join(60)
        wait_until("pages", system.answers)
        wait_until("all that was settled is sent", lambda: _settled(system))
        assert bool(_history(system)) == told
        expected = ["first", "stable"] if told else ["first"]
        wait_until("the redeploys", lambda: [one.tag for one in deploys(listener)] == expected)


def _push_and_fail(layout: Path, address: str) -> None:
    try:
        push(layout, address, "shop/web:stable")
    except AssertionError:
        return


def _settled(system: System) -> bool:
    with sqlite3.connect(system.data / "journal.db") as connection:
        (count,) = connection.execute("SELECT count(*) FROM journal WHERE seq IS NULL").fetchone()
        (behind,) = connection.execute(
            "SELECT (SELECT seq FROM journal_head) - (SELECT coalesce(min(seq), 0) FROM cursors)"
        ).fetchone()
    return count == 0 and behind == 0


def _history(system: System) -> list[Any]:
    return list(_api(system, "changes?registry=local&repository=shop/web&tag=stable")["items"])

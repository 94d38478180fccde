"""Two registries that have nothing in common but an object store and a journal in PostgreSQL (issue 6)."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from alone import Alone, call, clean, registry_alone
from chaos import ask
from images import image_manifest
from listener import Listener
from object_stores import Seaweed
from postgres import Postgres
from system import TAGTRAIL, Gate, wait_until

from app.domain.digests import Digest
from app.registry.validation import OCI_MANIFEST

pytestmark = pytest.mark.e2e

BLOB = bytes(range(256)) * 4096
IMAGES = 20


@dataclass(slots=True)
class Machines:
    """`here` stops where a gate in `gates` is closed."""

    here: Alone
    there: Alone
    gates: Path
    environment: dict[str, str]
    listener: Listener

    def told(self) -> list[str]:
        """The tags whose pushes were announced, in order, without repeats."""
        events = [event for heard in list(self.listener.heard) for event in json.loads(heard.body)["events"]]
        return list(dict.fromkeys(event["target"]["tag"] for event in events if "tag" in event["target"]))

    def collect(self) -> list[dict[str, str]]:
        arguments = ("--untagged", "--grace", "0s", "--json", "--data", str(self.here.folder / "data"))
        command = [*TAGTRAIL, "registry", "gc", str(self.here.folder / "alone.yml"), *arguments]
        done = subprocess.run(command, env=clean(self.environment), capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        found: list[dict[str, str]] = json.loads(done.stdout)
        return found


@pytest.fixture
def machines(postgres: Postgres, seaweed: Seaweed, tmp_path: Path) -> Iterator[Machines]:
    gates = tmp_path / "gates"
    gates.mkdir()
    with ExitStack() as stack:
        environment = {"TAGTRAIL_JOURNAL_URL": stack.enter_context(postgres.database("template0"))}
        listener = stack.enter_context(Listener())
        endpoint = {"name": "audit", "url": f"{listener.url}/", "backoff": "100ms"}
        config = {
            "version": "0.1",
            "storage": {"s3": seaweed.parameters(), "delete": {"enabled": True}, "redirect": {"disable": True}},
            "http": {"addr": "localhost:PORT"},
            "notifications": {"endpoints": [endpoint | {"ignore": {"mediatypes": ["application/octet-stream"]}}]},
        }
        found = []
        for name, more in (("here", {"TAGTRAIL_PAUSE": str(gates)}), ("there", {})):
            (tmp_path / name).mkdir()
            alone = registry_alone(tmp_path / name, json.dumps(config), environment | more)
            found.append(stack.enter_context(alone))
        yield Machines(*found, gates, environment, listener)


def push(host: str, repository: str, tag: str, layer: bytes) -> int:
    for blob in (b"{}", layer):
        if ask(host, "POST", f"/v2/{repository}/blobs/uploads/?digest={Digest.of(blob)}", blob) != 201:
            return 0
    return ask(host, "PUT", f"/v2/{repository}/manifests/{tag}", image_manifest(b"{}", [layer]), OCI_MANIFEST)


def test_an_upload_goes_on_at_another_machine(machines: Machines) -> None:
    here, there, half = machines.here.host, machines.there.host, len(BLOB) // 2
    location = call(here, "POST", "/v2/shop/web/blobs/uploads/")[1]["Location"]
    status, said, _ = call(there, "PATCH", location, BLOB[:half])
    assert status == 202
    status, said, _ = call(here, "PATCH", said["Location"], BLOB[half:], Content_Range=f"{half}-{len(BLOB) - 1}")
    assert status == 202
    location = said["Location"]
    assert call(there, "PUT", f"{location}{'&' if '?' in location else '?'}digest={Digest.of(BLOB)}")[0] == 201
    assert call(here, "GET", f"/v2/shop/web/blobs/{Digest.of(BLOB)}")[2] == BLOB


def test_a_machine_that_dies_while_it_writes_is_waited_for_and_told_of(machines: Machines) -> None:
    gate = Gate(machines.gates, "registry.manifest.tagged")
    gate.close()
    answers: list[int] = []
    pushes = [
        threading.Thread(target=lambda host=host, tag=tag: answers.append(push(host, "shop/web", tag, tag.encode())))
        for host, tag in ((machines.here.host, "one"), (machines.there.host, "two"))
    ]
    pushes[0].start()
    writer = gate.wait_reached()
    pushes[1].start()
    pushes[1].join(2)
    assert pushes[1].is_alive(), "the repository is being written elsewhere"
    machines.here.process.kill()
    os.kill(writer, signal.SIGKILL)
    for thread in pushes:
        thread.join(60)
    assert sorted(answers) == [0, 201]
    wait_until("both are told", lambda: machines.told() == ["one", "two"], 60)
    assert ask(machines.there.host, "GET", "/v2/shop/web/manifests/one") == 200


def test_a_collection_takes_nothing_that_another_machine_refers_to(machines: Machines) -> None:
    """No grace: a layer may go before its manifest comes, which is refused then; not once that is answered 201."""
    host, stored, lost = machines.there.host, list[int](), list[int]()

    def push_and_delete() -> None:
        for number in range(IMAGES):
            repository = f"shop/{number % 2}"
            if push(host, repository, f"v{number}", BLOB) != 201:
                continue
            stored.append(number)
            if call(host, "GET", f"/v2/{repository}/blobs/{Digest.of(BLOB)}")[2] != BLOB:
                lost.append(number)
            ask(host, "DELETE", f"/v2/{repository}/manifests/{Digest.of(image_manifest(b'{}', [BLOB]))}")

    pushing = threading.Thread(target=push_and_delete)
    pushing.start()
    taken = []
    while pushing.is_alive():
        taken += machines.collect()
    pushing.join()
    assert {"link", "content"} <= {one["kind"] for one in taken}
    assert stored
    assert lost == []

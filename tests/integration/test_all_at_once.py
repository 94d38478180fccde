"""Pushes, mounts, deletes and collections at once: what the journal tells in the end is what is stored."""

import io
import json
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from images import image_manifest, index_manifest
from journalling import CAUSE
from sqlalchemy import select

from app.domain.digests import Digest
from app.registry.bodies import Body
from app.registry.collect import Asked
from app.registry.errors import RegistryError
from app.registry.locks import FileLocks, Locks
from app.registry.notify import Listener
from app.registry.registry import Registry, Target
from app.registry.storage.driver import StorageError
from app.registry.storage.factory import make_driver
from app.registry.validation import OCI_INDEX, OCI_MANIFEST
from app.store import schema
from app.store.engine import Engine, reading
from app.usecases.record import Recorder
from app.usecases.shared_locks import SharedLocks

REPOSITORIES, TAGS = ("a", "a/b", "c"), ("one", "two")
BLOBS = [f"blob {number}".encode() for number in range(4)]
CLIENTS, DEEDS, COLLECTIONS = 4, 80, 15


def body(content: bytes) -> Body:
    return Body(io.BytesIO(content), len(content))


class Client:
    """One of several with one storage, each with locks of its own, as processes have them.

    With a journal in PostgreSQL each is a machine of its own.
    """

    def __init__(self, engine: Engine, folder: Path, seed: int) -> None:
        driver = make_driver("filesystem", {"rootdirectory": str(folder / "storage")})
        locks: Locks = FileLocks(folder / "locks")
        if engine.dialect.name == "postgresql":
            locks = SharedLocks(FileLocks(folder / f"locks of {seed}"), engine)
        self.registry = Registry(driver, locks)
        recorder = Recorder(engine, self.registry.holds, lambda: None, references=False)
        self.listener: Listener = recorder.listener(CAUSE)
        self.random = random.Random(seed)

    def act(self) -> None:
        deeds = (self.push, self.push, self.push, self.empty_index, self.untag, self.delete, self.unlink, self.end)
        for _ in range(DEEDS):
            with suppress(RegistryError, StorageError):  # nothing there, or it went meanwhile
                self.random.choice(deeds)(self.random.choice(REPOSITORIES))

    def push(self, repository: str) -> None:
        layers = self.random.sample(BLOBS, 2)
        for blob in layers:
            digest = Digest.of(blob)
            if not self.registry.mount(self.random.choice(REPOSITORIES), repository, digest, self.listener):
                self.registry.push_blob(repository, digest, body(blob), self.listener)
        self.put(repository, image_manifest(*layers[:1], layers[1:]), OCI_MANIFEST)

    def empty_index(self, repository: str) -> None:
        self.put(repository, index_manifest([]), OCI_INDEX)

    def put(self, repository: str, manifest: bytes, media_type: str) -> None:
        target = Target(repository, [self.random.choice(TAGS)])
        self.registry.put_manifest(target, media_type, body(manifest), self.listener)

    def untag(self, repository: str) -> None:
        self.registry.delete_tag(repository, self.random.choice(TAGS), self.listener)

    def delete(self, repository: str) -> None:
        found = self.registry.manifest(repository, self.random.choice(TAGS)).manifest.digest
        self.registry.delete_manifest(repository, found, self.listener)

    def unlink(self, repository: str) -> None:
        self.registry.delete_blob(repository, Digest.of(self.random.choice(BLOBS)), self.listener)

    def end(self, repository: str) -> None:
        if self.random.random() < 0.2:
            self.registry.delete_repository(repository, self.listener)

    def collect(self) -> None:
        for _ in range(COLLECTIONS):
            asked = Asked(untagged=self.random.random() < 0.5, grace=timedelta(0))
            list(self.registry.collect(asked, self.listener, lambda *_: None))


def told(engine: Engine) -> dict[tuple[str, str], str]:
    """Where each tag points, as a reader of the journal sees it."""
    tags: dict[tuple[str, str], str] = {}
    with reading(engine) as connection:
        rows = connection.execute(select(schema.journal.c.seq, schema.journal.c.fact).order_by(schema.journal.c.seq))
        facts = [(seq, json.loads(fact)) for seq, fact in rows]
    assert [seq for seq, _ in facts] == list(range(1, len(facts) + 1)), "all are settled"
    for _, fact in facts:
        repository, tag = fact["repository"], fact["tag"]
        if fact["action"] == "push" and tag:
            tags[repository, tag] = fact["digest"]
        elif (fact["action"], fact["kind"]) == ("delete", "tag"):
            del tags[repository, tag]
        elif (fact["action"], fact["kind"]) == ("delete", "repository"):
            tags = {where: digest for where, digest in tags.items() if where[0] != repository}
    return tags


def stored(registry: Registry) -> dict[tuple[str, str], str]:
    """Where each tag points, all that it needs being there."""
    found: dict[tuple[str, str], str] = {}
    for repository in REPOSITORIES:
        with suppress(RegistryError):
            for tag in registry.tags(repository, "", None)[0]:
                found[repository, tag] = str(registry.manifest(repository, tag).manifest.digest)
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_told_is_what_is_stored(engine: Engine, tmp_path: Path, seed: int) -> None:
    clients = [Client(engine, tmp_path, seed * 100 + number) for number in range(CLIENTS + 1)]
    failures: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  told below
            failures.append(error)

    works = [*(client.act for client in clients[1:]), clients[0].collect]
    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert told(engine) == stored(clients[0].registry)

"""A registry in memory that writes its journal to a database."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from images import image_manifest
from sqlalchemy import Engine, Row, select

from app.domain.digests import Descriptor, Digest
from app.domain.registry_events import Cause
from app.registry.bodies import Body
from app.registry.locks import Locks, ThreadLocks
from app.registry.notify import Fact, Listener, Silent
from app.registry.registry import Registry, Target
from app.registry.storage.factory import make_driver
from app.registry.validation import OCI_MANIFEST
from app.store import schema
from app.store.engine import reading
from app.usecases import record
from app.usecases.record import Recorder

CAUSE = Cause(
    request_id="8a3f", addr="192.0.2.7:40112", host="127.0.0.1:5000", method="PUT", user_agent="skopeo/1.9.3",
    base_url="http://127.0.0.1:5000", node="node-1:5000", instance="6f7dfd2a",
)


class Place:
    """`rings` counts the bells; `locks` and `registry` are the writers'."""

    def __init__(self, engine: Engine, *, references: bool = False) -> None:
        self.engine = engine
        self.locks: Locks = ThreadLocks()
        self.registry = Registry(make_driver("inmemory", {}), self.locks)
        self.rings = 0
        self.recorder = Recorder(engine, self.registry.holds, self._ring, references=references)

    def _ring(self) -> None:
        self.rings += 1

    @property
    def listener(self) -> Listener:
        return self.recorder.listener(CAUSE)

    def push_blob(self, repository: str, content: bytes, listener: Listener | None = None) -> Descriptor:
        listener = listener or self.listener
        return self.registry.push_blob(repository, Digest.of(content), _body(content), listener)

    def push(self, repository: str, tag: str | Digest, content: bytes, listener: Listener | None = None) -> Descriptor:
        """An image whose only layer is `content`; its blobs are there unannounced."""
        for blob in (b"{}", content):
            self.push_blob(repository, blob, Silent())
        manifest = image_manifest(b"{}", [content])
        tags, digest = ([tag], None) if isinstance(tag, str) else ([], tag)
        target = Target(repository, tags, digest)
        return self.registry.put_manifest(target, OCI_MANIFEST, _body(manifest), listener or self.listener).descriptor

    def crash(self, facts: list[Fact], move: Callable[[], object] | None = None) -> None:
        """Leave an intent, and what `move` does to the storage: nobody settles it."""
        self.recorder.open(self.recorder.intents("crashed", facts, CAUSE), None)
        if move is not None:
            move()

    def rows(self) -> list[Row[Any]]:
        with reading(self.engine) as connection:
            return list(connection.execute(select(schema.journal).order_by(schema.journal.c.id)))

    def told(self) -> list[tuple[int, str, str | None, str | None]]:
        """(seq, action, tag, digest) of each settled event, by its number."""
        found = []
        for row in sorted((row for row in self.rows() if row.seq), key=lambda row: int(row.seq)):
            target = json.loads(row.event)["target"]
            found.append((row.seq, row.action, target.get("tag"), target["digest"] or None))
        return found


@pytest.fixture
def place(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Pulls are written when a test says so."""
    monkeypatch.setattr(record, "PULLS_EVERY_S", 3600)
    return Place(engine)


def _body(content: bytes) -> Body:
    return Body(io.BytesIO(content), len(content))

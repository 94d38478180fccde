"""Our registry's listener: what it does is written to the journal, before and after (DESIGN decision 13)."""

import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import count
from multiprocessing.util import Finalize
from typing import Any

from app.domain.digests import Descriptor, Digest
from app.domain.registry_events import Cause, Happening, event, extra
from app.envelopes.distribution import dump_event
from app.pausepoints import pause
from app.registry.notify import Fact
from app.store import journal
from app.store.engine import Connection, Engine, UnavailableError, writing
from app.store.journal import Intent, Open
from app.usecases.group_commit import GroupCommit

log = logging.getLogger(__name__)

PULLS_EVERY_S = 0.2
"""Pulls are written in groups: nothing moves, so a crash may take the last ones with it."""

Step = Callable[[Connection], None]
"""One thing to write to the journal, in a transaction that it shares with others."""


class Recorder:
    """Writes the journal for all requests of a process. `ring` is called after each commit that numbered an event."""

    def __init__(
        self,
        engine: Engine,
        holds: Callable[[Fact], bool],
        ring: Callable[[], None],
        *,
        references: bool,
        turn: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._engine = engine
        self.holds = holds
        self._ring = ring
        self._references = references
        self._commits: GroupCommit[Step] = GroupCommit(self._commit, turn)
        self._pulls: list[Intent] = []
        self._pulls_lock = threading.Lock()
        self._unsure_after: int | None = None
        self._writer: threading.Thread | None = None

    def listener(self, cause: Cause) -> "RequestListener":
        return RequestListener(self, cause)

    def _commit(self, steps: Sequence[Step]) -> None:
        with writing(self._engine) as connection:
            for step in steps:
                step(connection)

    def intents(self, operation: str, facts: Sequence[Fact], cause: Cause) -> list[Intent]:
        now = time.time_ns()
        return [self._intent(operation, fact, cause, now + ordinal) for ordinal, fact in enumerate(facts)]

    def _intent(self, operation: str, fact: Fact, cause: Cause, time_ns: int) -> Intent:
        happening = self._happening(fact)
        told = event(happening, cause, time_ns)
        beside = extra(happening)
        return Intent(
            operation,
            fact.repository,
            fact.action,
            told["target"]["mediaType"] or None,
            dump_fact(fact),
            dump_event(told),
            json.dumps(beside).encode() if beside else None,
            time_ns,
        )

    def _happening(self, fact: Fact) -> Happening:
        return Happening(
            fact.action,
            fact.kind,
            fact.repository,
            fact.descriptor,
            fact.tag,
            fact.from_repository,
            fact.references if self._references else (),
            fact.before,
            fact.tags,
        )

    def open(self, intents: Sequence[Intent], locked: str | None) -> None:
        """Before anything moves. `locked`: the repository whose lock the caller holds, if any.

        Whoever left an intent there is dead: what it did is settled before the next write covers its traces.
        A step that is tried again may have been committed, and the answer lost: nothing is opened twice.
        """
        tries = count()

        def step(connection: Connection) -> None:
            if next(tries):
                found = journal.unsettled(connection, intents[0].operation)
                journal.forget(connection, [intent.id for intent in found])
            if locked is not None:
                self._resolve(connection, _left_under_lock(connection, locked))
            journal.open_intents(connection, intents)

        self._commits.submit(step)

    def settle(self, intents: Sequence[Intent]) -> None:
        """Everything that an operation meant to do is done."""
        self._commits.submit(lambda connection: journal.settle(connection, intents))
        self._ring()

    def resolve(self, operation: str) -> None:
        """The operation failed half-way: storage says which of its facts came true."""
        self._commits.submit(lambda connection: self._resolve(connection, journal.unsettled(connection, operation)))
        self._ring()

    def _resolve(self, connection: Connection, intents: Sequence[Open]) -> None:
        resolve(connection, intents, true_of(self.holds, intents))

    def pulled(self, intents: Sequence[Intent]) -> None:
        with self._pulls_lock:
            self._pulls += intents
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_pulls_for_ever, name="pulls", daemon=True)
                self._writer.start()
                Finalize(None, self.flush, exitpriority=0)  # granian's workers end without `atexit`

    def _write_pulls_for_ever(self) -> None:
        while True:
            time.sleep(PULLS_EVERY_S)
            try:
                self.flush()
            except Exception:
                log.exception("pulls could not be written and are lost; those to come are not")

    def flush(self) -> None:
        """Write the pulls that were served since the last time; they stay at hand if the database is away."""
        with self._pulls_lock:
            pulls, self._pulls = self._pulls, []
        if not pulls:
            return
        try:
            self._commits.submit(lambda connection: self._append(connection, pulls))
            self._unsure_after = None
            self._ring()
        except UnavailableError as error:
            log.warning("pulls can't be written now, later: %s", error)
            with self._pulls_lock:
                self._pulls = pulls + self._pulls

    def _append(self, connection: Connection, pulls: Sequence[Intent]) -> None:
        """Write those that are not there yet: an earlier try may have been committed, and the answer lost."""
        known = set() if self._unsure_after is None else journal.events_after(connection, self._unsure_after)
        if self._unsure_after is None:
            self._unsure_after = journal.head(connection)[1]
        journal.append(connection, [one for one in pulls if one.event not in known])


@dataclass(frozen=True, slots=True)
class RequestListener:
    """Hears the facts of one request (`app.registry.notify.Listener`)."""

    recorder: Recorder
    cause: Cause

    @contextmanager
    def writing(self, facts: Sequence[Fact]) -> Iterator[None]:
        operation = uuid.uuid4().hex
        locked = next((fact.repository for fact in facts if is_under_lock(fact)), None)
        intents = self.recorder.intents(operation, facts, self.cause)
        pause("journal.before-open")
        self.recorder.open(intents, locked)
        try:
            yield
        except BaseException:
            self.recorder.resolve(operation)
            raise
        pause("journal.before-settle")
        self.recorder.settle(intents)
        pause("journal.settled")

    def pulled(self, fact: Fact) -> None:
        self.recorder.pulled(self.recorder.intents(self.cause.request_id, [fact], self.cause))


def is_under_lock(fact: Fact) -> bool:
    """Manifests and tags are written by one at a time in a repository, from intent to settling; blobs by many."""
    return fact.kind != "blob"


def _left_under_lock(connection: Connection, repository: str) -> list[Open]:
    intents = [intent for intent in journal.unsettled(connection) if intent.repository == repository]
    return [intent for intent in intents if is_under_lock(load_fact(intent.fact))]


def true_of(holds: Callable[[Fact], bool], intents: Sequence[Open]) -> Set[int]:
    """The ids of those that storage shows to be true."""
    return {intent.id for intent in intents if holds(load_fact(intent.fact))}


def resolve(connection: Connection, intents: Sequence[Open], true: Set[int]) -> None:
    """Settle what came true, forget the rest."""
    journal.settle_rows(connection, [intent.id for intent in intents if intent.id in true])
    journal.forget(connection, [intent.id for intent in intents if intent.id not in true])


def dump_fact(fact: Fact) -> bytes:
    """As much of a fact as `Registry.holds` needs to know."""
    digest = str(fact.descriptor.digest) if fact.descriptor else None
    known: dict[str, Any] = {
        "action": fact.action,
        "kind": fact.kind,
        "repository": fact.repository,
        "digest": digest,
        "tag": fact.tag,
    }
    return json.dumps(known).encode()


def load_fact(text: bytes) -> Fact:
    known = json.loads(text)
    digest = known["digest"]
    descriptor = Descriptor("", Digest.parse(digest), 0) if digest else None
    return Fact(known["action"], known["kind"], known["repository"], descriptor, known["tag"])

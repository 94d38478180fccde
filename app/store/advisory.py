"""Advisory locks of PostgreSQL: they reach whoever uses the same database, and end with the session that took them."""

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Engine, Executable, text
from sqlalchemy.exc import DBAPIError

from app.store.engine import UnavailableError, translated

_TAKE = {True: text("SELECT pg_try_advisory_lock_shared(:key)"), False: text("SELECT pg_try_advisory_lock(:key)")}
_GIVE_BACK = {True: text("SELECT pg_advisory_unlock_shared(:key)"), False: text("SELECT pg_advisory_unlock(:key)")}
_IN_LINE = text("SELECT pg_advisory_xact_lock(:key)")
_AGAIN_S = 0.005
"""Who waits looks again so much later."""


@dataclass(frozen=True, slots=True)
class Held:
    """A lock that this process has, in its session of that number."""

    key: int
    shared: bool
    session: int


class AdvisoryLocks:
    """Those of one process, in one session for all its threads, which has a connection while any is held.

    A lock is free to its own session: whoever could want the same one in this process is to be kept out before. If the
    session is lost, so are all of its locks: who had one is told when giving it back.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._session = 0
        self._held = 0

    @contextmanager
    def waiting(self, name: str, *, shared: bool = False) -> Iterator[Held]:
        """UnavailableError if the database is away, now or at the end."""
        while (held := self._take(name, shared)) is None:
            time.sleep(_AGAIN_S)
        try:
            yield held
        finally:
            self._give_back(held)

    @contextmanager
    def tried(self, name: str) -> Iterator[bool]:
        """Whether it was free; as `waiting`."""
        held = self._take(name, False)
        try:
            yield held is not None
        finally:
            if held is not None:
                self._give_back(held)

    def execute(self, held: Held, statement: Executable, parameters: dict[str, Any]) -> None:
        """In the session that holds a lock, which it surely has when this is done; committed at once."""
        with self._lock:
            self._must_be(held.session)
            self._ask(statement, parameters)

    def _take(self, name: str, shared: bool) -> Held | None:
        held = Held(_key_of(name), shared, 0)
        with self._lock:
            taken = self._ask(_TAKE[shared], {"key": held.key}).scalar_one()
            self._count(1 if taken else 0)
            return replace(held, session=self._session) if taken else None

    def _give_back(self, held: Held) -> None:
        with self._lock:
            self._must_be(held.session)
            self._ask(_GIVE_BACK[held.shared], {"key": held.key})
            self._count(-1)

    def _must_be(self, session: int) -> None:
        if session != self._session or self._connection is None:
            raise UnavailableError("the database went away meanwhile, and with it the lock that others respect")

    def _ask(self, statement: Executable, parameters: dict[str, Any]) -> Any:
        with translated():
            connection = self._connected()
            try:
                return connection.execute(statement, parameters)
            except DBAPIError:
                connection.invalidate()
                self._count(-self._held)
                raise

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            self._session += 1
        return self._connection

    def _count(self, more: int) -> None:
        self._held += more
        if not self._held and self._connection is not None:
            self._connection.close()
            self._connection = None


def wait_in_line(connection: Connection, name: str) -> None:
    """Take a lock until the transaction ends. Whoever comes later, also to share it, comes after."""
    connection.execute(_IN_LINE, {"key": _key_of(name)})


def _key_of(name: str) -> int:
    """What PostgreSQL calls the lock: 64 bits, with a sign."""
    return int.from_bytes(hashlib.sha256(f"tagtrail {name}".encode()).digest()[:8], signed=True)

"""Locks for all machines that write to one storage, and to one journal in PostgreSQL."""

from collections.abc import Iterator, Set
from contextlib import contextmanager

from app.domain.digests import Digest
from app.registry.locks import BusyError, CollectingError, Locks, Sweeping
from app.store import linked
from app.store.advisory import AdvisoryLocks, wait_in_line
from app.store.engine import Engine, writing

_LINKING = "linking"


class SharedLocks:
    """`app.registry.locks.Locks`: first those of this machine, `near`, then the database's.

    UnavailableError where it is away. Also when a lock is let go of, if it went meanwhile: others may have come in, and
    what was done is to be asked for again.
    """

    def __init__(self, near: Locks, engine: Engine) -> None:
        self._near = near
        self._engine = engine
        self._far = AdvisoryLocks(engine)

    @contextmanager
    def repository(self, name: str) -> Iterator[None]:
        with self._near.repository(name), self._far.waiting(f"repository {name}"):
            yield

    @contextmanager
    def upload(self, session: str) -> Iterator[None]:
        with self._near.upload(session), self._far.tried(f"upload {session}") as taken:
            if not taken:
                raise BusyError(session)
            yield

    @contextmanager
    def linking(self, digest: Digest) -> Iterator[None]:
        """`linked` is empty unless somebody collects."""
        with self._near.linking(digest), self._far.waiting(_LINKING, shared=True) as held:
            self._far.execute(held, linked.NOTE, {"digest": str(digest)})
            yield

    @contextmanager
    def collecting(self) -> Iterator[Sweeping]:
        with self._near.collecting() as near, self._far.tried("collection") as taken:
            if not taken:
                raise CollectingError
            with writing(self._engine) as connection:
                wait_in_line(connection, _LINKING)
                linked.begin(connection)
            try:
                yield lambda: self._sweep(near)
            finally:
                with writing(self._engine) as connection:
                    linked.end(connection)

    @contextmanager
    def _sweep(self, near: Sweeping) -> Iterator[Set[str]]:
        with near() as here, writing(self._engine) as connection:
            wait_in_line(connection, _LINKING)
            yield here | linked.since(connection)

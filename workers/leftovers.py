"""Finds out what became of requests that crashed half-way, now and then."""

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.store.engine import Engine, UnavailableError
from app.usecases.settle_leftovers import settle_leftovers

if TYPE_CHECKING:
    from app.registry.locks import Locks
    from app.registry.registry import Registry

log = logging.getLogger(__name__)

EVERY_S = 10.0


@dataclass(slots=True)
class Leftovers:
    engine: Engine
    registry: "Registry"
    locks: "Locks"
    at: float = 0.0

    @property
    def is_due(self) -> bool:
        return time.monotonic() >= self.at

    def run(self) -> None:
        """Beside the rounds: it waits for locks, and for a storage that may be slow."""
        self.at = time.monotonic() + EVERY_S
        try:
            settle_leftovers(self.engine, self.locks, self.registry.holds)
        except UnavailableError as error:
            log.warning("what crashed is settled later: %s", error)

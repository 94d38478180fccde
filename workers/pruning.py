"""Keeps our registry's journal short, now and then."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from app.store.engine import Engine, UnavailableError
from app.usecases.prune_journal import prune_journal

log = logging.getLogger(__name__)

EVERY_S = 600.0


@dataclass(slots=True)
class Pruning:
    engine: Engine
    endpoints: Sequence[str]
    at: float = 0.0

    @property
    def is_due(self) -> bool:
        return time.monotonic() >= self.at

    def run(self) -> None:
        self.at = time.monotonic() + EVERY_S
        try:
            gone = prune_journal(self.engine, self.endpoints)
        except UnavailableError as error:
            log.warning("the journal is not shortened now: %s", error)
            return
        if gone:
            log.info("took %d events that all endpoints have out of the journal", gone)

"""Takes away the uploads that nobody went on with, now and then."""

import logging
import random
import time
from dataclasses import dataclass, field

from app.domain.times import SECOND_NS
from app.registry import purge
from app.registry.locks import Locks
from app.registry.storage.driver import StorageDriver, StorageError
from app.settings.registry import UploadPurging

log = logging.getLogger(__name__)

LATEST_FIRST_S = 3600.0
"""The first is not at once, so that the nodes that serve one storage don't all walk it together."""


@dataclass(slots=True)
class Purging:
    section: UploadPurging
    driver: StorageDriver
    locks: Locks
    at: float = field(init=False)

    def __post_init__(self) -> None:
        interval_s = self.section.interval / SECOND_NS
        self.at = time.monotonic() + random.uniform(0, min(interval_s, LATEST_FIRST_S))  # noqa: S311 - no secret

    @property
    def is_due(self) -> bool:
        return self.section.enabled and time.monotonic() >= self.at

    def run(self) -> None:
        """Remove what is stale, or say what would be."""
        self.at = time.monotonic() + self.section.interval / SECOND_NS
        try:
            for upload in purge.stale(self.driver, time.time_ns() - self.section.age):
                self._take(upload)
        except StorageError as error:
            log.warning("stale uploads: %s", error)

    def _take(self, upload: purge.Stale) -> None:
        if self.section.dryrun:
            log.info("stale upload %s of %s would be removed", upload.identifier, upload.repository)
        elif purge.remove(self.driver, self.locks, upload):
            log.info("removed stale upload %s of %s", upload.identifier, upload.repository)

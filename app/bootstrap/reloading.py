"""Another configuration without a restart: files that change are read again, and used if they can be."""

import logging
import threading
import time
from collections.abc import Callable

from app.domain.errors import TagtrailError
from app.settings import Settings, load
from app.settings.fingerprint import fingerprint
from app.settings.operator import operator
from app.usecases.note_configuration import note_configuration

log = logging.getLogger("app")

EVERY_S = 1.0


class Watched:
    """The configuration that is in force. `use` makes of another one what this process works with, or raises.

    What can't be used is told once, and the old one stays in force.
    """

    def __init__(self, settings: Settings, use: Callable[[Settings], None]) -> None:
        self._settings = settings
        self._use = use
        self._stamp = settings.stamp
        self._looked_at = time.monotonic()
        self._lock = threading.Lock()

    def look(self) -> None:
        """Read again what has changed since the last look; at most once in EVERY_S, by one thread."""
        if time.monotonic() - self._looked_at < EVERY_S or not self._lock.acquire(blocking=False):
            return
        try:
            self._looked_at = time.monotonic()
            found = self._settings.stamp_now
            if found != self._stamp:
                self._stamp = found
                self._read_again()
        finally:
            self._lock.release()

    def _read_again(self) -> None:
        try:
            fresh = load()
            self._use(fresh)
        except (TagtrailError, OSError) as error:
            log.warning("the configuration has changed and can't be used; the old one stays in force: %s", error)
            return
        self._settings = fresh
        log.info("the configuration has changed: %d rules are in force", len(fresh.rules))
        note_configuration(fresh.database_url, operator(), fingerprint(fresh))

"""Whether the registry can do its work (distribution's `health`): checks that are made beside requests."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from app.domain.errors import TagtrailError
from app.registry.storage.driver import PathNotFoundError, StorageDriver


@dataclass(frozen=True, slots=True)
class Check:
    """`look` raises TagtrailError or OSError where something is wrong; so many times in a row, and it counts."""

    name: str
    look: Callable[[], None]
    interval_s: float
    threshold: int = 1


def storage_check(driver: StorageDriver, interval_s: float, threshold: int) -> Check:
    """The name is distribution's. A storage in which there is nothing yet is well."""

    def look() -> None:
        try:
            driver.stat("/")
        except PathNotFoundError:
            return

    return Check(f"storagedriver_{driver.name}", look, interval_s, threshold)


class Pulse:
    """One check's state. One that does not come back in all the time that its failures might take is failing, too."""

    def __init__(self, check: Check, clock: Callable[[], float] = time.monotonic) -> None:
        self.check = check
        self._clock = clock
        self._failures = 0
        self._reason = ""
        self._began: float | None = None

    def beat(self) -> None:
        """Make the check once."""
        self._began = self._clock()
        try:
            self.check.look()
        except (TagtrailError, OSError) as error:
            self._failures, self._reason = self._failures + 1, str(error)
        else:
            self._failures = 0
        finally:
            self._began = None

    @property
    def fault(self) -> str | None:
        """What is wrong; None if nothing is, or not for long enough."""
        began = self._began
        if began is not None and self._clock() - began > self.check.interval_s * self.check.threshold:
            return "the check does not come back"
        return self._reason if self._failures >= self.check.threshold else None


class Health:
    """All checks of a process, each on a thread of its own once they are started."""

    def __init__(self, checks: Sequence[Check]) -> None:
        self.pulses = [Pulse(check) for check in checks]

    def start(self) -> None:
        for pulse in self.pulses:
            threading.Thread(target=_beat_for_ever, args=[pulse], name=pulse.check.name, daemon=True).start()

    @property
    def faults(self) -> Mapping[str, str]:
        """What is wrong, by check; empty while all is well."""
        return {pulse.check.name: fault for pulse in self.pulses if (fault := pulse.fault) is not None}


def _beat_for_ever(pulse: Pulse) -> None:
    while True:
        pulse.beat()
        time.sleep(pulse.check.interval_s)

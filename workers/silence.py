"""Says in the log when an origin that is expected to speak falls silent, and when it speaks again: once each."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

from app.domain.origins import is_silent
from app.domain.times import SECOND_NS, rfc3339
from app.settings.origins_folder import OriginsFolder
from app.store.engine import Connection, now_ns
from app.store.origins import all_tallies

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Watch:
    """Remembers who is silent. Who has never spoken counts as heard when the first look found it so."""

    origins: OriginsFolder
    _silent: set[str] = field(default_factory=set)
    _first_looked_ns: dict[str, int] = field(default_factory=dict)

    def look(self, connection: Connection) -> None:
        """Raises ConfigurationError while a file of the folder can't be used."""
        now = now_ns(connection)
        heard = dict(self._heard(connection, now))
        for name, (heard_ns, expect_every_ns) in heard.items():
            silent = is_silent(heard_ns, expect_every_ns, now)
            if silent and name not in self._silent:
                log.warning(
                    "%s is silent since %s; something is expected every %d s: see tagtrail origin doctor %s",
                    name, rfc3339(heard_ns, 0), expect_every_ns // SECOND_NS, name,
                )  # fmt: skip
                self._silent.add(name)
            elif not silent and name in self._silent:
                log.info("%s speaks again", name)
                self._silent.discard(name)
        self._silent &= heard.keys()

    def _heard(self, connection: Connection, now: int) -> Iterator[tuple[str, tuple[int, int]]]:
        """When each origin of which something is expected was heard last, and how often it is expected."""
        expected = {name: one.expect_every for name, one in self.origins.all().items() if one.expect_every is not None}
        if not expected:
            return
        tallies = all_tallies(connection)
        for name, expect_every_ns in expected.items():
            tally = tallies.get(name)
            heard_ns = tally.last_received_ns if tally else self._first_looked_ns.setdefault(name, now)
            yield name, (heard_ns, expect_every_ns)

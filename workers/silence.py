"""Says when an origin that is expected to speak falls silent, and when it speaks again: once each.

The log is told of both, channels of the silence.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from app.domain.origins import is_silent
from app.domain.times import SECOND_NS, rfc3339
from app.domain.told import Notice
from app.settings.origins_folder import OriginsFolder
from app.sinks.sink import Channel
from app.store.engine import Connection, Engine, now_ns, reading, writing
from app.store.origins import all_tallies
from app.usecases.tell_notice import tell_notice

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Watch:
    """Remembers who is silent. Who has never spoken counts as heard when the first look found it so.

    `told`: the channels that are told, made when there is something to tell.
    """

    origins: OriginsFolder
    told: Callable[[], Mapping[str, Channel]] = dict
    _silent: set[str] = field(default_factory=set)
    _first_looked_ns: dict[str, int] = field(default_factory=dict)

    def look(self, engine: Engine) -> None:
        """Raises ConfigurationError while a file of the folder, or a channel, can't be used."""
        with reading(engine) as connection:
            now = now_ns(connection)
            heard = dict(self._heard(connection, now))
        for name, (heard_ns, expect_every_ns, cause) in heard.items():
            silent = is_silent(heard_ns, expect_every_ns, now)
            if silent and name not in self._silent:
                text = (
                    f"{name} is silent since {rfc3339(heard_ns, 0)}; something is expected every "
                    f"{expect_every_ns // SECOND_NS} s: see tagtrail origin doctor {name}"
                )
                self._tell(engine, Notice("origin.silent", name, text, now, None), cause)
                log.warning("%s", text)
                self._silent.add(name)
            elif not silent and name in self._silent:
                log.info("%s speaks again", name)
                self._silent.discard(name)
        self._silent &= heard.keys()

    def _tell(self, engine: Engine, notice: Notice, cause: str) -> None:
        if channels := self.told():
            with writing(engine) as connection:
                tell_notice(connection, channels, notice, cause)

    def _heard(self, connection: Connection, now: int) -> Iterator[tuple[str, tuple[int, int, str]]]:
        """When each origin of which something is expected was heard last, how often it is expected, and what names
        its silence: the same after a restart, so that channels are told once.
        """
        expected = {name: one.expect_every for name, one in self.origins.all().items() if one.expect_every is not None}
        if not expected:
            return
        tallies = all_tallies(connection)
        for name, expect_every_ns in expected.items():
            tally = tallies.get(name)
            heard_ns = tally.last_received_ns if tally else self._first_looked_ns.setdefault(name, now)
            cause = f"origin.silent {name} {heard_ns if tally else 'never heard'}"
            yield name, (heard_ns, expect_every_ns, cause)

"""What all destinations have in common: how soon, how many at once, for how long."""

from typing import Annotated

from pydantic import Field

from app.domain.destinations import DISABLE_AFTER_NS
from app.domain.times import SECOND_NS
from app.settings.values import Duration, FilePath, SecretUrl, Section

SETTLE_NS = 2 * SECOND_NS
SETTLE_MAX_NS = 30 * SECOND_NS
TIMEOUT_NS = 15 * SECOND_NS
LONGEST_NS = 600 * SECOND_NS


class SendingSection(Section):
    """What comes within `settle` of each other, though not longer than `settle_max`, goes out together.

    `in_flight`: requests at a time, over all workers; unless said, as `app.domain.deliveries.in_flight` has it.
    `disable_after`: failures only for so long, and nothing is sent there any more.
    """

    settle: Duration = SETTLE_NS
    settle_max: Duration = SETTLE_MAX_NS
    in_flight: Annotated[int, Field(ge=1, le=64)] | None = None
    disable_after: Annotated[Duration, Field(gt=0)] = DISABLE_AFTER_NS


class Trusted(Section):
    """`ca`: a file of authorities that are trusted besides the system's."""

    ca: FilePath


class CallingSection(SendingSection):
    """Of what is one HTTP request. `timeout`: for all of it, from the look-up of the name to the answer's last byte.

    `proxy`: http://[USER:PASSWORD@]HOST:PORT; none of the environment is used.
    """

    timeout: Annotated[Duration, Field(gt=0, le=LONGEST_NS)] = TIMEOUT_NS
    proxy: SecretUrl | None = None
    tls: Trusted | None = None

    @property
    def is_plain(self) -> bool:
        """Whether nothing of this is said."""
        return self.timeout == TIMEOUT_NS and self.proxy is None and self.tls is None

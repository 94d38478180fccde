"""What all destinations have in common: how soon, how many at once, for how long."""

from typing import Annotated

from pydantic import Field

from app.domain.destinations import DISABLE_AFTER_NS
from app.domain.times import SECOND_NS
from app.settings.values import Duration, Section

SETTLE_NS = 2 * SECOND_NS
SETTLE_MAX_NS = 30 * SECOND_NS


class SendingSection(Section):
    """What comes within `settle` of each other, though not longer than `settle_max`, goes out together.

    `in_flight`: requests at a time, over all workers; unless said, as `app.domain.deliveries.in_flight` has it.
    `disable_after`: failures only for so long, and nothing is sent there any more.
    """

    settle: Duration = SETTLE_NS
    settle_max: Duration = SETTLE_MAX_NS
    in_flight: Annotated[int, Field(ge=1, le=64)] | None = None
    disable_after: Annotated[Duration, Field(gt=0)] = DISABLE_AFTER_NS

"""Where deliveries go: triggers deploy, channels tell people."""

from app.domain.times import SECOND_NS
from app.settings.values import Duration, Section

SETTLE_NS = 2 * SECOND_NS
SETTLE_MAX_NS = 30 * SECOND_NS


class TriggerSection(Section):
    """What all triggers have; `app.settings.triggers` has the kinds.

    What comes within `settle` of each other, though not longer than `settle_max`, goes out together.
    """

    kind: str
    settle: Duration = SETTLE_NS
    settle_max: Duration = SETTLE_MAX_NS


class ProtectedSection(Section):
    """Tags that nobody should move. `tags`: globs, else those that look like releases. `alert`: else all channels."""

    tags: tuple[str, ...] | None = None
    alert: tuple[str, ...] | None = None

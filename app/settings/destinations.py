"""Where deliveries go: triggers deploy, channels tell people."""

from app.settings.sending import CallingSection, SendingSection
from app.settings.values import Section


class TriggerSection(SendingSection):
    """What all triggers have; `app.settings.triggers` has the kinds."""

    kind: str


class CallingTrigger(CallingSection, TriggerSection):
    """One that is an HTTP request."""


class ProtectedSection(Section):
    """Tags that nobody should move. `tags`: globs, else those that look like releases. `alert`: else all channels."""

    tags: tuple[str, ...] | None = None
    alert: tuple[str, ...] | None = None

"""Where deliveries go: triggers deploy, channels tell people."""

from typing import Literal

from app.settings.sending import SendingSection
from app.settings.values import Secret, SecretUrl


class TriggerSection(SendingSection):
    """What all triggers have; `app.settings.triggers` has the kinds."""

    kind: str


class ChannelSection(SendingSection):
    """`secret` signs what is sent to a webhook, as Standard Webhooks writes it (whsec_…)."""

    kind: Literal["webhook", "slack"]
    url: SecretUrl
    secret: Secret | None = None

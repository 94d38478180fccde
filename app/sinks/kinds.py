"""From a section of the configuration to its sink."""

from app.domain.signatures import InvalidSecretError, SigningSecret
from app.outbound import Door, Url
from app.settings.destinations import ChannelSection, TriggerSection
from app.sinks.sink import Channel, Sink
from app.sinks.slack import Slack
from app.sinks.webhook import Webhook


def trigger(section: TriggerSection, door: Door) -> Sink:
    """Raise InvalidUrlError or InvalidSecretError; neither repeats a URL or a secret."""
    return _webhook(section, door)


def channel(section: ChannelSection, door: Door) -> Channel:
    """Raise InvalidUrlError or InvalidSecretError; neither repeats a URL or a secret."""
    if section.kind == "webhook":
        return _webhook(section, door)
    if section.secret is not None:
        raise InvalidSecretError("Slack's is in the URL; leave it out")
    return Slack(door, Url.parse(section.url.get_secret_value()))


def _webhook(section: TriggerSection | ChannelSection, door: Door) -> Webhook:
    secret = SigningSecret.parse(section.secret.get_secret_value()) if section.secret else None
    return Webhook(door, Url.parse(section.url.get_secret_value()), secret)

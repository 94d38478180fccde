"""From a section of the configuration to its sink."""

from app.domain.signatures import SigningSecret
from app.outbound import Door, MailServer, Url
from app.settings.channels import (
    MAIL_PORTS,
    AppriseChannel,
    ChannelSection,
    DiscordChannel,
    EmailChannel,
    SlackChannel,
    TeamsChannel,
    WebhookChannel,
)
from app.settings.destinations import TriggerSection
from app.sinks.apprise import Apprise
from app.sinks.discord import Discord
from app.sinks.email import Email
from app.sinks.sink import Channel, Sink
from app.sinks.slack import Slack
from app.sinks.teams import Teams
from app.sinks.webhook import Webhook


def trigger(section: TriggerSection, door: Door) -> Sink:
    """Raise InvalidUrlError or InvalidSecretError; neither repeats a URL or a secret."""
    return _webhook(section, door)


def channel(section: ChannelSection, door: Door) -> Channel:
    """Raise InvalidUrlError, InvalidSecretError or AppriseError; none repeats a URL or a secret."""
    match section:
        case WebhookChannel():
            return _webhook(section, door)
        case EmailChannel():
            return _email(section, door)
        case SlackChannel():
            return Slack(door, _url(section))
        case TeamsChannel():
            return Teams(door, _url(section))
        case DiscordChannel():
            return Discord(door, _url(section))
        case AppriseChannel():
            return Apprise(section.url.get_secret_value())


def _url(section: SlackChannel | TeamsChannel | DiscordChannel) -> Url:
    return Url.parse(section.url.get_secret_value())


def _webhook(section: TriggerSection | WebhookChannel, door: Door) -> Webhook:
    secret = SigningSecret.parse(section.secret.get_secret_value()) if section.secret else None
    return Webhook(door, Url.parse(section.url.get_secret_value()), secret)


def _email(section: EmailChannel, door: Door) -> Email:
    password = section.password.get_secret_value() if section.password else None
    port = section.port or MAIL_PORTS[section.security]
    server = MailServer(section.server, port, section.security, section.user, password)
    return Email(door, server, section.sender, section.to)

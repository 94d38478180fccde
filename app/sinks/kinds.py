"""From a section of the configuration to its sink."""

from pydantic import SecretStr

from app.domain.signatures import InvalidSecretError, SigningSecret
from app.outbound import Door, Url
from app.settings.destinations import ChannelSection
from app.settings.templates import Template
from app.settings.triggers import Trigger, WebhookTrigger
from app.sinks import presets
from app.sinks.request import Proof, Request, Shape
from app.sinks.sink import Channel
from app.sinks.sink import Trigger as TriggerSink
from app.sinks.slack import Slack
from app.sinks.webhook import Webhook


def trigger(section: Trigger, door: Door) -> TriggerSink:
    """Raise InvalidUrlError or InvalidSecretError; neither repeats a URL or a secret."""
    if isinstance(section, WebhookTrigger):
        return _request(section, door)
    return presets.request(section, door)


def channel(section: ChannelSection, door: Door) -> Channel:
    """Raise InvalidUrlError or InvalidSecretError; neither repeats a URL or a secret."""
    if section.kind == "webhook":
        return _webhook(section, door)
    if section.secret is not None:
        raise InvalidSecretError("Slack's is in the URL; leave it out")
    return Slack(door, Url.parse(section.url.get_secret_value()))


def _request(section: WebhookTrigger, door: Door) -> Request:
    shape = Shape(
        method=section.method,
        content_type=section.content_type,
        body=section.body,
        headers={name: one for name, one in section.headers.items() if isinstance(one, Template)},
        query=section.query,
    )
    proof = Proof(
        headers={name: one.get_secret_value() for name, one in section.headers.items() if isinstance(one, SecretStr)},
        signing=tuple(SigningSecret.parse(one.get_secret_value()) for one in section.secret or ()),
        seal=section.hmac.seal if section.hmac else None,
    )
    return Request(door, Url.parse(section.url.get_secret_value()), shape, proof)


def _webhook(section: ChannelSection, door: Door) -> Webhook:
    secret = SigningSecret.parse(section.secret.get_secret_value()) if section.secret else None
    return Webhook(door, Url.parse(section.url.get_secret_value()), secret)

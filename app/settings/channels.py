"""Where people are told: one shape a kind, chosen by `kind:`."""

from email.errors import MessageError
from email.headerregistry import Address
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from app.domain.limits import Limit
from app.settings.sending import CallingSection, SendingSection
from app.settings.templated import ChannelBody, Wording
from app.settings.values import ContentType, Secret, SecretUrl

MAIL_PORTS = {"starttls": 587, "tls": 465, "none": 25}


def check_address(text: str) -> str:
    """`text` if mail can go to it, or come from it. Raises ValueError."""
    try:
        found = Address(addr_spec=text)
    except (MessageError, ValueError, IndexError, AttributeError):  # the standard library's parser raises them all
        raise ValueError("write an address as name@example.com") from None
    if not (text.isascii() and text.isprintable() and found.username and found.domain):
        raise ValueError("write an address as name@example.com, in ASCII")
    return text


MailAddress = Annotated[str, AfterValidator(check_address)]


class AnyChannel(SendingSection):
    """What all channels have.

    `follow_up`: whether it is told how the deploys of its rules ended. `limit`: messages within a time; what comes
    meanwhile waits, and goes out together.
    """

    follow_up: bool = True
    limit: Annotated[Limit, BeforeValidator(Limit.parse)] | None = None


class WebhookChannel(CallingSection, AnyChannel):
    """`secret` signs what is sent, as Standard Webhooks writes it (whsec_…). `template`: the body; else our own."""

    kind: Literal["webhook"]
    url: SecretUrl
    secret: Secret | None = None
    content_type: ContentType = "application/json"
    template: ChannelBody | None = None


class ChatChannel(AnyChannel):
    """Where people read. `template`: what is said of each change; else our own words."""

    template: Wording | None = None


class SlackChannel(CallingSection, ChatChannel):
    kind: Literal["slack"]
    url: SecretUrl


class TeamsChannel(CallingSection, ChatChannel):
    kind: Literal["teams"]
    url: SecretUrl


class DiscordChannel(CallingSection, ChatChannel):
    kind: Literal["discord"]
    url: SecretUrl


class EmailChannel(ChatChannel):
    """Mail through an SMTP server. Where no `port` is given it is the usual one of the `security`."""

    kind: Literal["email"]
    server: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,253}$")]
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password: Secret | None = None
    sender: MailAddress = Field(alias="from")
    to: Annotated[tuple[MailAddress, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _show_no_password(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("give both user: and password:, or neither")
        here = self.server in ("127.0.0.1", "::1", "localhost")
        if self.password is not None and self.security == "none" and not here:
            raise ValueError("a password needs security: starttls or tls")
        return self


class AppriseChannel(ChatChannel):
    """Any service that Apprise knows, by the URL that it has for it; needs the extra `apprise`."""

    kind: Literal["apprise"]
    url: SecretUrl


ChannelSection = Annotated[
    WebhookChannel | SlackChannel | TeamsChannel | DiscordChannel | EmailChannel | AppriseChannel,
    Field(discriminator="kind"),
]

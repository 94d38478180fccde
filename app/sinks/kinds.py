"""From the name of a kind, as the configuration has it, to its sink."""

from app.domain.errors import TagtrailError
from app.domain.signatures import InvalidSecretError, SigningSecret
from app.outbound import Door, Url
from app.sinks.sink import Sink
from app.sinks.slack import Slack
from app.sinks.webhook import Webhook

KINDS = ("slack", "webhook")


class UnknownKindError(TagtrailError, ValueError):
    """A kind of sink that does not exist."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"no kind of sink: {kind!r}; there are {', '.join(KINDS)}")
        self.kind = kind


def build(kind: str, url: str, secret: str | None, door: Door) -> Sink:
    """Raise UnknownKindError, InvalidUrlError or InvalidSecretError; none repeats `url` or `secret`."""
    match kind:
        case "webhook":
            return Webhook(door, Url.parse(url), None if secret is None else SigningSecret.parse(secret))
        case "slack":
            if secret is not None:
                raise InvalidSecretError("Slack's is in the URL; leave it out")
            return Slack(door, Url.parse(url))
        case _:
            raise UnknownKindError(kind)

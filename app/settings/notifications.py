"""`notifications:` of the registry, as distribution has it, and what its endpoints lack."""

from collections import Counter
from typing import Annotated, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from app.domain.endpoints import MOST_IN_AN_ENVELOPE
from app.domain.endpoints import Ignore as Ignored
from app.domain.signatures import SigningSecret
from app.domain.times import SECOND_NS
from app.settings.distribution_values import Count, Duration, Idle, Listed, Positive
from app.settings.values import FilePath, SecretText, SecretUrl, Section, is_known

Span = Annotated[Duration, AfterValidator(lambda given: given or SECOND_NS)]
"""None at all is a second, as distribution has it."""


class Ignore(Section):
    mediatypes: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()


class EndpointIgnore(Ignore):
    """Each works by itself. `methods`: of requests; `[HEAD]` names the pulls of who only asked for a digest."""

    repositories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()


class EndpointTls(Section):
    """`ca` is trusted instead of the system's authorities; `certificate` and `key` show who sends."""

    ca: FilePath | None = None
    certificate: FilePath | None = None
    key: FilePath | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise PydanticCustomError("half_tls", "certificate and key go together")
        return self


class DeadLetter(Section):
    """`after`: so many tries for an event that the endpoint refuses by 400, 413 or 422, then it is parked."""

    after: Count = 5


class Endpoint(Section):
    """One of distribution's `notifications.endpoints`. `threshold`: failures are always waited after, by `backoff`.

    Ours are `batch`, events in an envelope; `maxage`, of which they are parked; `secret` signs (Standard Webhooks);
    `tls`; `deadletter`; `tagtrail: false` sends nothing but what distribution does.
    """

    name: str
    disabled: bool = False
    url: SecretUrl
    headers: dict[str, Annotated[tuple[SecretText, ...], Listed]] = Field(default_factory=dict)
    timeout: Span = SECOND_NS
    threshold: Idle = None
    backoff: Span = SECOND_NS
    ignoredmediatypes: tuple[str, ...] = ()
    ignore: EndpointIgnore = EndpointIgnore()
    batch: Annotated[Count, Field(le=MOST_IN_AN_ENVELOPE)] = 1
    maxage: Positive | None = None
    secret: SecretText | None = None
    tls: EndpointTls = EndpointTls()
    deadletter: DeadLetter = DeadLetter()
    tagtrail: bool = True

    @field_validator("secret", mode="after")
    @classmethod
    def _signs(cls, secret: SecretText | None, info: ValidationInfo) -> SecretText | None:
        if secret is not None and is_known(info):
            SigningSecret.parse(secret.get_secret_value())
        return secret

    @property
    def ignored(self) -> Ignored:
        """All its rules."""
        rules = self.ignore
        media_types = frozenset(self.ignoredmediatypes + rules.mediatypes)
        return Ignored(media_types, frozenset(rules.actions), rules.repositories, rules.tags, frozenset(rules.methods))


class EventsSection(Section):
    includereferences: bool = False


class Notifications(Section):
    """`endpoints` None: nobody said, and our own receiver is told. By its name is known how far each has come."""

    events: EventsSection = EventsSection()
    endpoints: tuple[Endpoint, ...] | None = None

    @field_validator("endpoints", mode="after")
    @classmethod
    def _each_has_a_name(cls, endpoints: tuple[Endpoint, ...] | None) -> tuple[Endpoint, ...] | None:
        names = Counter(endpoint.name for endpoint in endpoints or () if not endpoint.disabled)
        for name, count in names.items():
            if count > 1:
                text = "{count} endpoints are called {name}: each needs a name of its own"
                raise PydanticCustomError("twice", text, {"count": count, "name": repr(name)})
        return endpoints

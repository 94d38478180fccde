"""The kinds of trigger: what deploys, and what each has to know."""

import difflib
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from app.settings.clusters import CommandTrigger, KubernetesTrigger, SwarmTrigger
from app.settings.destinations import CallingTrigger
from app.settings.presets import Preset
from app.settings.proofs import HeaderName, Hmac, signing_secrets
from app.settings.templated import Body, HeaderText, Text
from app.settings.values import ContentType, Secrets, SecretUrl

_OWN = ("connection", "content-length", "content-type", "host", "traceparent", "transfer-encoding", "user-agent")


def _not_ours(name: str) -> str:
    if name.lower() in _OWN or name.lower().startswith("webhook-"):
        raise ValueError("this header is set by Tagtrail")
    return name


class WebhookTrigger(CallingTrigger):
    """One HTTP request. `headers`, `query` and `body` are templates; without `body` it is Tagtrail's own message.

    `secret` signs as Standard Webhooks writes it (whsec_…), two secrets make two signatures; `hmac` signs in a header
    of its own, with the first of two.
    """

    kind: Literal["webhook"]
    url: SecretUrl
    method: Literal["POST", "PUT", "PATCH", "GET"] = "POST"
    headers: dict[Annotated[HeaderName, AfterValidator(_not_ours)], HeaderText] = Field(default_factory=dict)
    query: dict[str, Text] = Field(default_factory=dict)
    content_type: ContentType = "application/json"
    body: Body | None = None
    secret: Annotated[Secrets, AfterValidator(signing_secrets)] | None = None
    hmac: Hmac | None = None

    @model_validator(mode="after")
    def _has_one_of_each(self) -> Self:
        if self.method == "GET" and self.body is not None:
            raise PydanticCustomError("get_body", "a GET has no body", {"at": ("body",)})
        names = [name.lower() for name in (*self.headers, *([self.hmac.header] if self.hmac else []))]
        if len(names) != len(set(names)):
            raise PydanticCustomError("headers", "a header stands here twice", {"at": ("headers",)})
        return self


_Kinds = WebhookTrigger | KubernetesTrigger | SwarmTrigger | CommandTrigger | Preset
KINDS = tuple(get_args(kind.model_fields["kind"].annotation)[0] for kind in get_args(_Kinds))


def _known_kind(given: object) -> object:
    kind = given.get("kind", "") if isinstance(given, dict) else None
    if kind is None or kind in KINDS:
        return given
    near = difflib.get_close_matches(str(kind), KINDS, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(KINDS)}"
    raise PydanticCustomError(
        "kind", "no kind of trigger is called '{name}'; {hint}", {"name": str(kind), "hint": hint, "at": ("kind",)}
    )


Trigger = Annotated[_Kinds, Field(discriminator="kind"), BeforeValidator(_known_kind)]

"""Triggers that are one request to the API of a known product; `app.sinks.presets` says which request."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from app.domain.fields import NAMES
from app.settings.destinations import CallingTrigger
from app.settings.templated import Text
from app.settings.templates import Template
from app.settings.values import Secret, SecretUrl, is_known

_GITHUB = "https://api.github.com"
_GITLAB = "https://gitlab.com"


def _owner_and_name(text: str) -> str:
    if text.count("/") != 1 or not all(text.split("/")):
        raise ValueError("write OWNER/NAME")
    return text


def _visible(name: str) -> str:
    if not name.isascii() or not name.replace("_", "").replace("-", "").isalnum():
        raise ValueError("a name here has letters, digits, '-' and '_'")
    return name


Variable = Annotated[str, AfterValidator(_visible)]


class ArgoCd(CallingTrigger):
    """`url`: of the API server. `namespace`: of the Application, where it is not Argo CD's own."""

    kind: Literal["argocd"]
    url: SecretUrl
    application: str
    namespace: str | None = None
    token: Secret


class Flux(CallingTrigger):
    """`url`: of the Receiver, with its path. `token`: of the Secret that the Receiver (`generic-hmac`) refers to."""

    kind: Literal["flux"]
    url: SecretUrl
    token: Secret


class GitHubDispatch(CallingTrigger):
    kind: Literal["github-dispatch"]
    url: SecretUrl = SecretStr(_GITHUB)
    repository: Annotated[str, AfterValidator(_owner_and_name)]
    event_type: Annotated[str, Field(min_length=1, max_length=100)] = "tagtrail"
    token: Secret


class GitHubWorkflow(CallingTrigger):
    """`workflow`: its file's name or its id. `inputs`: those that the workflow declares; GitHub refuses others."""

    kind: Literal["github-workflow"]
    url: SecretUrl = SecretStr(_GITHUB)
    repository: Annotated[str, AfterValidator(_owner_and_name)]
    workflow: str
    ref: str = "main"
    inputs: dict[Variable, Text] = Field(default_factory=dict, max_length=25)
    token: Secret


class GitLab(CallingTrigger):
    """`project`: its id or path. `token`: a pipeline trigger token."""

    kind: Literal["gitlab"]
    url: SecretUrl = SecretStr(_GITLAB)
    project: str
    ref: str = "main"
    variables: dict[Variable, Text] = Field(default_factory=dict)
    token: Secret


class Jenkins(CallingTrigger):
    """`job`: with its folders, as `team/deploy`. `token`: of "Trigger builds remotely". `password`: an API token."""

    kind: Literal["jenkins"]
    url: SecretUrl
    job: str
    parameters: dict[Variable, Text] = Field(default_factory=dict)
    token: Secret | None = None
    username: str | None = None
    password: Secret | None = None

    @model_validator(mode="after")
    def _proves_itself(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise PydanticCustomError("jenkins", "username: and password: go together")
        if self.token is None and self.password is None:
            raise PydanticCustomError("jenkins", "give the job's token:, or username: and password:, or both")
        return self


class Portainer(CallingTrigger):
    """`url`: of the service's or stack's webhook, whose path is the secret. `query`: `tag` for a service."""

    kind: Literal["portainer"]
    url: SecretUrl
    query: dict[Variable, Text] = Field(default_factory=lambda: {"tag": Template.parse("{{ tag }}", NAMES)})


class Coolify(CallingTrigger):
    """`uuid`: of the resource. `token`: an API token that may deploy."""

    kind: Literal["coolify"]
    url: SecretUrl
    uuid: str
    force: bool = False
    token: Secret


class Dokploy(CallingTrigger):
    """The id of one `application` or of one `compose`. `token`: an API key."""

    kind: Literal["dokploy"]
    url: SecretUrl
    application: str | None = None
    compose: str | None = None
    token: Secret

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.application is None) == (self.compose is None):
            raise PydanticCustomError("dokploy", "give either application: or compose:")
        return self


class Nomad(CallingTrigger):
    """`job`: a parameterized job. `meta`: what the job's `parameterized` block allows; Nomad refuses others."""

    kind: Literal["nomad"]
    url: SecretUrl
    job: str
    namespace: str | None = None
    meta: dict[Variable, Text] = Field(default_factory=dict)
    token: Secret | None = None


def _publishing_user(text: str, info: ValidationInfo) -> str:
    if is_known(info) and ":" in text:
        raise ValueError("a username has no colon")
    return text


class AzureAppService(CallingTrigger):
    """`url`: https://APP.scm.azurewebsites.net, without credentials. `username`: `$APP` of the publish profile."""

    kind: Literal["azure-appservice"]
    url: SecretUrl
    username: Annotated[str, AfterValidator(_publishing_user)]
    password: Secret


Preset = (
    ArgoCd
    | Flux
    | GitHubDispatch
    | GitHubWorkflow
    | GitLab
    | Jenkins
    | Portainer
    | Coolify
    | Dokploy
    | Nomad
    | AzureAppService
)

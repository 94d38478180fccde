"""Triggers that speak with an orchestrator or run a program."""

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, InstanceOf, SecretStr, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from app.domain.fields import NAMES
from app.domain.times import SECOND_NS
from app.settings.destinations import TriggerSection
from app.settings.references import has_reference
from app.settings.sending import LONGEST_NS
from app.settings.values import Duration, FilePath, SecretUrl, Section, resolved

_WORKLOAD = re.compile(r"(deployment|statefulset|daemonset|cronjob)/[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_REGISTRY = re.compile(r"[a-z0-9][a-z0-9.-]*(?::\d{1,5})?(?:/[a-z0-9._/-]+)?")
_PLACE = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def _workload(text: str) -> str:
    if not _WORKLOAD.fullmatch(text):
        raise ValueError("write deployment/NAME, statefulset/NAME, daemonset/NAME or cronjob/NAME")
    return text


def _label(text: str) -> str:
    if not _LABEL.fullmatch(text):
        raise ValueError("it has lower-case letters, digits and '-', at most 63 of them")
    return text


def _registry(text: str) -> str:
    if not _REGISTRY.fullmatch(text):
        raise ValueError("write the registry as the cluster pulls from it: HOST[:PORT][/PATH]")
    return text


Registry = Annotated[str, AfterValidator(_registry)]


class KubernetesTrigger(TriggerSection):
    """With `container`, its image is set to the digest; without, the pods are restarted.

    The cluster is that of `kubeconfig` (and `context`), or the one that Tagtrail runs in. `pull_from`: the registry as
    the cluster knows it, where that is not the registry's name in the history.
    """

    kind: Literal["kubernetes"]
    kubeconfig: FilePath | None = None
    context: str | None = None
    namespace: Annotated[str, AfterValidator(_label)] | None = None
    workload: Annotated[str, AfterValidator(_workload)]
    container: Annotated[str, AfterValidator(_label)] | None = None
    pull_from: Registry | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.context is not None and self.kubeconfig is None:
            raise PydanticCustomError("context", "context: belongs to a kubeconfig:", {"at": ("context",)})
        if self.workload.startswith("cronjob/") and self.container is None:
            raise PydanticCustomError("cronjob", "a CronJob has no pods to restart; name the container: to set")
        return self


class SwarmTls(Section):
    """`ca` is trusted instead of the system's authorities; `certificate` and `key` show who asks."""

    ca: FilePath
    certificate: FilePath
    key: FilePath


class SwarmTrigger(TriggerSection):
    """The image of `service` is set to the digest. The Engine is at a `socket`, or at a `url` with `tls`."""

    kind: Literal["swarm"]
    service: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    socket: FilePath | None = None
    url: SecretUrl | None = None
    tls: SwarmTls | None = None
    pull_from: Registry | None = None

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if (self.socket is None) == (self.url is None):
            raise PydanticCustomError("swarm", "give either socket: or url:")
        if self.tls is not None and self.url is None:
            raise PydanticCustomError("swarm", "tls: belongs to a url:", {"at": ("tls",)})
        return self


def place(text: str) -> str | None:
    """The field that a text stands for, where it is `{{ field }}` and nothing else."""
    match = _PLACE.fullmatch(text)
    return match[1] if match else None


def _whole(text: str) -> str:
    name = place(text)
    if name is None and ("{{" in text or "{%" in text):
        raise ValueError("a value is a whole argument or variable: '{{ digest }}', with nothing beside it")
    if name is not None and name not in NAMES:
        raise ValueError(f"no field is called {name!r}; known are {', '.join(NAMES)}")
    if "\0" in text:
        raise ValueError("it holds a NUL")
    return text


def _variable(given: object, info: ValidationInfo) -> object:
    if isinstance(given, str) and has_reference(given):
        return SecretStr(str(resolved(given, info)))
    return given


def _named(command: tuple[str, ...]) -> tuple[str, ...]:
    if not Path(command[0]).is_absolute():
        raise ValueError("name the program by its absolute path")
    return command


Argument = Annotated[str, AfterValidator(_whole)]
Environment = dict[
    Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")],
    Annotated[InstanceOf[SecretStr] | Argument, BeforeValidator(_variable)],
]


class CommandTrigger(TriggerSection):
    """`command` is run as it stands, without a shell, in `/`, with no environment but this one.

    An argument or variable that is `{{ field }}` stands for that field of the change.
    """

    kind: Literal["command"]
    command: Annotated[tuple[Argument, ...], Field(min_length=1), AfterValidator(_named)]
    environment: Environment = Field(default_factory=dict)
    timeout: Annotated[Duration, Field(gt=0, le=LONGEST_NS)] = 60 * SECOND_NS

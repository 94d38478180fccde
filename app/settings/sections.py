"""What may stand in `tagtrail.yml`. Unknown keys are errors that name the nearest known one."""

import difflib
from collections.abc import Collection, Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from app.domain.origins import ASKING, GENERIC, Expressions
from app.domain.patterns import matches
from app.domain.protected import RULE as PROTECTED
from app.domain.times import parse_duration
from app.settings.asked import AskedRegistry
from app.settings.channels import ChannelSection
from app.settings.destinations import ProtectedSection
from app.settings.expressions import Expression
from app.settings.notifications import Ignore
from app.settings.proofs import Auth
from app.settings.registry import LISTENING, RegistrySection
from app.settings.rules import RuleSection
from app.settings.sending import SendingSection
from app.settings.triggers import Trigger
from app.settings.values import Duration, Kept, Name, Secret, SecretUrl, Section, check_origin


class IgnoreOfOrigin(Ignore):
    """What of an origin is not stored; see `app.domain.filters`. `repositories` and `tags` are globs."""

    repositories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    head: bool = False


class MappingSection(Section):
    """Where `kind: generic` finds the fields of an event; see Expressions."""

    action: Expression
    repository: Expression
    events: Expression | None = None
    tag: Expression | None = None
    digest: Expression | None = None
    time: Expression | None = None
    actor: Expression | None = None
    id: Expression | None = None
    host: Expression | None = None
    media_type: Expression | None = None
    actions: dict[str, Literal["push", "pull", "mount", "delete"]] = Field(default_factory=dict)

    def expressions(self) -> Expressions:
        return Expressions(**self.model_dump() | {"actions": tuple(self.actions.items())})


class OriginSection(Section):
    """`expect_every`: longer without a word from it is alarming."""

    kind: Literal[
        "acr",
        "aliyun",
        "angos",
        "auto",
        "distribution",
        "dockerhub",
        "ecr",
        "gar",
        "generic",
        "ghcr",
        "gitea",
        "harbor",
        "jfrog",
        "msr",
        "nexus",
        "quay",
        "zot",
    ]
    registries: tuple[str, ...] = ()
    mapping: MappingSection | None = None
    auth: Auth | None = None
    insecure: str | None = None
    ignore: IgnoreOfOrigin = IgnoreOfOrigin()
    expect_every: Annotated[Duration, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _proves_or_says_why_not(self) -> Self:
        if (self.auth is None) == (not self.insecure):
            raise PydanticCustomError(
                "no_auth", 'give either auth: {bearer: "${env:NAME}"} or insecure: "the reason why there is none"'
            )
        return self

    @model_validator(mode="after")
    def _is_mapped_where_it_must(self) -> Self:
        if (self.kind == GENERIC) != (self.mapping is not None):
            raise PydanticCustomError("mapping", "mapping: belongs to kind: generic, which can't do without it")
        return self

    @property
    def proof(self) -> str:
        """The kind of proof, or `none`."""
        return self.auth.kind if self.auth else "none"


class ForwardSection(Section):
    """An address that every change is sent on to, as CloudEvents."""

    url: SecretUrl
    headers: dict[str, SecretUrl] = Field(default_factory=dict)
    secret: Secret | None = None
    timeout: Duration = 5_000_000_000
    backoff: Duration = 1_000_000_000


class WebSection(Section):
    """`hosts`: names besides loopback under which clients may ask. `url`: where people reach the pages, for links.

    `require_token`: on loopback too, as behind a proxy on the same machine, which makes everybody come from there.
    """

    hosts: tuple[str, ...] = ()
    url: str | None = None
    token: Secret | None = None
    require_token: bool = False


class CheckpointsSection(Section):
    """Where signed checkpoints go and how often. `file` is sought beside the configuration."""

    every: Duration = 3600 * 1_000_000_000
    file: str | None = None
    url: SecretUrl | None = None

    @model_validator(mode="after")
    def _go_somewhere(self) -> Self:
        if self.file is None and self.url is None:
            raise PydanticCustomError("no_place", "name a file: or a url: to which checkpoints go")
        return self


class AuditSection(Section):
    """`keys`: the public halves of earlier keys, whose signatures still count."""

    checkpoints: CheckpointsSection | None = None
    keys: tuple[Annotated[str, Field(pattern=r"^ed25519:[A-Za-z0-9+/]{43}=$")], ...] = ()


KEPT: Mapping[str, int | None] = {"pull": parse_duration("90d")}
"""How long events stay unless `keep` says otherwise."""


class File(Section):
    """The whole of `tagtrail.yml`. `notices`: the channels that are told of Tagtrail itself; all unless said."""

    registry: RegistrySection = RegistrySection()
    origins: dict[Annotated[str, AfterValidator(check_origin)], OriginSection] = Field(default_factory=dict)
    triggers: dict[Name, Trigger] = Field(default_factory=dict)
    channels: dict[Name, ChannelSection] = Field(default_factory=dict)
    notices: tuple[str, ...] | None = None
    rules: tuple[RuleSection, ...] = ()
    protected: ProtectedSection = ProtectedSection()
    registries: dict[str, AskedRegistry] = Field(default_factory=dict)
    forward: dict[Name, ForwardSection] = Field(default_factory=dict)
    web: WebSection = WebSection()
    audit: AuditSection = AuditSection()
    keep: dict[str, Kept] = Field(default_factory=dict)
    max_age: Duration = Field(default=3600 * 1_000_000_000)

    @property
    def destinations(self) -> dict[str, SendingSection]:
        """What is said of each destination: `trigger:NAME` and `channel:NAME`."""
        found: dict[str, SendingSection] = {f"trigger:{name}": one for name, one in self.triggers.items()}
        found.update({f"channel:{name}": one for name, one in self.channels.items()})
        return found

    @property
    def spans(self) -> dict[str, int]:
        """How long events of each action stay, in nanoseconds; of others, for ever."""
        return {action: span for action, span in {**KEPT, **self.keep}.items() if span is not None}

    @model_validator(mode="after")
    def _registry_is_served_with_the_rest(self) -> Self:
        where = [("http", key) for key in sorted(self.registry.http.model_fields_set & LISTENING)]
        for at in [*where, *([("log",)] if "log" in self.registry.model_fields_set else [])]:
            text = "this is for a registry that is served alone, by: tagtrail registry serve"
            raise PydanticCustomError("served_alone", text, {"at": ("registry", *at)})
        return self

    @model_validator(mode="after")
    def _rules_name_what_exists(self) -> Self:
        for index, name in enumerate(self.notices or ()):
            if name not in self.channels:
                _unknown_destination(("notices", index), name, self.channels)
        for index, rule in enumerate(self.rules):
            for field, known in (("deploy", self.triggers), ("alert", self.channels)):
                for name in getattr(rule, field):
                    if name not in known:
                        _unknown_destination(("rules", index, field), name, known)
            origin = rule.when.origin.pattern if rule.when.origin else ASKING
            if not matches(origin, ASKING) and {"resolved", "reconciled"} & set(rule.when.provenance or ()):
                _never_from_there(index, str(origin))
        for name in self.protected.alert or ():
            if name not in self.channels:
                _unknown_destination(("protected", "alert"), name, self.channels)
        names = [rule.name for rule in self.rules]
        if PROTECTED in names:
            raise PydanticCustomError("rule_name", "no rule may be called protected; choose another name")
        if len(names) != len(set(names)):
            raise PydanticCustomError("rule_names", "two rules have the same name")
        return self


def _never_from_there(index: int, origin: str) -> None:
    raise PydanticCustomError(
        "asked_origin",
        "what is resolved or reconciled has the origin '{asking}', never '{origin}'; name registry: instead",
        {"asking": ASKING, "origin": origin, "at": ("rules", index, "when", "origin")},
    )


def _unknown_destination(at: tuple[str | int, ...], name: str, known: Collection[str]) -> None:
    what = "trigger" if at[-1] == "deploy" else "channel"
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"add it under {what}s:"
    raise PydanticCustomError(
        "no_destination",
        "no {what} is called '{name}'; {hint}",
        {"what": what, "name": name, "hint": hint, "at": at},
    )

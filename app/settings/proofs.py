"""`auth:` of an origin: how its sender proves itself, exactly one way."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from app.domain.seals import Form
from app.domain.signatures import SigningSecret
from app.settings.values import Resolved, Secrets, Section, is_known

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SEGMENT = re.compile(r"[0-9A-Za-z~_-][0-9A-Za-z._~-]*")

ProofKind = Literal[
    "bearer", "basic", "header", "hmac", "standard-webhooks", "github", "gitea", "jfrog", "nexus", "angos", "oidc",
    "path",
]  # fmt: skip


def _header_name(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        raise ValueError("not the name of a header")
    return text


def _user(text: str, info: ValidationInfo) -> str:
    if is_known(info) and ":" in text:
        raise ValueError("a username has no colon")
    return text


def _segments(secrets: tuple[SecretStr, ...], info: ValidationInfo) -> tuple[SecretStr, ...]:
    if is_known(info) and not all(_SEGMENT.fullmatch(secret.get_secret_value()) for secret in secrets):
        raise ValueError("a secret in a path has letters, digits, '-', '_', '.' and '~' only")
    return secrets


def signing_secrets(secrets: tuple[SecretStr, ...], info: ValidationInfo) -> tuple[SecretStr, ...]:
    if is_known(info):
        for secret in secrets:
            SigningSecret.parse(secret.get_secret_value())
    return secrets


def _key_set(text: str, info: ValidationInfo) -> str:
    if is_known(info):
        from app.domain.identity_tokens import parse_keys  # 9 MB that others need not load

        parse_keys(text)
    return text


HeaderName = Annotated[str, AfterValidator(_header_name)]


class Basic(Section):
    username: Annotated[Resolved, AfterValidator(_user)]
    password: Secrets


class Header(Section):
    name: HeaderName
    value: Secrets


class Hmac(Section):
    """A signature of the body in `header`: `prefix`, then the encoded code."""

    header: HeaderName
    secret: Secrets
    algorithm: Literal["sha256", "sha1"] = "sha256"
    prefix: str = ""
    encoding: Literal["hex", "base64"] = "hex"

    @property
    def seal(self) -> tuple[Form, bytes]:
        """How the secret to use from now on signs."""
        return Form(self.header, self.algorithm, self.prefix, self.encoding), self.secret[0].get_secret_value().encode()


class Oidc(Section):
    """A token of `issuer` for `audience` as bearer. `keys` is the issuer's set of public keys: the text of its JWKS."""

    issuer: str
    audience: str
    email: str | None = None
    keys: Annotated[Resolved, AfterValidator(_key_set)]


class Auth(Section):
    bearer: Secrets | None = None
    basic: Basic | None = None
    header: Header | None = None
    hmac: Hmac | None = None
    standard_webhooks: Annotated[Secrets, AfterValidator(signing_secrets)] | None = Field(
        default=None, alias="standard-webhooks"
    )
    github: Secrets | None = None
    gitea: Secrets | None = None
    jfrog: Secrets | None = None
    nexus: Secrets | None = None
    angos: Secrets | None = None
    oidc: Oidc | None = None
    path: Annotated[Secrets, AfterValidator(_segments)] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_fields_set) != 1 or self.section is None:
            known = ", ".join(field.alias or name for name, field in type(self).model_fields.items())
            raise PydanticCustomError("one_proof", "give exactly one of {known}", {"known": known})
        return self

    @property
    def kind(self) -> ProofKind:
        (name,) = self.model_fields_set
        kind: ProofKind = type(self).model_fields[name].alias or name  # type: ignore[assignment]
        return kind

    @property
    def section(self) -> object:
        """What stands under the one kind."""
        (name,) = self.model_fields_set
        return getattr(self, name)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What the sender has to know, the one to use from now on first; empty for `oidc`."""
        match self.section:
            case tuple() as found:
                pass
            case Basic(password=found) | Header(value=found) | Hmac(secret=found):
                pass
            case _:
                return ()
        return tuple(secret.get_secret_value() for secret in found)

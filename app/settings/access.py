"""`registry: auth:`: who may do what under `/v2/`, in one of distribution's ways or by a token service of our own."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.settings.values import FilePath, Section

Algorithm = Literal[
    "EdDSA", "ES256", "ES384", "ES512", "HS256", "HS384", "HS512",
    "PS256", "PS384", "PS512", "RS256", "RS384", "RS512",
]  # fmt: skip


class HtpasswdSection(Section):
    """Whoever is in the file may do everything."""

    realm: str
    path: FilePath


class TokenSection(Section):
    """Tokens of a service elsewhere at `realm`. `signingalgorithms`: only these of those that fit a key; HS… fits none.

    `autoredirect`: the service is at `autoredirectpath` of whatever address the client came to.
    """

    realm: Annotated[str, Field(pattern=r"^https?://[^/?#\s]+")] | None = None
    service: str
    issuer: str
    rootcertbundle: FilePath | None = None
    jwks: FilePath | None = None
    signingalgorithms: tuple[Algorithm, ...] = ()
    autoredirect: bool = False
    autoredirectpath: Annotated[str, Field(pattern="^/")] = "/auth/token/"

    @model_validator(mode="after")
    def _says_where(self) -> Self:
        if self.realm is None and not self.autoredirect:
            raise PydanticCustomError("no_realm", "give the realm: the URL at which tokens are given")
        return self


class GrantSection(Section):
    """What `users` (globs) may do with `repositories` (globs); with `anonymous`, everybody, also without a name."""

    users: tuple[str, ...] = ()
    anonymous: bool = False
    repositories: Annotated[tuple[str, ...], Field(min_length=1)]
    actions: Annotated[tuple[Literal["pull", "push", "delete"], ...], Field(min_length=1)] = ("pull",)

    @model_validator(mode="after")
    def _says_to_whom(self) -> Self:
        if bool(self.users) == self.anonymous:
            raise PydanticCustomError("to_whom", "give either users: or anonymous: true")
        if self.anonymous and self.actions != ("pull",):
            raise PydanticCustomError("anonymous", "who says no name may only pull", {"at": ("actions",)})
        return self


class ServiceSection(Section):
    """Our own token service: users from a file of `htpasswd -B`, and what they are granted."""

    htpasswd: FilePath
    grants: Annotated[tuple[GrantSection, ...], Field(min_length=1)]


class AuthSection(Section):
    """Exactly one of the three."""

    htpasswd: HtpasswdSection | None = None
    token: TokenSection | None = None
    service: ServiceSection | None = None

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        """`auth: htpasswd`, with the rest in the environment."""
        return {given: {}} if isinstance(given, str) and given else given

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(one is not None for one in (self.htpasswd, self.token, self.service)) != 1:
            raise PydanticCustomError("one_auth", "give exactly one of htpasswd, token, service")
        return self

    @property
    def kind(self) -> str:
        (name,) = self.model_dump(exclude_none=True)
        return str(name)

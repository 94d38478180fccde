"""Registries that Tagtrail may ask, as `registries:` of the configuration names them."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Tag

from app.settings.values import Section, reference


class LoginSection(Section):
    """`password` stays a reference here: what asks registries resolves it, and commands that don't need no secret."""

    username: str
    password: Annotated[str, BeforeValidator(reference)]


class TlsSection(Section):
    """`ca`: a file of authorities that are trusted besides the system's, sought beside the configuration."""

    ca: str


class AskedRegistry(Section):
    """`url`: where it is, if that isn't its name. `token_realms`: scheme://host[:port]."""

    credentials: Annotated[
        Annotated[Literal["docker-config", "none"], Tag("word")] | Annotated[LoginSection, Tag("login")],
        Discriminator(lambda given: "word" if isinstance(given, str) else "login"),
    ] = "none"
    tls: TlsSection | None = None
    url: str | None = None
    token_realms: tuple[str, ...] = ()

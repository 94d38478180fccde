"""Who may use our registry, as `registry: auth:` says (DESIGN decision 16)."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from app.bootstrap.addresses import told_at
from app.registry.access.gates import ByPassword, Gate, Open
from app.settings import ConfigurationError, Settings
from app.settings.access import AuthSection, HtpasswdSection, ServiceSection, TokenSection

if TYPE_CHECKING:
    from app.registry.access.htpasswd import Htpasswd
    from app.registry.access.service import TokenService
    from app.registry.access.tokens import Trust

T = TypeVar("T")

TOKENS = "/_tagtrail/token"
"""Where below `/v2` our own service gives tokens."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who is let in, and the service that gives tokens for it, if it is ours."""

    gate: Gate
    service: "TokenService | None" = None


def make_access(settings: Settings) -> Access:
    """Raises ConfigurationError for files that are not there, or not what they should be."""
    match settings.registry.auth:
        case AuthSection(htpasswd=HtpasswdSection() as section):
            with told_at(settings, "registry", "auth", "htpasswd"):
                return Access(ByPassword(section.realm, _users("path", section.path).knows))
        case AuthSection(token=TokenSection() as section):
            return Access(_by_token(settings, section))
        case AuthSection(service=ServiceSection() as section):
            return _by_own_token(settings, section)
    return Access(Open())


def check_access(settings: Settings) -> None:
    """Raise what `make_access` would, and make no key."""
    auth = settings.registry.auth
    if auth is not None and auth.service is not None:
        with told_at(settings, "registry", "auth", "service"):
            _users("htpasswd", auth.service.htpasswd)
    else:
        make_access(settings)


def _users(key: str, path: Path) -> "Htpasswd":
    from app.registry.access.htpasswd import Htpasswd

    if not path.is_file():
        raise ConfigurationError(f"{path} is not there; make it with: htpasswd -B -c {path} USER", (key,))
    return Htpasswd(path)


def _by_token(settings: Settings, section: TokenSection) -> Gate:
    from app.registry.access.followed import Followed
    from app.registry.access.tokens import ByToken

    files = [path for path in (section.rootcertbundle, section.jwks) if path is not None]
    realm = section.autoredirectpath if section.autoredirect else section.realm or ""
    return ByToken(realm, Followed(files, lambda: _trust(settings, section)).now)


def _trust(settings: Settings, section: TokenSection) -> "Trust":
    from app.registry.access.keys import TrustedKeys
    from app.registry.access.tokens import Trust

    with told_at(settings, "registry", "auth", "token"):
        bundle = _read("rootcertbundle", section.rootcertbundle, Path.read_bytes)
        key_set = _read("jwks", section.jwks, Path.read_text)
        try:
            keys = TrustedKeys.read(bundle, key_set)
        except ValueError as error:
            raise ConfigurationError(str(error)) from None
    return Trust(section.issuer, section.service, keys, frozenset(section.signingalgorithms) or None)


def _read(key: str, path: Path | None, read: Callable[[Path], T]) -> T | None:
    try:
        return None if path is None else read(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigurationError(f"{path} can't be read: {reason}", (key,)) from None


def _by_own_token(settings: Settings, section: ServiceSection) -> Access:
    from app.registry.access.service import Grant, TokenService
    from app.registry.access.tokens import ByToken
    from app.settings.keys import token_key

    grants = [Grant(None if one.anonymous else one.users, one.repositories, one.actions) for one in section.grants]
    with told_at(settings, "registry", "auth", "service"):
        users = _users("htpasswd", section.htpasswd)
    try:
        service = TokenService.of(token_key(settings), users, grants)
    except ValueError as error:
        raise ConfigurationError(f"{settings.data / 'registry-token.key'}: {error}") from None
    trust = service.trust
    return Access(ByToken(f"/v2{TOKENS}", lambda: trust), service)

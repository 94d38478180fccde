"""Environment and files in, one immutable value out."""

import hashlib
import ipaddress
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from app.domain.filters import Unheard
from app.domain.origins import Origin
from app.domain.protected import Protected
from app.domain.rules import Rule
from app.settings.causes import check_causes
from app.settings.notifications import Endpoint
from app.settings.origins_folder import LOCAL, OriginsFolder, write_private
from app.settings.registry import RegistrySection
from app.settings.sections import File, OriginSection
from app.settings.stamps import Stamp, stamp
from app.settings.values import Section
from app.settings.yamlfile import ConfigurationError, read

DEFAULT_DATA = "./tagtrail-data"
DEFAULT_CONFIG = "./tagtrail.yml"
DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 5000


@dataclass(frozen=True, slots=True)
class Settings:
    """All that Tagtrail is told. `redis_url` is None where nobody rings: the relay alone then moves things.

    `stamp` is of the files before they were read. `alone`: a registry and nothing else, by `tagtrail registry serve`.
    """

    data: Path
    config: Path | None
    database_url: str = field(repr=False)
    journal_url: str = field(repr=False)
    redis_url: str | None = field(repr=False)
    host: str
    port: int
    file: File
    origins: OriginsFolder
    docker_config: Path
    stamp: Stamp = frozenset()
    alone: bool = False

    @property
    def url(self) -> str:
        """Where this installation's own processes reach it."""
        host = DEFAULT_HOST if self.host in ("0.0.0.0", "::", "") else self.host  # noqa: S104 - compared, not bound
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def public_url(self) -> str:
        """Where people reach the pages."""
        return (self.file.web.url or self.url).rstrip("/")

    @property
    def stamp_now(self) -> Stamp:
        return stamp(self.config or Path(DEFAULT_CONFIG).absolute(), self.origins.folder)

    @property
    def ran_at(self) -> str:
        """Where `tagtrail up` last ran, seen from this machine."""
        address = self.data / ADDRESS
        return (address.read_text(encoding="utf-8") if address.exists() else self.url).rstrip("/")

    @property
    def receiver_url(self) -> str:
        """Where registries reach the receiver, as far as this process knows: as configured, else where it last ran."""
        return (self.file.web.url or self.ran_at).rstrip("/")

    @property
    def folder(self) -> Path:
        """Where the configuration's relative files are sought."""
        return self.config.parent if self.config else self.data

    def registry_named(self, typed: str | None) -> str | None:
        """The registry that people mean: our own under the loopback address where it is pushed to, too."""
        host, _, port = (typed or "").rpartition(":")
        own_port = self.receiver_url.rpartition(":")[2]
        return LOCAL if is_loopback(host) and port == own_port else typed

    @property
    def open_to_others(self) -> bool:
        """Whether it listens on an address that other machines reach (decision 16)."""
        return not is_loopback(self.host)

    @property
    def asks_for_token(self) -> bool:
        """Whether pages and API are only for those who show a token."""
        return self.open_to_others or self.file.web.require_token

    @property
    def serves_registry(self) -> bool:
        """Whether `/v2/` is served: beside pages, to others only where it is said who may do what (decision 16)."""
        return self.alone or not self.open_to_others or self.registry.auth is not None

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where our registry's events go: as configured, else to our own receiver; nowhere while `/v2/` is off."""
        if not self.serves_registry:
            return ()
        configured = self.file.registry.notifications.endpoints
        if configured is not None:
            return tuple(endpoint for endpoint in configured if not endpoint.disabled)
        secret = self.origins.secret_file(LOCAL)
        if not secret.exists():
            return ()
        bearer = SecretStr(f"Bearer {secret.read_text(encoding='utf-8').strip()}")
        url = SecretStr(f"{self.url}/hooks/{LOCAL}")
        return (Endpoint.model_construct(**_DEFAULTS | {"url": url, "headers": {"Authorization": (bearer,)}}),)

    @property
    def registry(self) -> RegistrySection:
        return self.file.registry

    @property
    def registry_root(self) -> Path:
        """Where the filesystem driver keeps content."""
        filesystem = self.registry.storage.filesystem
        return Path(filesystem.rootdirectory) if filesystem and filesystem.rootdirectory else self.data / "registry"

    @property
    def keeper_bell(self) -> Path:
        """The pipe by which a registry that is served alone wakes who sends its events."""
        return self.data / "keeper.bell"

    @property
    def checkpoint_key(self) -> Path:
        return self.data / "checkpoint.key"

    @property
    def checkpoint_file(self) -> Path | None:
        """Where signed checkpoints are appended, if configured."""
        section = self.file.audit.checkpoints
        if section is None or section.file is None or self.config is None:
            return None
        return self.config.parent / section.file

    @property
    def rules(self) -> tuple[Rule, ...]:
        return tuple(section.built() for section in self.file.rules)

    @property
    def protected(self) -> Protected | None:
        """Whom tags that should not have moved are told to; None where there is nobody to tell."""
        section, channels = self.file.protected, self.file.channels
        alert = tuple(f"channel:{name}" for name in (channels if section.alert is None else section.alert))
        return Protected(section.tags, alert, _version(section)) if alert else None

    @property
    def destinations(self) -> tuple[str, ...]:
        """Where deliveries go, by the names that they have everywhere."""
        named = (("trigger", self.file.triggers), ("channel", self.file.channels))
        return tuple(f"{what}:{name}" for what, sections in named for name in sections)

    def origin(self, name: str) -> tuple[Origin, OriginSection] | None:
        section = self.origins.get(name)
        if section is None:
            return None
        ignored = section.ignore
        unheard = Unheard(
            frozenset(ignored.actions),
            frozenset(ignored.mediatypes),
            ignored.repositories,
            ignored.tags,
            ignored.head,
        )
        expressions = section.mapping.expressions() if section.mapping else None
        return Origin(name, section.kind, section.registries or (name,), unheard, expressions), section

    def access_token(self) -> str:
        """What opens pages and API on an address that others reach; made at the first start if none is configured."""
        if self.file.web.token is not None:
            return self.file.web.token.get_secret_value()
        return self._made_once("access.token")

    def session_key(self) -> str:
        """What signs the cookies of those who have signed in; who deletes its file signs all of them out."""
        return self._made_once("session.key")

    def link_key(self) -> bytes:
        """What makes the secrets of links that approve; every worker has the same."""
        return self._made_once("link.key").encode()

    def _made_once(self, name: str) -> str:
        """A secret of this installation, in a file of DATA that the first who needs it makes."""
        path = self.data / name
        if not path.exists():
            self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_private(path, secrets.token_urlsafe(32), replace=False)  # two web processes may start at once
        return path.read_text(encoding="utf-8").strip()


_DEFAULTS = {name: known.get_default() for name, known in Endpoint.model_fields.items() if not known.is_required()} | {
    "name": "tagtrail",
    "timeout": 5_000_000_000,
    "batch": 100,
}


def _version(section: Section) -> str:
    return hashlib.sha256(section.model_dump_json().encode()).hexdigest()[:12]


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


ADDRESS = "address"
"""The file in DATA that says where `tagtrail up` was last reached."""


def load(*, acting: bool = True) -> Settings:
    """What the environment (TAGTRAIL_*, DATABASE_URL, REDIS_URL) and the files say. Raises ConfigurationError.

    Commands that only look are not `acting`: they need no secrets, and no rules that could deploy.
    """
    env = os.environ
    data = Path(env.get("TAGTRAIL_DATA", DEFAULT_DATA)).absolute()
    named = Path(env.get("TAGTRAIL_CONFIG") or DEFAULT_CONFIG).absolute()
    config = named if env.get("TAGTRAIL_CONFIG") or named.exists() else None
    read_at = stamp(named, data / "origins.d")
    file = read(config, File, secrets=acting) if config else File()
    settings = Settings(
        data=data,
        config=config,
        database_url=env.get("DATABASE_URL") or f"sqlite:///{data}/tagtrail.db",
        journal_url=env.get("TAGTRAIL_JOURNAL_URL") or f"sqlite:///{data}/journal.db",
        redis_url=env.get("REDIS_URL"),
        host=env.get("TAGTRAIL_HOST", DEFAULT_HOST),
        port=_port(env.get("TAGTRAIL_PORT", str(DEFAULT_PORT))),
        file=file,
        origins=OriginsFolder(data / "origins.d", file.origins),
        docker_config=_docker_config(env),
        stamp=read_at,
    )
    if acting:
        check_causes(file, settings.origins.all(), config)
        settings.origins.check = lambda origins: check_causes(file, origins, config)
    return settings


def _docker_config(env: Mapping[str, str]) -> Path:
    """Where docker, skopeo and podman users keep their logins."""
    if env.get("REGISTRY_AUTH_FILE"):
        return Path(env["REGISTRY_AUTH_FILE"]).absolute()
    folder = env.get("DOCKER_CONFIG")
    return (Path(folder).absolute() if folder else Path.home() / ".docker") / "config.json"


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or not 0 <= int(text) < 65536:
        raise ConfigurationError(f"not a port: {text!r}")
    return int(text)

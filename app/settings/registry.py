"""The `registry:` section, which is distribution's own `config.yml`, key by key.

What is accepted and does nothing here, because there is nothing for it to do, has the type `Idle`.
"""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from app.domain.times import SECOND_NS
from app.settings.access import AuthSection
from app.settings.distribution_values import (
    Count,
    Duration,
    Idle,
    InAnyCase,
    Listed,
    Network,
    Pattern,
    Positive,
)
from app.settings.drivers import AzureSection, Filesystem, InMemory, S3Section
from app.settings.notifications import Notifications
from app.settings.values import SecretText, Section, Text

HOUR_NS = 3600 * SECOND_NS


def _said(given: object) -> object:
    """A section that says nothing is none."""
    return given or None


class Delete(Section):
    """Whether `DELETE` is answered: in distribution's file not unless said, in our own always unless said."""

    enabled: bool = True


class ReadOnly(Section):
    enabled: bool = False


class UploadPurging(Section):
    """Uploads that began `age` ago are removed every `interval`, or only told of."""

    enabled: bool = True
    age: Positive = 168 * HOUR_NS
    interval: Positive = 24 * HOUR_NS
    dryrun: bool = False


class Maintenance(Section):
    readonly: ReadOnly = ReadOnly()
    uploadpurging: UploadPurging = UploadPurging()


class Redirect(Section):
    """Clients are sent to an object store for content unless that is off."""

    disable: bool = False


class Storage(Section):
    """One driver, and what holds for any."""

    filesystem: Filesystem | None = None
    inmemory: InMemory | None = None
    s3: S3Section | None = None
    s3aws: S3Section | None = None
    azure: AzureSection | None = None
    delete: Delete = Delete()
    redirect: Redirect = Redirect()
    maintenance: Maintenance = Maintenance()
    cache: Idle = None
    tag: Idle = None

    @model_validator(mode="after")
    def _one_driver(self) -> Self:
        drivers = (self.filesystem, self.inmemory, self.s3, self.s3aws, self.azure)
        if sum(driver is not None for driver in drivers) > 1:
            raise PydanticCustomError("drivers", "name one storage driver, not two")
        return self


class Tls(Section):
    """`minimumtls` below 1.2 means 1.2. `clientcas`: of the authorities, of which clients must have a certificate."""

    certificate: Path | None = None
    key: Path | None = None
    clientcas: tuple[Path, ...] = ()
    minimumtls: Literal["tls1.0", "tls1.1", "tls1.2", "tls1.3"] = "tls1.2"

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise PydanticCustomError("half_tls", "certificate and key go together")
        if self.clientcas and self.certificate is None:
            raise PydanticCustomError("no_tls", "clientcas without certificate and key would check nobody")
        return self


class Prometheus(Section):
    enabled: bool = False
    path: Annotated[str, Field(pattern="^/")] = "/metrics"


class Debug(Section):
    addr: str = ""
    prometheus: Prometheus = Prometheus()


class Http2(Section):
    disabled: bool = False


class Http(Section):
    """`trustedproxies` is ours: networks whose word about the client is taken, nobody's unless said.

    `relativeurls`: Locations are relative, whatever `host` says.
    """

    addr: str = ":5000"
    net: Literal["tcp"] = "tcp"
    host: Annotated[str, Field(pattern=r"^(https?://[^/?#]+/?)?$")] = ""
    secret: SecretText | None = None
    relativeurls: bool = False
    draintimeout: Duration = 0
    headers: dict[str, Annotated[tuple[str, ...], Listed]] = Field(default_factory=dict)
    tls: Tls = Tls()
    debug: Debug = Debug()
    http2: Http2 = Http2()
    trustedproxies: tuple[Network, ...] = ()


LISTENING = frozenset({"addr", "net", "tls", "debug", "draintimeout", "http2"})
"""What of `http` a registry has that is served alone."""


class AccessLog(Section):
    disabled: bool = False


class Log(Section):
    """`fields` stand in every line."""

    accesslog: AccessLog = AccessLog()
    level: Annotated[Literal["error", "warn", "warning", "info", "debug"], InAnyCase] = "info"
    formatter: Literal["text", "json", "logstash"] = "text"
    fields: dict[str, Text] = Field(default_factory=dict)


class StorageHealth(Section):
    enabled: bool = False
    interval: Positive = 10 * SECOND_NS
    threshold: Count = 3


class FileHealth(Section):
    """Healthy while there is no such file."""

    file: Path
    interval: Positive = 10 * SECOND_NS


class Health(Section):
    storagedriver: StorageHealth = StorageHealth()
    file: tuple[FileHealth, ...] = ()


class Urls(Section):
    """Where layers may lie that are elsewhere: anywhere, unless one of the two is given."""

    allow: tuple[Pattern, ...] = ()
    deny: tuple[Pattern, ...] = ()


class Platform(Section):
    architecture: str
    os: str


class Indexes(Section):
    """Whose manifests must be there before an index of them: those of all platforms, of none, or of those listed."""

    platforms: Annotated[Literal["all", "none", "list"], InAnyCase] = "all"
    platformlist: tuple[Platform, ...] = ()


class ManifestRules(Section):
    urls: Urls = Urls()
    indexes: Indexes = Indexes()


class Validation(Section):
    enabled: bool = True
    disabled: bool = False
    manifests: ManifestRules = ManifestRules()

    @property
    def in_force(self) -> ManifestRules:
        lax = ManifestRules(indexes=Indexes(platforms="none"))
        return lax if self.disabled or not self.enabled else self.manifests


class Catalog(Section):
    maxentries: Count = 1000


class Tags(Section):
    maxtags: Count = 1000


class Schema1Section(Section):
    enabled: bool = False
    signingkeyfile: Path | None = None


class Compatibility(Section):
    schema1: Schema1Section = Schema1Section()


class RegistrySection(Section):
    """The whole. `auth` None: nobody has to say who they are."""

    log: Log = Log()
    storage: Storage = Storage()
    auth: Annotated[AuthSection | None, BeforeValidator(_said)] = None
    http: Http = Http()
    notifications: Notifications = Notifications()
    health: Health = Health()
    catalog: Catalog = Catalog()
    tags: Tags = Tags()
    validation: Validation = Validation()
    compatibility: Compatibility = Compatibility()
    redis: Idle = None

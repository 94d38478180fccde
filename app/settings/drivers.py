"""Where content lies, with distribution's names for what there is to say of it."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_core import PydanticCustomError

from app.domain.times import SECOND_NS
from app.settings.values import Duration, SecretText, Section, Text

_MIB = 1024 * 1024


class Filesystem(Section):
    """`maxthreads`: the threads of the web process are the limit."""

    rootdirectory: str | None = None
    maxthreads: Any = None


class InMemory(Section):
    pass


def _revealed(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


class S3Section(Section):
    """`v4auth` has one value left, `loglevel` does nothing. Without keys Amazon's usual places are searched."""

    bucket: Annotated[str, Field(min_length=1)]
    region: Annotated[str, Field(min_length=1)]
    accesskey: SecretText | None = None
    secretkey: SecretText | None = None
    regionendpoint: str | None = None
    forcepathstyle: bool = False
    secure: bool = True
    skipverify: bool = False
    v4auth: Literal[True, "true"] = True
    encrypt: bool = False
    keyid: Text | None = None
    storageclass: str = "STANDARD"
    objectacl: str = "private"
    rootdirectory: Text = ""
    chunksize: Annotated[int, Field(ge=5 * _MIB, le=100 * _MIB)] = 10 * _MIB
    multipartcopychunksize: Annotated[int, Field(ge=5 * _MIB, le=5 * 1024 * _MIB)] = 32 * _MIB
    multipartcopymaxconcurrency: Annotated[int, Field(ge=1)] = 100
    multipartcopythresholdsize: Annotated[int, Field(ge=0, le=5 * 1024 * _MIB)] = 32 * _MIB
    useragent: str | None = None
    usedualstack: bool = False
    accelerate: bool = False
    usefipsendpoint: bool = False
    loglevel: Any = None

    @model_validator(mode="after")
    def _has_both_keys_or_none(self) -> Self:
        if (self.accesskey is None) != (self.secretkey is None):
            raise PydanticCustomError("half_a_key", "accesskey and secretkey go together")
        return self

    def parameters(self) -> dict[str, Any]:
        """For the driver, secrets in the clear."""
        left = {"v4auth", "loglevel"}
        return {name: _revealed(value) for name, value in self if name not in left}


class AzureCredentials(Section):
    """Of distribution's three types the one that needs no token of a directory service."""

    type: Literal["shared_key"]
    secret: SecretText


class AzureSection(Section):
    """`accountkey`, `credentials` or `connectionstring`: one of them has the key."""

    accountname: Annotated[str, Field(min_length=1)]
    container: Annotated[str, Field(min_length=1)]
    accountkey: SecretText | None = None
    credentials: AzureCredentials | None = None
    connectionstring: SecretText | None = None
    realm: str = "core.windows.net"
    serviceurl: str | None = None
    rootdirectory: Text = ""
    max_retries: Annotated[int, Field(ge=0)] = 5
    retry_delay: Duration = SECOND_NS // 10
    skipverify: bool = False

    @model_validator(mode="after")
    def _has_one_key(self) -> Self:
        given = [self.accountkey, self.credentials, self.connectionstring]
        if sum(one is not None for one in given) != 1:
            raise PydanticCustomError("azure_key", "give one of accountkey, credentials and connectionstring")
        if self.connectionstring and "AccountKey=" not in self.connectionstring.get_secret_value():
            raise PydanticCustomError("azure_key", "the connectionstring needs an AccountKey, which signs addresses")
        return self

    def parameters(self) -> dict[str, Any]:
        """For the driver, secrets in the clear."""
        key = self.accountkey or (self.credentials and self.credentials.secret)
        given = {name: _revealed(value) for name, value in self if name != "credentials"}
        return given | {"accountkey": _revealed(key), "retry_delay": self.retry_delay / SECOND_NS}

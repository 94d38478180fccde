"""Amazon's client as distribution's parameters want it, and its errors as the system's."""

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_MIB = 1024 * 1024
_CONNECTIONS = 64
"""As many as a web process has threads that serve."""
_ABSENT = frozenset({"404", "NoSuchKey", "NotFound", "NoSuchUpload"})


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Parameters:
    """Named and meant as in distribution; sizes in bytes. Without keys Amazon's usual places are searched."""

    bucket: str
    region: str
    accesskey: str | None = None
    secretkey: str | None = None
    regionendpoint: str | None = None
    forcepathstyle: bool = False
    secure: bool = True
    skipverify: bool = False
    encrypt: bool = False
    keyid: str | None = None
    storageclass: str = "STANDARD"
    objectacl: str = "private"
    rootdirectory: str = ""
    chunksize: int = 10 * _MIB
    multipartcopychunksize: int = 32 * _MIB
    multipartcopymaxconcurrency: int = 100
    multipartcopythresholdsize: int = 32 * _MIB
    useragent: str | None = None
    usedualstack: bool = False
    accelerate: bool = False
    usefipsendpoint: bool = False

    @property
    def endpoint(self) -> str | None:
        """The address of a store that is not Amazon's."""
        if not self.regionendpoint or "://" in self.regionendpoint:
            return self.regionendpoint or None
        return f"{'https' if self.secure else 'http'}://{self.regionendpoint}"

    @property
    def extra(self) -> Mapping[str, Any]:
        """What goes with every object that is made. What is usual is not said: not every store knows the words."""
        said = {
            "ACL": self.objectacl if self.objectacl != "private" else None,
            "StorageClass": self.storageclass if self.storageclass not in ("STANDARD", "NONE") else None,
            "ServerSideEncryption": ("aws:kms" if self.keyid else "AES256") if self.encrypt else None,
            "SSEKMSKeyId": self.keyid if self.encrypt else None,
        }
        return {name: value for name, value in said.items() if value is not None}


def make_client(given: S3Parameters) -> "S3Client":
    config = Config(
        signature_version="s3v4",
        connect_timeout=5,
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=_CONNECTIONS,
        user_agent_extra=given.useragent,
        use_dualstack_endpoint=given.usedualstack,
        use_fips_endpoint=given.usefipsendpoint,
        # The digest is checked by who pulls; the checksums that Amazon's client adds confuse other stores.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={
            "addressing_style": "path" if given.forcepathstyle else "auto",
            "use_accelerate_endpoint": given.accelerate,
        },
    )
    client: S3Client = boto3.client(
        "s3",
        region_name=given.region,
        endpoint_url=given.endpoint,
        use_ssl=given.secure,
        verify=False if given.skipverify else None,
        aws_access_key_id=given.accesskey,
        aws_secret_access_key=given.secretkey,
        config=config,
    )
    return client


@contextmanager
def asking(key: str) -> Iterator[None]:
    """Inside, what the store refuses is an OSError, and FileNotFoundError if nothing lies under `key`."""
    try:
        yield
    except ClientError as error:
        answer = error.response["Error"]
        if answer["Code"] in _ABSENT:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), key) from error
        raise OSError(errno.EIO, f"the store answers {answer['Code']} {answer.get('Message', '')}".rstrip()) from error
    except BotoCoreError as error:
        raise OSError(errno.EIO, str(error)) from error

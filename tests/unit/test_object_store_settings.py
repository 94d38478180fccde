"""What distribution's files say of object stores, and which of it can't be done."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from app.registry.storage.azure import AzureParameters
from app.registry.storage.s3_client import S3Parameters
from app.settings import ConfigurationError
from app.settings.distribution import understand
from app.settings.registry import Storage

S3 = """\
    accesskey: AKIA
    secretkey: very
    region: eu-central-1
    bucket: images
    regionendpoint: store.example:9000
    forcepathstyle: true
    encrypt: true
    keyid: 0123
    secure: false
    skipverify: true
    v4auth: true
    chunksize: 5242880
    multipartcopychunksize: 33554432
    multipartcopymaxconcurrency: 7
    multipartcopythresholdsize: 5368709120
    rootdirectory: /deep/down
    storageclass: STANDARD_IA
    useragent: shop
    usedualstack: true
    accelerate: true
    usefipsendpoint: true
    objectacl: bucket-owner-full-control
    loglevel: debug
"""
AZURE = """\
    accountname: shop
    accountkey: a2V5
    container: images
    realm: core.windows.example
    serviceurl: https://shop.example
    rootdirectory: /deep
    max_retries: 2
    retry_delay: 250ms
    skipverify: true
"""


def read(folder: Path, storage: str) -> Storage:
    (folder / "config.yml").write_text(f"version: 0.1\nstorage:\n  {storage}")
    return understand(folder / "config.yml", {}).section.storage


@pytest.mark.parametrize("name", ["s3", "s3aws"])
def test_all_that_is_said_of_s3_reaches_the_driver(tmp_path: Path, name: str) -> None:
    storage = read(tmp_path, f"{name}:\n{S3}")
    section = storage.s3 or storage.s3aws
    assert section
    given = S3Parameters(**section.parameters())
    assert given == S3Parameters(
        accesskey="AKIA", secretkey="very", region="eu-central-1", bucket="images", regionendpoint="store.example:9000",
        forcepathstyle=True, encrypt=True, keyid="0123", secure=False, skipverify=True, chunksize=5242880,
        multipartcopychunksize=33554432, multipartcopymaxconcurrency=7, multipartcopythresholdsize=5368709120,
        rootdirectory="/deep/down", storageclass="STANDARD_IA", useragent="shop", usedualstack=True, accelerate=True,
        usefipsendpoint=True, objectacl="bucket-owner-full-control",
    )  # fmt: skip
    assert given.endpoint == "http://store.example:9000"
    assert given.extra == {
        "ACL": "bucket-owner-full-control",
        "StorageClass": "STANDARD_IA",
        "ServerSideEncryption": "aws:kms",
        "SSEKMSKeyId": "0123",
    }


def test_what_is_not_said_of_s3_is_as_in_distribution(tmp_path: Path) -> None:
    section = read(tmp_path, "s3: {region: us-east-1, bucket: images}\n").s3
    assert section
    given = S3Parameters(**section.parameters())
    assert given == S3Parameters(bucket="images", region="us-east-1")
    assert (given.endpoint, given.extra) == (None, {})


@pytest.mark.parametrize(
    ("key", "given"),
    [
        ("accountkey: a2V5", {"accountkey": "a2V5"}),
        ("credentials: {type: shared_key, secret: a2V5}", {"accountkey": "a2V5"}),
        ("connectionstring: AccountKey=a2V5", {"connectionstring": "AccountKey=a2V5"}),
    ],
)
def test_all_that_is_said_of_azure_reaches_the_driver(tmp_path: Path, key: str, given: Mapping[str, Any]) -> None:
    section = read(tmp_path, f"azure:\n{AZURE.replace('accountkey: a2V5', key)}").azure
    assert section
    assert AzureParameters(**section.parameters()) == AzureParameters(
        accountname="shop", container="images", realm="core.windows.example", serviceurl="https://shop.example",
        rootdirectory="/deep", max_retries=2, retry_delay=0.25, skipverify=True, **given,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("storage", "fault"),
    [
        ("s3: {region: a}", "storage.s3.bucket: this key is missing"),
        ("s3: {region: a, bucket: b, bukcet: c}", "storage.s3.bukcet: unknown key; did you mean 'bucket'?"),
        ("s3: {region: a, bucket: b, v4auth: false}", "storage.s3.v4auth: Input should be"),
        ("s3: {region: a, bucket: b, redirectendpoint: c}", "storage.s3.redirectendpoint: unknown key"),
        ("s3: {region: a, bucket: b, chunksize: 1048576}", "storage.s3.chunksize: Input should be greater"),
        ("s3: {region: a, bucket: b, accesskey: c}", "storage.s3: accesskey and secretkey go together"),
        ("azure: {accountname: a, container: b}", "storage.azure: give one of accountkey, credentials"),
        ("azure: {accountname: a, container: b, accountkey: c, connectionstring: d}", "storage.azure: give one of"),
        ("azure: {accountname: a, container: b, connectionstring: SharedAccessSignature=c}", "needs an AccountKey"),
        (
            "azure: {accountname: a, container: b, credentials: {type: client_secret, secret: c}}",
            "storage.azure.credentials.type: Input should be 'shared_key'",
        ),
        ("{s3: {region: a, bucket: b}, filesystem: {}}", "name one storage driver, not two"),
    ],
)
def test_what_can_not_be_done_is_refused(tmp_path: Path, storage: str, fault: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, f"{storage}\n")
    assert fault in str(caught.value)

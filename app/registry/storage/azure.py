"""Containers of Azure Blob Storage."""

import errno
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any

from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import (
    BlobBlock,
    BlobClient,
    BlobPrefix,
    BlobSasPermissions,
    ContainerClient,
    LinearRetry,
    generate_blob_sas,
)

from app.registry.storage.driver import FileReader
from app.registry.storage.objects import REDIRECTED_FOR_S, Found
from app.registry.storage.pieces import first

if TYPE_CHECKING:
    from azure.storage.blob import StorageStreamDownloader

_MIB = 1024 * 1024
_BLOCK = 8 * _MIB
"""A blob has 50,000 blocks at most: 390 GiB."""
_READ = 4 * _MIB
_LOOK_EVERY_S = 0.1
_CONNECTIONS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureParameters:
    """Named and meant as in distribution; `retry_delay` in seconds. `accountkey` or `connectionstring`."""

    accountname: str
    container: str
    accountkey: str | None = None
    connectionstring: str | None = None
    realm: str = "core.windows.net"
    serviceurl: str | None = None
    rootdirectory: str = ""
    max_retries: int = 5
    retry_delay: float = 0.1
    skipverify: bool = False


def _make_client(given: AzureParameters) -> ContainerClient:
    more: Mapping[str, Any] = {
        "retry_policy": LinearRetry(given.retry_delay, given.max_retries, random_jitter_range=0),  # type: ignore[arg-type]  # seconds, that it only multiplies
        "transport": _transport(verify=not given.skipverify),
        "max_single_get_size": _READ,
        "max_chunk_get_size": _READ,
    }
    if given.connectionstring:
        return ContainerClient.from_connection_string(given.connectionstring, given.container, **more)
    url = given.serviceurl or f"https://{given.accountname}.blob.{given.realm}"
    named = AzureNamedKeyCredential(given.accountname, given.accountkey or "")
    return ContainerClient(url, given.container, credential=named, **more)


def _transport(verify: bool) -> RequestsTransport:
    """Azure's own, but that it keeps a connection for every thread that serves."""
    transport = RequestsTransport(connection_timeout=5, connection_verify=verify)
    transport.open()
    for adapter in transport.session.adapters.values():
        adapter.init_poolmanager(1, _CONNECTIONS)
    return transport


@contextmanager
def _asking(key: str) -> Iterator[None]:
    """Inside, what the store refuses is an OSError, and FileNotFoundError if nothing lies under `key`."""
    try:
        yield
    except ResourceNotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), key) from error
    except AzureError as error:
        raise OSError(errno.EIO, error.message.splitlines()[0] if error.message else str(error)) from error


class Azure:
    """A container."""

    name = "azure"

    def __init__(self, given: AzureParameters) -> None:
        self._container = _make_client(given)
        self._key = self._container.credential.account_key

    def get(self, key: str) -> bytes:
        with _asking(key):
            return self._container.download_blob(key).readall()

    def put(self, key: str, content: bytes) -> None:
        with _asking(key):
            self._container.upload_blob(key, content, overwrite=True)

    def reader(self, key: str, offset: int) -> FileReader:
        with _asking(key):
            try:
                return _Reader(self._container.download_blob(key, offset=offset or None), key)
            except HttpResponseError as error:
                if error.status_code == 416:
                    return BytesIO()
                raise

    def writer(self, key: str, append: bool) -> "_Writer":
        return _Writer(self._container.get_blob_client(key), append)

    def written(self, key: str) -> int:
        return sum(block.size for block in _blocks(self._container.get_blob_client(key)))

    def find(self, key: str) -> Found | None:
        try:
            with _asking(key):
                found = self._container.get_blob_client(key).get_blob_properties()
        except FileNotFoundError:
            return None
        return Found(found.size, found.last_modified)

    def below(self, prefix: str) -> Iterator[tuple[str, Found]]:
        with _asking(prefix):
            for one in self._container.list_blobs(name_starts_with=prefix):
                yield one.name, Found(one.size, one.last_modified)

    def children(self, prefix: str) -> Iterator[str]:
        with _asking(prefix):
            for one in self._container.walk_blobs(name_starts_with=prefix, delimiter="/"):
                yield one.prefix.rstrip("/") if isinstance(one, BlobPrefix) else one.name

    def copy(self, source: str, destination: str) -> None:
        target = self._container.get_blob_client(destination)
        with _asking(source):
            status = str(target.start_copy_from_url(self.url(source))["copy_status"])
            while status == "pending":
                time.sleep(_LOOK_EVERY_S)
                status = str(target.get_blob_properties().copy.status)
        if status != "success":
            raise OSError(errno.EIO, f"the copy ended as {status}")

    def delete(self, key: str) -> None:
        with _asking(key):
            self._container.delete_blob(key)

    def clear(self, prefix: str) -> bool:
        whole = [name for name, _ in self.below(prefix)]
        with _asking(prefix):
            begun = self._container.list_blobs(name_starts_with=prefix, include=["uncommittedblobs"])
            half = {one.name for one in begun} - set(whole)
        for name in half:
            _Writer(self._container.get_blob_client(name), append=True).cancel()
        for name in whole:
            self.delete(name)
        return bool(whole)

    def url(self, key: str) -> str:
        blob = self._container.get_blob_client(key)
        signed = generate_blob_sas(
            account_name=str(blob.account_name),
            container_name=blob.container_name,
            blob_name=key,
            account_key=self._key,
            permission=BlobSasPermissions(read=True),
            expiry=datetime.now(UTC) + timedelta(seconds=REDIRECTED_FOR_S),
        )
        return f"{blob.url}?{signed}"


class _Reader:
    def __init__(self, download: "StorageStreamDownloader[bytes]", key: str) -> None:
        self._download = download
        self._key = key

    def read(self, size: int, /) -> bytes:
        with _asking(self._key):
            return self._download.read(size)

    def close(self) -> None:
        """Nothing to let go of: each piece is a request of its own."""


def _blocks(blob: BlobClient) -> list[BlobBlock]:
    """All blocks of a blob in order: those that make it, and those that wait for that."""
    try:
        with _asking(blob.blob_name):
            committed, waiting = blob.get_block_list("all")
    except FileNotFoundError:
        return []
    return [*committed, *sorted(waiting, key=lambda block: block.id)]


class _Writer:
    """Blocks, which the store keeps for a week if nobody commits them. Holds at most one in memory."""

    def __init__(self, blob: BlobClient, append: bool) -> None:
        self._blob = blob
        if not append:
            self.cancel()
        blocks = _blocks(blob) if append else []
        self._names = [block.id for block in blocks]
        self._sent = sum(block.size for block in blocks)
        self._buffer = bytearray()

    @property
    def size(self) -> int:
        return self._sent + len(self._buffer)

    def write(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= _BLOCK:
            self._send(_BLOCK)

    def commit(self) -> None:
        self.close()
        with _asking(self._blob.blob_name):
            self._blob.commit_block_list([BlobBlock(name) for name in self._names])

    def cancel(self) -> None:
        """Blocks that wait go when the blob is made, of nothing, and deleted."""
        with _asking(self._blob.blob_name):
            self._blob.upload_blob(b"", overwrite=True)
            self._blob.delete_blob()

    def close(self) -> None:
        if self._buffer:
            self._send(len(self._buffer))

    def _send(self, size: int) -> None:
        name = f"{len(self._names):08d}"
        with _asking(self._blob.blob_name):
            self._blob.stage_block(name, first(self._buffer, size))
        self._names.append(name)
        self._sent += size
        del self._buffer[:size]

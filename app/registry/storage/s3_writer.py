"""Objects that come in pieces, from one process or several.

A piece of `chunksize` is a part of a multipart upload, which the store finds again by its key. What is left when
a writer is closed is too small for a part (5 MiB at least, but for the last): it waits in an object beside, which
names the offset that it belongs to. It is read again only if more comes: to commit, the store copies it.

    KEY                     the object, once it is committed
    KEY.<offset>.tail       the bytes behind the parts, if the parts end at that offset; else nothing counts there
"""

import errno
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from app.registry.storage.pieces import first
from app.registry.storage.s3_client import asking

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import CompletedPartTypeDef, CopySourceTypeDef


@dataclass(frozen=True, slots=True)
class Target:
    """Where an object is written, with what is said of it (`extra`), in parts of `chunk` bytes."""

    client: "S3Client"
    bucket: str
    key: str
    extra: Mapping[str, Any]
    chunk: int

    @property
    def here(self) -> Mapping[str, Any]:
        return {"Bucket": self.bucket, "Key": self.key}

    def tail(self, offset: int) -> Mapping[str, Any]:
        return self.tail_to_copy(offset)

    def tail_to_copy(self, offset: int) -> "CopySourceTypeDef":
        return {"Bucket": self.bucket, "Key": f"{self.key}.{offset}.tail"}


@dataclass(frozen=True, slots=True)
class Unfinished:
    """How far writers have come. `upload` holds `parts`, `sent` bytes; `tail` more wait, or the object is `whole`."""

    upload: str | None = None
    parts: Sequence["CompletedPartTypeDef"] = ()
    sent: int = 0
    tail: int = 0
    whole: int = 0

    @property
    def size(self) -> int:
        return self.sent + self.tail + self.whole


def unfinished(target: Target) -> Unfinished:
    """What the store knows of the object."""
    upload = _upload(target)
    parts, sent = _parts(target, upload) if upload else ([], 0)
    tail = _size(target, target.tail(sent))
    whole = 0 if upload or tail else _size(target, target.here)
    return Unfinished(upload, parts, sent, tail, whole)


def give_up(target: Target) -> None:
    """Leave nothing of what was begun and not committed."""
    state = unfinished(target)
    with asking(target.key):
        if state.upload:
            target.client.abort_multipart_upload(**target.here, UploadId=state.upload)
        target.client.delete_object(**target.tail(state.sent))


def _upload(target: Target) -> str | None:
    """The one begun last: a request that was made twice may have begun two."""
    pages = target.client.get_paginator("list_multipart_uploads").paginate(Bucket=target.bucket, Prefix=target.key)
    with asking(target.key):
        begun = [one for page in pages for one in page.get("Uploads", ()) if one["Key"] == target.key]
    return max(begun, key=lambda one: one["Initiated"])["UploadId"] if begun else None


def _parts(target: Target, upload: str) -> tuple[list["CompletedPartTypeDef"], int]:
    pages = target.client.get_paginator("list_parts").paginate(**target.here, UploadId=upload)
    with asking(target.key):
        found = [part for page in pages for part in page.get("Parts", ())]
    parts: list[CompletedPartTypeDef] = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in found]
    return parts, sum(part["Size"] for part in found)


def _size(target: Target, place: Mapping[str, Any]) -> int:
    try:
        with asking(target.key):
            return target.client.head_object(**place)["ContentLength"]
    except FileNotFoundError:
        return 0


class S3Writer:
    """Holds at most one part in memory."""

    def __init__(self, target: Target, append: bool) -> None:
        if not append:
            give_up(target)
        state = unfinished(target) if append else Unfinished()
        self._target = target
        self._upload = state.upload
        self._parts = list(state.parts)
        self._sent = state.sent
        self._whole = state.whole
        self._kept_at = state.sent if state.tail else None
        self._tail = state.tail
        self._buffer = bytearray()
        self._waits = False

    @property
    def size(self) -> int:
        return self._sent + self._tail + len(self._buffer) + self._whole

    def write(self, data: bytes) -> None:
        if self._whole:
            raise OSError(errno.EEXIST, "the object is complete")
        if self._tail:
            self._read_tail()
        self._buffer += data
        self._waits = True
        while len(self._buffer) >= self._target.chunk:
            self._send(self._target.chunk)

    def commit(self) -> None:
        """A small object is made in one request, which also makes one of nothing."""
        if self._whole:
            return
        with asking(self._target.key):
            if self._upload is not None:
                self._complete(self._upload)
            elif self._tail:
                source = self._target.tail_to_copy(self._sent)
                self._target.client.copy_object(**self._target.here, CopySource=source, **self._target.extra)
            else:
                self._target.client.put_object(**self._target.here, Body=bytes(self._buffer), **self._target.extra)
        self._waits = False
        self._drop_tail()

    def cancel(self) -> None:
        give_up(self._target)
        with asking(self._target.key):
            self._target.client.delete_object(**self._target.here)

    def close(self) -> None:
        """Leave what no part holds for the next writer."""
        if not self._waits:
            return
        if self._buffer:
            with asking(self._target.key):
                self._target.client.put_object(
                    **self._target.tail(self._sent), Body=bytes(self._buffer), **self._target.extra
                )
        if self._kept_at != self._sent:
            self._drop_tail()

    def _send(self, size: int) -> None:
        """Make a part of the first `size` bytes that wait."""
        number = len(self._parts) + 1
        with asking(self._target.key):
            if self._upload is None:
                begun = self._target.client.create_multipart_upload(**self._target.here, **self._target.extra)
                self._upload = begun["UploadId"]
            sent = self._target.client.upload_part(
                **self._target.here, UploadId=self._upload, PartNumber=number, Body=first(self._buffer, size)
            )
        self._parts.append({"PartNumber": number, "ETag": sent["ETag"]})
        self._sent += size
        del self._buffer[:size]

    def _complete(self, upload: str) -> None:
        if self._tail:
            self._copy_tail(upload)
        if self._buffer or not self._parts:
            self._send(len(self._buffer))
        self._target.client.complete_multipart_upload(
            **self._target.here, UploadId=upload, MultipartUpload={"Parts": self._parts}
        )

    def _copy_tail(self, upload: str) -> None:
        """Make the last part of it. A store may copy no parts, as Google's: then it is read."""
        number, source = len(self._parts) + 1, self._target.tail_to_copy(self._sent)
        try:
            copied = self._target.client.upload_part_copy(
                **self._target.here, UploadId=upload, PartNumber=number, CopySource=source
            )
        except ClientError:
            self._read_tail()
        else:
            self._parts.append({"PartNumber": number, "ETag": copied["CopyPartResult"]["ETag"]})
            self._sent, self._tail = self._sent + self._tail, 0

    def _read_tail(self) -> None:
        with asking(self._target.key):
            self._buffer += self._target.client.get_object(**self._target.tail(self._sent))["Body"].read()
        self._tail = 0

    def _drop_tail(self) -> None:
        if self._kept_at is not None:
            with asking(self._target.key):
                self._target.client.delete_object(**self._target.tail(self._kept_at))

"""Amazon's S3 and what speaks like it: SeaweedFS, MinIO, Ceph, Google's XML API."""

import errno
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import TYPE_CHECKING

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from app.registry.storage.driver import FileReader
from app.registry.storage.objects import REDIRECTED_FOR_S, Found
from app.registry.storage.s3_client import S3Parameters, asking, make_client
from app.registry.storage.s3_writer import S3Writer, Target, unfinished

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from types_boto3_s3.type_defs import ObjectIdentifierTypeDef

_AT_ONCE = 1000
"""Keys that one request deletes at most (DeleteObjects)."""


class S3:
    """A bucket."""

    name = "s3"

    def __init__(self, given: S3Parameters) -> None:
        self._given = given
        self._client = make_client(given)
        self._copying = TransferConfig(
            multipart_threshold=given.multipartcopythresholdsize,
            multipart_chunksize=given.multipartcopychunksize,
            max_concurrency=given.multipartcopymaxconcurrency,
        )

    def get(self, key: str) -> bytes:
        with asking(key):
            return self._client.get_object(Bucket=self._given.bucket, Key=key)["Body"].read()

    def put(self, key: str, content: bytes) -> None:
        with asking(key):
            self._client.put_object(Bucket=self._given.bucket, Key=key, Body=content, **self._given.extra)

    def reader(self, key: str, offset: int) -> FileReader:
        with asking(key):
            try:
                found = self._client.get_object(Bucket=self._given.bucket, Key=key, Range=f"bytes={offset}-")
            except ClientError as error:
                if error.response["Error"]["Code"] in ("416", "InvalidRange"):
                    return BytesIO()
                raise
        return _Reader(found["Body"], key)

    def writer(self, key: str, append: bool) -> S3Writer:
        return S3Writer(self._target(key), append)

    def written(self, key: str) -> int:
        return unfinished(self._target(key)).size

    def find(self, key: str) -> Found | None:
        try:
            with asking(key):
                found = self._client.head_object(Bucket=self._given.bucket, Key=key)
        except FileNotFoundError:
            return None
        return Found(found["ContentLength"], found["LastModified"])

    def below(self, prefix: str) -> Iterator[tuple[str, Found]]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._given.bucket, Prefix=prefix)
        with asking(prefix):
            for page in pages:
                for one in page.get("Contents", ()):
                    if not one["Key"].endswith("/"):
                        yield one["Key"], Found(one["Size"], one["LastModified"])

    def children(self, prefix: str) -> Iterator[str]:
        listing = self._client.get_paginator("list_objects_v2")
        with asking(prefix):
            for page in listing.paginate(Bucket=self._given.bucket, Prefix=prefix, Delimiter="/"):
                yield from (one["Key"] for one in page.get("Contents", ()) if one["Key"] != prefix)
                yield from (one["Prefix"].rstrip("/") for one in page.get("CommonPrefixes", ()))

    def copy(self, source: str, destination: str) -> None:
        """In several parts if it is large, which the store copies side by side."""
        bucket = self._given.bucket
        with asking(source):
            self._client.copy(
                {"Bucket": bucket, "Key": source},
                bucket,
                destination,
                ExtraArgs=dict(self._given.extra),
                Config=self._copying,
            )

    def delete(self, key: str) -> None:
        with asking(key):
            self._client.delete_object(Bucket=self._given.bucket, Key=key)

    def clear(self, prefix: str) -> bool:
        keys = [key for key, _ in self.below(prefix)]
        self._delete_all([*keys, prefix])
        folders = list(self._folders(prefix))
        self._delete_all([*folders, prefix] if folders else [])
        self._give_up(prefix)
        return bool(keys)

    def _folders(self, prefix: str) -> Iterator[str]:
        """All below a folder with nothing in it, the deepest first: SeaweedFS makes them, and lists them for ever."""
        for child in self.children(prefix):
            yield from self._folders(f"{child}/")
            yield f"{child}/"

    def _delete_all(self, keys: Sequence[str]) -> None:
        for start in range(0, len(keys), _AT_ONCE):
            some: list[ObjectIdentifierTypeDef] = [{"Key": key} for key in keys[start : start + _AT_ONCE]]
            with asking(keys[start]):
                answer = self._client.delete_objects(Bucket=self._given.bucket, Delete={"Objects": some, "Quiet": True})
            for refused in answer.get("Errors", ()):
                raise OSError(errno.EIO, f"the store keeps {refused['Key']}: {refused['Code']}")

    def _give_up(self, prefix: str) -> None:
        """Abort uploads in parts, which no list of objects shows and somebody pays for."""
        listing = self._client.get_paginator("list_multipart_uploads")
        with asking(prefix):
            pages = list(listing.paginate(Bucket=self._given.bucket, Prefix=prefix))
            for one in [upload for page in pages for upload in page.get("Uploads", ())]:
                self._client.abort_multipart_upload(Bucket=self._given.bucket, Key=one["Key"], UploadId=one["UploadId"])

    def url(self, key: str) -> str:
        return self._client.generate_presigned_url(
            "get_object", Params={"Bucket": self._given.bucket, "Key": key}, ExpiresIn=REDIRECTED_FOR_S
        )

    def _target(self, key: str) -> Target:
        return Target(self._client, self._given.bucket, key, self._given.extra, self._given.chunksize)


class _Reader:
    def __init__(self, body: "StreamingBody", key: str) -> None:
        self._body = body
        self._key = key

    def read(self, size: int, /) -> bytes:
        with asking(self._key):
            return self._body.read(size)

    def close(self) -> None:
        self._body.close()

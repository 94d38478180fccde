"""Pushing a whole image."""

from app.domain.digests import Digest
from app.remote.client import RemoteRegistry
from app.remote.image import MANIFEST, Image


def push_image(remote: RemoteRegistry, repository: str, tag: str, image: Image) -> Digest:
    """Upload what the registry lacks, then the manifest under `tag`; its digest. Errors as RemoteRegistry's."""
    for blob in image.blobs:
        if not remote.has_blob(repository, blob.digest):
            remote.upload_blob(repository, blob)
    return remote.put_manifest(repository, tag, MANIFEST, image.manifest)

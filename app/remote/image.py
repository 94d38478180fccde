"""A small real OCI image, made on the spot (image-spec: manifest.md, config.md, layer.md). Pure."""

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from typing import Any

from app.domain.digests import Digest
from app.remote.blobs import Blob

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


@dataclass(frozen=True, slots=True)
class Image:
    """A manifest's bytes and every blob that it refers to."""

    manifest: bytes
    blobs: tuple[Blob, ...]

    @property
    def digest(self) -> Digest:
        return Digest.of(self.manifest)


def make_image(seed: str, size: int = 1024) -> Image:
    """An image of one layer with one file of `size` bytes that don't compress; the same for the same seed."""
    tar = _tar("seed.bin", _noise(seed, size))
    layer = gzip.compress(tar, mtime=0)
    rootfs = {"type": "layers", "diff_ids": [str(Digest.of(tar))]}
    config = _json({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs})
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _descriptor(_CONFIG, config),
        "layers": [_descriptor(_LAYER, layer)],
    }
    return Image(_json(manifest), (Blob.of(config), Blob.of(layer)))


def _noise(seed: str, size: int) -> bytes:
    return hashlib.shake_256(seed.encode()).digest(size)


def _tar(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def _descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": str(Digest.of(content)), "size": len(content)}


def _json(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()

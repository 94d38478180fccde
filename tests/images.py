"""OCI images made on the spot (image-spec `image-layout.md`), the same for the same arguments."""

import gzip
import io
import json
import random
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.domain.digests import Digest
from app.registry.validation import OCI_INDEX, OCI_MANIFEST

CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


@dataclass(frozen=True, slots=True)
class Image:
    """An OCI layout in `folder`. `blobs`: every blob but the manifest, by digest."""

    folder: Path
    digest: Digest
    manifest: bytes
    blobs: dict[Digest, bytes]


def an_image(folder: Path, seed: int, layers: int = 1, size: int = 1024) -> Image:
    """Write an OCI layout into `folder`; each layer holds one file of `size` bytes that can't be compressed."""
    source = random.Random(seed)
    contents = [_layer(f"file-{number}", source.randbytes(size)) for number in range(layers)]
    config = _json(
        {
            "architecture": "amd64",
            "os": "linux",
            "rootfs": {
                "type": "layers",
                "diff_ids": [str(Digest.of(gzip.decompress(each))) for each in contents],
            },
            "config": {"Labels": {"seed": str(seed)}},
            "history": [{"created_by": f"layer {number}"} for number in range(layers)],
        }
    )
    manifest = image_manifest(config, contents)
    blobs = {Digest.of(blob): blob for blob in (config, *contents)}
    _write_layout(folder, manifest, blobs)
    return Image(folder, Digest.of(manifest), manifest, blobs)


def image_manifest(config: bytes, layers: list[bytes], /, **more: Any) -> bytes:
    """An OCI image manifest over these bytes; `more` adds or replaces fields."""
    fields = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(CONFIG, config),
        "layers": [descriptor(LAYER, layer) for layer in layers],
    }
    return _json(fields | more)


def index_manifest(children: list[bytes], /, **more: Any) -> bytes:
    """An OCI index over manifests."""
    fields = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [descriptor(OCI_MANIFEST, child) for child in children],
    }
    return _json(fields | more)


def descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": str(Digest.of(content)), "size": len(content)}


def _layer(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)


def _write_layout(folder: Path, manifest: bytes, blobs: dict[Digest, bytes]) -> None:
    place = folder / "blobs" / "sha256"
    place.mkdir(parents=True)
    for digest, blob in {**blobs, Digest.of(manifest): manifest}.items():
        (place / digest.encoded).write_bytes(blob)
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    entry = descriptor(OCI_MANIFEST, manifest)
    (folder / "index.json").write_bytes(_json({"schemaVersion": 2, "manifests": [entry]}))


def _json(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode()

"""Real object stores on free ports of loopback, each with a bucket: SeaweedFS for S3, Azurite for Azure."""

import json
import random
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from registry_server import free_port, running

from app.registry.storage.driver import StorageError
from app.registry.storage.factory import make_driver

BUCKET = "registry"
_KEYS = {"accesskey": "tests", "secretkey": "only-for-tests"}
_AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="  # everybody's


def lasting_port() -> int:
    """A free port that the system gives nobody by itself: it may be left for a while and taken again."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@dataclass(slots=True)
class Seaweed:
    """An S3 server with its data in a folder, which can be stopped and started again."""

    folder: Path
    port: int = field(default_factory=lasting_port)
    others: Sequence[int] = field(default_factory=lambda: [lasting_port() for _ in range(10)])

    def parameters(self) -> dict[str, Any]:
        """Of the `s3` driver, in a folder of the bucket that nobody else has."""
        place = {"bucket": BUCKET, "region": "us-east-1", "rootdirectory": f"/{uuid.uuid4().hex}"}
        return place | _KEYS | {"regionendpoint": f"http://127.0.0.1:{self.port}", "forcepathstyle": True}

    @contextmanager
    def up(self) -> Iterator[None]:
        access = {"name": "tests", "actions": ["Admin", "Read", "Write", "List"]}
        keys = {"accessKey": _KEYS["accesskey"], "secretKey": _KEYS["secretkey"]}
        settings = self.folder / "s3.json"
        settings.write_text(json.dumps({"identities": [access | {"credentials": [keys]}]}))
        master, volume, filer, *grpc = map(str, self.others)
        command = [
            str(Path(sys.executable).with_name("weed")),
            *("mini", "-dir", str(self.folder), "-ip", "127.0.0.1", "-ip.bind", "127.0.0.1"),
            *("-master.port", master, "-volume.port", volume, "-filer.port", filer, "-s3.port", str(self.port)),
            *("-master.port.grpc", grpc[0], "-volume.port.grpc", grpc[1], "-filer.port.grpc", grpc[2]),
            *("-s3.port.grpc", grpc[3], "-s3.port.iceberg", "0", "-s3.port.lance", "0", "-s3.config", str(settings)),
            *("-admin.port", grpc[4], "-admin.port.grpc", grpc[5], "-debug.port", grpc[6]),
            *("-webdav=false", "-admin.ui=false", "-bucket", BUCKET),
        ]
        with running(command, self.port, self.folder) as process:
            self._wait_for_the_bucket()
            try:
                yield
            finally:
                _end(process)

    def _wait_for_the_bucket(self) -> None:
        """With content, which only a volume can hold: they are known later than the bucket is."""
        driver = make_driver("s3", self.parameters())
        deadline = time.monotonic() + 20
        while True:
            try:
                driver.put_content("/up", b"up")
                driver.get_content("/up")
                return driver.delete("/up")
            except StorageError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


def _end(process: subprocess.Popen[bytes]) -> None:
    """SeaweedFS may take its time to end when it was busy."""
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()


@contextmanager
def azurite(folder: Path) -> Iterator[dict[str, Any]]:
    """An Azure server that keeps all in memory: parameters of the `azure` driver, to which a folder is added.

    FileNotFoundError without `azurite-blob`, which npm installs.
    """
    program = shutil.which("azurite-blob")
    if program is None:
        raise FileNotFoundError("azurite-blob is not on PATH: npm install azurite")
    from azure.storage.blob import ContainerClient

    port = free_port()
    command = [program, "--blobHost", "127.0.0.1", "--blobPort", str(port), "--silent", "--skipApiVersionCheck"]
    command += ["--disableTelemetry", "--inMemoryPersistence"]
    given = {
        "accountname": "devstoreaccount1",
        "accountkey": _AZURITE_KEY,
        "container": BUCKET,
        "serviceurl": f"http://127.0.0.1:{port}/devstoreaccount1",
    }
    with running(command, port, folder):
        credential = {"account_name": given["accountname"], "account_key": given["accountkey"]}
        with ContainerClient(given["serviceurl"], BUCKET, credential=credential) as container:
            container.create_container()
        yield given


def left_in(name: str, parameters: Mapping[str, Any]) -> list[str]:
    """Every object below a driver's folder, and what was begun there and never finished, as the store itself says."""
    folder = parameters["rootdirectory"].strip("/") + "/"
    if name == "s3":
        from app.registry.storage.s3_client import S3Parameters, make_client

        client = make_client(S3Parameters(**parameters))
        objects = client.list_objects_v2(Bucket=BUCKET, Prefix=folder).get("Contents", [])
        begun = client.list_multipart_uploads(Bucket=BUCKET, Prefix=folder).get("Uploads", [])
        found = [one["Key"] for one in objects if not one["Key"].endswith("/")] + [one["Key"] for one in begun]
    else:
        from azure.storage.blob import ContainerClient

        credential = {"account_name": parameters["accountname"], "account_key": parameters["accountkey"]}
        with ContainerClient(parameters["serviceurl"], BUCKET, credential=credential) as container:
            blobs = container.list_blobs(name_starts_with=folder, include=["uncommittedblobs"])
            found = [one.name for one in blobs]
    return sorted(f"/{key.removeprefix(folder)}" for key in found)

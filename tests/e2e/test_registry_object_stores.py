"""A registry over object stores as real servers serve it, each killed when it has answered."""

import json
import os
import random
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from alone import call, registry_alone
from object_stores import left_in
from registry_server import served_from

from app.domain.digests import Digest
from app.registry import paths

pytestmark = [pytest.mark.e2e, pytest.mark.parametrize("storage", ["filesystem", "s3", "azure"], indirect=True)]

MIB = 1024 * 1024
CONTENT = random.Random(10).randbytes(30 * MIB)
DIGEST = Digest.of(CONTENT)


def kill(process: subprocess.Popen[bytes]) -> None:
    """The server and what it forked, at once."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for pid in (process.pid, *map(int, children)):
        os.kill(pid, signal.SIGKILL)


def test_a_push_goes_on_whoever_was_killed(storage: tuple[str, Mapping[str, Any]], tmp_path: Path) -> None:
    locks, half = tmp_path / "locks", 17 * MIB
    with served_from(*storage, locks) as (host, process):
        location = call(host, "POST", "/v2/shop/web/blobs/uploads/")[1]["Location"]
        status, said, _ = call(host, "PATCH", location, CONTENT[:half])
        assert status == 202
        kill(process)
    with served_from(*storage, locks) as (host, process):
        assert call(host, "GET", location)[1]["Range"] == f"0-{half - 1}"
        status, said, _ = call(host, "PATCH", location, CONTENT[half:], Content_Range=f"{half}-{len(CONTENT) - 1}")
        assert status == 202
        kill(process)
    with served_from(*storage, locks) as (host, process):
        location = said["Location"]
        assert call(host, "PUT", f"{location}{'&' if '?' in location else '?'}digest={DIGEST}")[0] == 201
        if storage[0] != "filesystem":
            assert left_in(*storage) == sorted([paths.blob_data(DIGEST), paths.layer_link("shop/web", DIGEST)])
        blob = f"/v2/shop/web/blobs/{DIGEST}"
        assert pulled(host, blob) == CONTENT
        assert pulled(host, blob, Range="bytes=5-9") == CONTENT[5:10]
        assert call(host, "DELETE", blob)[0] == 202
        assert call(host, "GET", blob)[0] == 404


def test_distributions_file_names_an_object_store(storage: tuple[str, Mapping[str, Any]], tmp_path: Path) -> None:
    name, parameters = storage
    config = {
        "version": "0.1",
        "storage": {name: parameters, "redirect": {"disable": True}},
        "http": {"addr": "localhost:PORT"},
        "health": {"storagedriver": {"enabled": True, "interval": "1s"}},
    }
    with registry_alone(tmp_path, json.dumps(config)) as alone:
        status, said, _ = call(alone.host, "POST", f"/v2/shop/web/blobs/uploads/?digest={DIGEST}", CONTENT)
        assert status == 201
        status, _, content = call(alone.host, "GET", said["Location"])
        assert (status, content) == (200, CONTENT)


def pulled(host: str, path: str, **headers: str) -> bytes:
    """As a client pulls, who goes where it is sent."""
    status, said, content = call(host, "GET", path, **headers)
    if status == 307:
        store, _, rest = said["Location"].removeprefix("http://").partition("/")
        status, _, content = call(store, "GET", f"/{rest}", **headers)
    assert status == (206 if headers else 200)
    return content

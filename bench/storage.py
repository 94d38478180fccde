"""What a push of 1 GiB costs the web processes in memory, by where the content goes."""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from bench.figures import Report, spread
from bench.listener import listening
from bench.memory import BLOB_BYTES, Samples, parts, push
from bench.processes import answers, clean_environment, free_port, program, wait_until
from bench.systems import tagtrail_up

_KEYS = {"accessKey": "bench", "secretKey": "only-for-benches"}
_BUCKET = "bench"
_SETTLE_S = 2.0
_MIB = 2**20


def run(folder: Path, rounds: int, _seconds: float) -> Iterator[Report]:
    columns = ("storage", "before", "during, most", "more", "push, MiB/s")
    report = Report("Memory of the web processes during a push of 1 GiB, PSS in MiB", columns)
    with _seaweed(folder) as s3:
        for name, storage in {"filesystem": {"filesystem": {}}, "S3 (SeaweedFS)": {"s3": s3}}.items():
            place = folder / name.partition(" ")[0]
            place.mkdir()
            before, most, seconds = _measure(place, storage, rounds)
            rate = BLOB_BYTES / _MIB / median(seconds)
            report.rows.append((name, f"{before:.0f}", f"{most:.0f}", f"{most - before:.0f}", f"{rate:,.0f}"))
            report.data[name] = {"before": before, "most": most, "seconds": seconds}
            report.notes.append(f"{name}: a push took {spread(seconds, 1)} s.")
    report.notes.append(f"{rounds} pushes of a blob of 1 GiB each by chunked PATCH and PUT, to two web processes.")
    yield report


def _measure(folder: Path, storage: Mapping[str, Any], rounds: int) -> tuple[float, float, list[float]]:
    """PSS before, the most during, and how long each push took. Small pushes first load what is loaded once."""
    settings = json.dumps({"registry": {"storage": storage}}).replace("{", "{{").replace("}", "}}")
    with listening(lambda _: None) as trigger, tagtrail_up(folder, trigger.port, settings) as up:
        for number in range(8):
            push(up.port, number, _MIB)
        time.sleep(_SETTLE_S)
        before, samples, seconds = parts(up.pid)["web"], Samples(up.pid), []
        for number in range(rounds):
            with samples.taken():
                seconds.append(push(up.port, number))
        return before, samples.most()["web"], seconds


@contextmanager
def _seaweed(folder: Path) -> Iterator[Mapping[str, Any]]:
    """Parameters of the `s3` driver, for a server that keeps its data in `folder`."""
    keys, data, (port, *others) = folder / "keys.json", folder / "seaweed", [free_port() for _ in range(10)]
    data.mkdir()
    actions = {"name": "bench", "actions": ["Admin", "Read", "Write", "List"], "credentials": [_KEYS]}
    keys.write_text(json.dumps({"identities": [actions]}))
    names = ("master", "volume", "filer", "admin", "master.port.grpc", "volume.port.grpc", "filer.port.grpc")
    flags = [name if "port" in name else f"{name}.port" for name in (*names, "admin.port.grpc", "s3.port.grpc")]
    command = [str(Path(sys.executable).with_name("weed")), "mini", "-dir", str(data)]
    command += ["-ip", "127.0.0.1", "-ip.bind", "127.0.0.1"]
    command += [text for flag, other in zip(flags, others, strict=True) for text in (f"-{flag}", str(other))]
    command += ["-s3.port", str(port), "-s3.config", str(keys), "-s3.port.iceberg", "0", "-s3.port.lance", "0"]
    command += ["-webdav=false", "-admin.ui=false", "-bucket", _BUCKET]
    with program(command, folder / "seaweed.log", clean_environment()):
        wait_until("SeaweedFS answers", lambda: answers(port, "/healthz"))
        time.sleep(_SETTLE_S)
        place = {"bucket": _BUCKET, "region": "us-east-1", "regionendpoint": f"http://127.0.0.1:{port}"}
        yield place | {"forcepathstyle": True, "accesskey": _KEYS["accessKey"], "secretkey": _KEYS["secretKey"]}

"""What a registry says of a push just now."""

import json
import time


def an_envelope(identity: str, digest: str, tag: str = "stable") -> bytes:
    now = time.time_ns()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now // 10**9)) + f".{now % 10**9:09d}Z"
    target = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": digest,
        "size": 500,
        "repository": "shop/web",
        "tag": tag,
    }
    event = {
        "id": identity,
        "timestamp": stamp,
        "action": "push",
        "target": target,
        "request": {"id": "r", "method": "PUT", "useragent": "test"},
        "actor": {"name": "alice"},
        "source": {},
    }
    return json.dumps({"events": [event]}).encode()


def digest(number: int) -> str:
    return f"sha256:{number:064x}"

"""Requests as a registry sends them, made before the clock runs. Every event is told once, every tag by one client."""

import json
import time
from collections.abc import Iterator

from app.domain.times import rfc3339_nano

REPOSITORIES = 2
TAGS = 10
"""A client moves the tags of its own repositories in turn, as a registry's events come: in the order of their time."""

_EVENT = {
    "id": "%(id)s",
    "timestamp": "%(time)s",
    "action": "push",
    "target": {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": "sha256:%(digest)s",
        "size": 1157,
        "length": 1157,
        "repository": "%(repository)s",
        "url": "https://registry.shop.example:5000/v2/%(repository)s/manifests/sha256:%(digest)s",
        "tag": "%(tag)s",
    },
    "request": {
        "id": "7c51e76e-9bbf-46e9-8235-b35942487cee",
        "addr": "10.20.0.7:51734",
        "host": "registry.shop.example:5000",
        "method": "PUT",
        "useragent": "containerd/2.1.3",
    },
    "actor": {"name": "ci"},
    "source": {"addr": "registry-7d9f4c:5000", "instanceID": "5f0a7f6e-3c0b-4d8e-9a55-0d6a1c2b7e10"},
}
_TEMPLATE = json.dumps(_EVENT, indent=3)


def event_id(run: str, client: int, number: int) -> str:
    return f"{run}-{client}-{number}"


def requests(run: str, client: int, each: int, path: str, bearer: str) -> Iterator[bytes]:
    """HTTP requests of `each` events: request r tells the events r*each … r*each+each-1 of `client` in `run`."""
    number, first_ns = 0, time.time_ns()
    while True:
        events = [_event(run, client, ordinal, first_ns + ordinal) for ordinal in range(number, number + each)]
        number += each
        body = f'{{"events": [{", ".join(events)}]}}'.encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {bearer}\r\n"
            "Content-Type: application/vnd.docker.distribution.events.v2+json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        yield head.encode() + body


def _event(run: str, client: int, number: int, time_ns: int) -> str:
    repository = f"team-{client}/app-{number % REPOSITORIES}"
    return _TEMPLATE % {
        "id": event_id(run, client, number),
        "time": rfc3339_nano(time_ns),
        "digest": f"{hash((run, client, number)) % 2**64:016x}{number:048x}",
        "repository": repository,
        "tag": f"v{number // REPOSITORIES % TAGS}",
    }

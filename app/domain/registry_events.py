"""The events of our own registry, as distribution words them (its notifications package), without its lies.

An actor only when authenticated, the peer's own address, no event for what was not served or stored (decision 15).
"""

import uuid
from dataclasses import dataclass
from typing import Any

from app.domain.digests import Descriptor, Digest
from app.domain.times import rfc3339_nano


@dataclass(frozen=True, slots=True)
class Cause:
    """The request behind an event, and the node that served it. `base_url` is the registry as the client sees it.

    `actor`: who has shown who it is.
    """

    request_id: str
    addr: str
    host: str
    method: str
    user_agent: str
    base_url: str
    node: str
    instance: str
    actor: str | None = None


@dataclass(frozen=True, slots=True)
class Happening:
    """What happened: `kind` is manifest, blob, tag or repository; the delete of the last has no descriptor.

    `before`: where the tag of a push pointed. `tags`: those that a delete takes with it.
    """

    action: str
    kind: str
    repository: str
    descriptor: Descriptor | None
    tag: str | None
    from_repository: str | None
    references: tuple[Descriptor, ...]
    before: Digest | None = None
    tags: tuple[str, ...] = ()


def event(happening: Happening, cause: Cause, time_ns: int) -> dict[str, Any]:
    """The event in the order of distribution's fields. Its id is a UUID that sorts by time, as v3 makes them."""
    request = {"id": cause.request_id, "addr": cause.addr, "host": cause.host}
    return {
        "id": str(uuid7(time_ns)),
        "timestamp": rfc3339_nano(time_ns),
        "action": happening.action,
        "target": _target(happening, cause.base_url),
        "request": {name: value for name, value in request.items() if value or name == "id"}
        | {"method": cause.method, "useragent": cause.user_agent},
        "actor": {"name": cause.actor} if cause.actor else {},
        "source": {"addr": cause.node, "instanceID": cause.instance},
    }


def _target(happening: Happening, base_url: str) -> dict[str, Any]:
    descriptor, deleted = happening.descriptor, happening.action == "delete"
    target: dict[str, Any] = _described(None if deleted else descriptor)
    if target["size"]:
        target["length"] = target["size"]
    if descriptor and deleted and happening.kind != "tag":
        target["digest"] = str(descriptor.digest)
    target["repository"] = happening.repository
    if happening.from_repository:
        target["fromRepository"] = happening.from_repository
    if descriptor and not deleted:
        part = "manifests" if happening.kind == "manifest" else "blobs"
        target["url"] = f"{base_url}/v2/{happening.repository}/{part}/{descriptor.digest}"
    if happening.tag:
        target["tag"] = happening.tag
    if happening.references:
        target["references"] = [_reference(one) for one in happening.references]
    return target


def _described(descriptor: Descriptor | None) -> dict[str, Any]:
    return {
        "mediaType": descriptor.media_type if descriptor else "",
        "digest": str(descriptor.digest) if descriptor else "",
        "size": descriptor.size if descriptor else 0,
    }


def extra(happening: Happening) -> dict[str, Any]:
    """What distribution's event lacks: where a tag pointed before, what exactly was deleted."""
    if happening.action == "delete":
        told = {name: value for name, value in _described(happening.descriptor).items() if value}
        return told | ({"tags": list(happening.tags)} if happening.kind in ("manifest", "repository") else {})
    if happening.action == "push" and happening.tag:
        return {"before": str(happening.before) if happening.before else None}
    return {}


def _reference(descriptor: Descriptor) -> dict[str, Any]:
    return {
        "mediaType": descriptor.media_type,
        "digest": str(descriptor.digest),
        "size": descriptor.size,
        **descriptor.extra,
    }


def uuid7(time_ns: int) -> uuid.UUID:
    """RFC 9562 version 7: milliseconds first, then random bits."""
    random = uuid.uuid4().int
    value = (time_ns // 1_000_000) << 80 | (random & ((1 << 76) - 1))
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=value)

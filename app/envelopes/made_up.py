"""Made-up events, one of each kind: a push of a tag to a repository that is nobody's, as its sender would tell it.

Only what the kind's dialect looks at, and what `auto` knows it by; the rest of a real body is left out.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.events import MADE_UP
from app.domain.origins import AUTO
from app.domain.times import SECOND_NS, rfc3339
from app.envelopes import distribution
from app.envelopes.reading import Received

_OWNER, _NAME = MADE_UP.split("/")
_ACTOR = "tagtrail-doctor"
_MEDIA_TYPE = "application/vnd.oci.image.manifest.v1+json"
_CHINA_NS = 8 * 3600 * SECOND_NS


@dataclass(frozen=True, slots=True)
class Ping:
    """What is told: `tag` now points to `digest`. `id` names the event, for kinds that have ids."""

    id: str
    tag: str
    digest: str
    host: str
    time_ns: int

    @property
    def second(self) -> str:
        return rfc3339(self.time_ns, 0)


def made_up(kind: str, ping: Ping) -> Received:
    """What a sender of `kind` (of KINDS) would send. Its headers have the names that its dialect looks for."""
    if kind in ("distribution", AUTO):
        return Received(distribution.dump([_distribution(ping)]), {"content-type": distribution.MEDIA_TYPE})
    headers = _HEADERS[kind](ping) if kind in _HEADERS else {}
    return Received(json.dumps(_BODIES[kind](ping)).encode(), {"content-type": "application/json", **headers})


def _distribution(ping: Ping) -> dict[str, Any]:
    return {
        "id": ping.id,
        "timestamp": distribution.timestamp(ping.time_ns),
        "action": "push",
        "target": {"mediaType": _MEDIA_TYPE, "digest": ping.digest, "repository": MADE_UP, "tag": ping.tag},
        "request": {"host": ping.host, "method": "PUT"},
        "actor": {"name": _ACTOR},
        "source": {},
    }


def _acr(ping: Ping) -> dict[str, Any]:
    return {
        "id": ping.id,
        "timestamp": rfc3339(ping.time_ns),
        "action": "push",
        "target": {"mediaType": _MEDIA_TYPE, "digest": ping.digest, "repository": MADE_UP, "tag": ping.tag},
        "request": {"host": ping.host, "method": "PUT"},
    }


def _aliyun(ping: Ping) -> dict[str, Any]:
    pushed_at = rfc3339(ping.time_ns + _CHINA_NS, 0).rstrip("Z").replace("T", " ")
    return {
        "push_data": {"digest": ping.digest, "tag": ping.tag, "pushed_at": pushed_at},
        "repository": {"repo_full_name": MADE_UP, "region": "cn-hangzhou"},
    }


def _angos(ping: Ping) -> dict[str, Any]:
    return {
        "id": ping.id,
        "timestamp": rfc3339(ping.time_ns, 6),
        "kind": "tag.create",
        "namespace": MADE_UP,
        "digest": ping.digest,
        "reference": ping.tag,
        "tag": ping.tag,
        "actor": {"username": _ACTOR},
    }


def _dockerhub(ping: Ping) -> dict[str, Any]:
    return {
        "callback_url": "",
        "push_data": {"pushed_at": ping.time_ns // SECOND_NS, "pusher": _ACTOR, "tag": ping.tag},
        "repository": {"repo_name": MADE_UP},
    }


def _ecr(ping: Ping) -> dict[str, Any]:
    return {
        "id": ping.id,
        "detail-type": "ECR Image Action",
        "source": "aws.ecr",
        "account": "000000000000",
        "time": ping.second,
        "region": "us-east-1",
        "detail": {
            "result": "SUCCESS",
            "repository-name": MADE_UP,
            "image-digest": ping.digest,
            "action-type": "PUSH",
            "image-tag": ping.tag,
        },
    }


def _gar(ping: Ping) -> dict[str, Any]:
    place = f"{ping.host}/{MADE_UP}"
    event = {"action": "INSERT", "digest": f"{place}@{ping.digest}", "tag": f"{place}:{ping.tag}"}
    data = b64encode(json.dumps(event).encode()).decode()
    return {"message": {"data": data, "messageId": ping.id, "publishTime": rfc3339(ping.time_ns, 3)}}


def _ghcr(ping: Ping) -> dict[str, Any]:
    container = {
        "tag": {"name": ping.tag, "digest": ping.digest},
        "manifest": {"digest": ping.digest, "media_type": _MEDIA_TYPE},
    }
    version = {
        "version": ping.digest,
        "updated_at": ping.second,
        "container_metadata": container,
        "package_url": f"ghcr.io/{MADE_UP}:{ping.tag}",
    }
    package = {"name": _NAME, "namespace": _OWNER, "package_type": "CONTAINER", "package_version": version}
    return {"action": "published", "package": package, "sender": {"login": _ACTOR}}


def _gitea(ping: Ping) -> dict[str, Any]:
    package = {
        "owner": {"login": _OWNER},
        "creator": {"login": _ACTOR},
        "type": "container",
        "name": _NAME,
        "version": ping.tag,
        "html_url": f"https://{ping.host}/{_OWNER}/-/packages/container/{_NAME}/{ping.tag}",
        "created_at": ping.second,
    }
    return {"action": "created", "package": package, "sender": {"login": _ACTOR}}


def _harbor(ping: Ping) -> dict[str, Any]:
    resource = {"digest": ping.digest, "tag": ping.tag, "resource_url": f"{ping.host}/{MADE_UP}:{ping.tag}"}
    repository = {"name": _NAME, "namespace": _OWNER, "repo_full_name": MADE_UP}
    return {
        "type": "PUSH_ARTIFACT",
        "occur_at": ping.time_ns // SECOND_NS,
        "operator": _ACTOR,
        "event_data": {"resources": [resource], "repository": repository},
    }


def _jfrog(ping: Ping) -> dict[str, Any]:
    return {
        "domain": "docker",
        "event_type": "pushed",
        "data": {
            "repo_key": _OWNER,
            "image_name": _NAME,
            "name": "manifest.json",
            "sha256": ping.digest.removeprefix("sha256:"),
            "tag": ping.tag,
        },
        "jpd_origin": f"https://{ping.host}",
        "source": f"jfrog/{_ACTOR}",
    }


def _msr(ping: Ping) -> dict[str, Any]:
    contents = {
        "namespace": _OWNER,
        "repository": _NAME,
        "tag": ping.tag,
        "digest": ping.digest,
        "imageName": f"{ping.host}/{MADE_UP}:{ping.tag}",
        "author": _ACTOR,
        "pushedAt": ping.second,
    }
    return {"type": "TAG_PUSH", "createdAt": rfc3339(ping.time_ns), "contents": contents}


def _nexus(ping: Ping) -> dict[str, Any]:
    return {
        "timestamp": rfc3339(ping.time_ns, 3).replace("Z", "+0000"),
        "nodeId": _ACTOR,
        "initiator": f"{_ACTOR}/127.0.0.1",
        "repositoryName": _OWNER,
        "action": "CREATED",
        "component": {"format": "docker", "name": MADE_UP, "version": ping.tag},
    }


def _quay(ping: Ping) -> dict[str, Any]:
    place = f"{ping.host}/{MADE_UP}"
    return {
        "name": _NAME,
        "repository": MADE_UP,
        "namespace": _OWNER,
        "docker_url": place,
        "homepage": f"https://{ping.host}/repository/{MADE_UP}",
        "updated_tags": [ping.tag],
    }


def _zot(ping: Ping) -> dict[str, Any]:
    return {
        "name": MADE_UP,
        "reference": ping.tag,
        "digest": ping.digest,
        "mediaType": _MEDIA_TYPE,
        "actor": {"name": _ACTOR},
        "request": {"method": "PUT"},
    }


_BODIES: Mapping[str, Callable[[Ping], dict[str, Any]]] = {
    "acr": _acr,
    "aliyun": _aliyun,
    "angos": _angos,
    "dockerhub": _dockerhub,
    "ecr": _ecr,
    "gar": _gar,
    "ghcr": _ghcr,
    "gitea": _gitea,
    "harbor": _harbor,
    "jfrog": _jfrog,
    "msr": _msr,
    "nexus": _nexus,
    "quay": _quay,
    "zot": _zot,
}
_HEADERS: Mapping[str, Callable[[Ping], Mapping[str, str]]] = {
    "ghcr": lambda ping: {"x-github-event": "package", "x-github-delivery": ping.id},
    "gitea": lambda ping: {"x-gitea-event": "package", "x-gitea-delivery": ping.id},
    "nexus": lambda ping: {"x-nexus-webhook-delivery": ping.id},
    "zot": lambda ping: {
        "ce-specversion": "1.0",
        "ce-id": ping.id,
        "ce-source": "zotregistry.dev",
        "ce-type": "zotregistry.image.updated",
        "ce-time": rfc3339(ping.time_ns),
    },
}

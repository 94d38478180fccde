"""Amazon ECR, as EventBridge tells it, or as a CloudEvent that an input transformer made of that.

Facts of the format: an event names account and region, of which the registry's host is made; nobody is named as actor.
A delete with a tag took that tag, one without took the manifest. `result` may be FAILURE or FAILED. What replication
and the pull-through cache brought is told by the registry that has it now: a push. Scans and the rest keep the words
of their detail-type.
"""

import re
from collections.abc import Iterator

from pydantic import Field

from app.domain.events import Scope
from app.domain.times import parse_rfc3339
from app.envelopes.cloudevents import cloud_event
from app.envelopes.reading import Dialect, Reading, Received
from app.envelopes.wire import FaultError, Said, Wire, checked, one_body
from app.envelopes.words import word

_CACHE = "ECR Pull Through Cache Action"
_DETAIL_TYPES = ("ECR Image Action", "ECR Artifact Action", "ECR Referrer Action", "ECR Replication Action", _CACHE)
"""Those that tell of a manifest, and how it went."""
_CLOUD = "com.amazon.ecr."
_ACTIONS = {"replicate": "push", "cache": "push", "image-push": "push", "image-delete": "delete"}
_RESOURCE = re.compile(r"(?:arn|urn):aws[a-z-]*:ecr:([a-z0-9-]{1,32}):(\d{12}):.*", re.ASCII | re.DOTALL)


class _Detail(Wire):
    action: str | None = Field(None, alias="action-type")
    result: str | None = None
    synced: str | None = Field(None, alias="sync-status")
    repository: str | None = Field(None, alias="repository-name")
    digest: str | None = Field(None, alias="image-digest")
    tag: str | None = Field(None, alias="image-tag")
    tags: tuple[str, ...] = Field((), alias="image-tags")
    media_type: str | None = Field(None, alias="manifest-media-type")


class _Event(Wire):
    type: str = Field(alias="detail-type")
    id: str | None = None
    time: str | None = None
    account: str | None = None
    region: str | None = None
    detail: _Detail


class _Data(Wire):
    repository: str | None = Field(None, alias="repositoryName")
    digest: str | None = Field(None, alias="imageDigest")
    tag: str | None = Field(None, alias="imageTag")
    result: str | None = None


def read(received: Received) -> Reading:
    return one_body(received, _said)


def _said(received: Received, value: object) -> Iterator[Said]:
    if _is_bridged(value):
        yield from _bridged(checked(_Event, value))
    elif _is_cloud_event(value):
        yield _transformed(received, value)
    else:
        raise FaultError("not an event of ECR: neither source aws.ecr nor a type com.amazon.ecr.*")


def _bridged(event: _Event) -> Iterator[Said]:
    detail = event.detail
    tags = detail.tags or (detail.tag,)
    for ordinal, tag in enumerate(tags):
        yield Said(
            action=_action(event),
            repository=detail.repository,
            tag=tag,
            digest=detail.digest,
            deletes=_deletes(tag),
            id=event.id,
            ordinal=ordinal if len(tags) > 1 else None,
            time_ns=parse_rfc3339(event.time) if event.time else None,
            host=_host(event.account, event.region),
            media_type=detail.media_type,
        )


def _action(event: _Event) -> str:
    if event.type not in _DETAIL_TYPES:
        return word(event.type.removeprefix("ECR "))
    detail, cached = event.detail, event.type == _CACHE
    result = detail.synced if cached else detail.result
    if not result:
        raise FaultError("detail: doesn't say how it went")
    return _outcome("cache" if cached else word(detail.action or ""), result)


def _outcome(action: str, result: str) -> str:
    return _ACTIONS.get(action, action) if result == "SUCCESS" else f"{action}-failed"


def _transformed(received: Received, value: object) -> Said:
    event = cloud_event(received, value)
    data = checked(_Data, event.data)
    region, account = _resource(event.source)
    return Said(
        action=_outcome(word(event.type.removeprefix(_CLOUD)), data.result or "SUCCESS"),
        repository=data.repository,
        tag=data.tag,
        digest=data.digest,
        deletes=_deletes(data.tag),
        id=event.id,
        time_ns=event.time_ns,
        host=_host(account, region),
    )


def _deletes(tag: str | None) -> Scope:
    return Scope.TAG if tag else Scope.MANIFEST


def _host(account: str | None, region: str | None) -> str | None:
    """The registry's host; the regions of China are under a domain of their own."""
    if not account or not region:
        return None
    return f"{account}.dkr.ecr.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"


def _resource(source: str | None) -> tuple[str | None, str | None]:
    """Region and account of a resource's name."""
    match = _RESOURCE.fullmatch(source or "")
    return (match[1], match[2]) if match else (None, None)


def _is_bridged(value: object) -> bool:
    return isinstance(value, dict) and value.get("source") == "aws.ecr" and "detail-type" in value


def _is_cloud_event(value: object) -> bool:
    return (
        isinstance(value, dict)
        and "specversion" in value
        and isinstance(value.get("type"), str)
        and value["type"].startswith(_CLOUD)
    )


def _recognises(_: Received, value: object) -> bool:
    return _is_bridged(value) or _is_cloud_event(value)


DIALECT = Dialect(read, _recognises)

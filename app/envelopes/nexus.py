"""Sonatype Nexus Repository's webhooks, of components and of assets.

Facts of the format: the id of a delivery stands in a header, and the signature covers the body alone, which is another
for each event (`timestamp`, to the millisecond); no digest and no host; `repositoryName` is a repository of Nexus,
`component.name` what people pull, `version` its tag. An asset of docker has the path of the registry's API as its
name. A push by tag tells of a component and of an asset; CREATED and UPDATED may both have put something new under the
tag. What is not docker keeps its words.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.domain.digests import is_digest
from app.domain.events import Scope
from app.domain.times import parse_rfc3339
from app.envelopes.reading import Dialect, Reading, Received
from app.envelopes.wire import FaultError, Said, Wire, body_id, checked, one_body
from app.envelopes.words import word

_DELIVERY = "x-nexus-webhook-delivery"
_ACTIONS = {"CREATED": "push", "UPDATED": "push", "DELETED": "delete"}
_PATH = re.compile(r"/?v2/(.+)/manifests/([^/]+)", re.DOTALL)
_DOCKER = "docker"
_KINDS = ("component", "asset", "repository", "audit")


class _Component(Wire):
    format: str | None = None
    name: str | None = None
    version: str | None = None


class _Asset(Wire):
    format: str | None = None
    name: str | None = None


class _Event(Wire):
    timestamp: str | None = None
    nodeId: str | None = None  # noqa: N815 - the wire's own spelling
    initiator: str | None = None
    action: str | None = None
    component: _Component | None = None
    asset: _Asset | None = None


@dataclass(frozen=True, slots=True)
class _Target:
    """`reference`: a tag or a digest."""

    repository: str
    reference: str


def read(received: Received) -> Reading:
    return one_body(received, _said)


def _said(received: Received, value: object) -> Iterator[Said]:
    if not isinstance(value, dict) or not _recognises(received, value):
        raise FaultError("not an event of Nexus: no nodeId and initiator, with component, asset, repository or audit")
    event = checked(_Event, value)
    target = _target(event)
    own = word(f"{next(kind for kind in _KINDS if kind in value)}-{event.action or 'told'}")
    by_digest = target is not None and is_digest(target.reference)
    user, _, address = (event.initiator or "").rpartition("/")
    yield Said(
        action=_ACTIONS.get(event.action or "", own) if target else own,
        repository=target.repository if target else None,
        tag=target.reference if target and not by_digest else None,
        digest=target.reference if target and by_digest else None,
        deletes=Scope.MANIFEST if by_digest else Scope.TAG,
        id=body_id(received),
        request_id=received.header(_DELIVERY),
        time_ns=parse_rfc3339(event.timestamp) if event.timestamp else None,
        actor=user or address,
        request_addr=address if user else None,
        source_instance=event.nodeId,
    )


def _target(event: _Event) -> _Target | None:
    """What the event is about, where that is a manifest: a blob of docker is in no repository (`v2/-/blobs/…`)."""
    component, asset = event.component, event.asset
    if component and component.format == _DOCKER and component.name and component.version:
        return _Target(component.name, component.version)
    path = _PATH.fullmatch(asset.name or "") if asset and asset.format == _DOCKER else None
    return _Target(path[1], path[2]) if path else None


def _recognises(_: Received, value: object) -> bool:
    if not isinstance(value, dict) or "nodeId" not in value or "initiator" not in value:
        return False
    return any(isinstance(value.get(kind), dict) for kind in _KINDS)


DIALECT = Dialect(read, _recognises, (_DELIVERY,))

"""Harbor's webhooks, in its default format and as CloudEvents (structured).

Facts of the format: times of whole seconds; an id only as CloudEvents; a deleted artifact takes all its tags with it,
and names at most one of them; the delete of a tag alone is not told at all. Where there is no tag, `tag` repeats the
digest: after a push by digest, by a robot, in a proxy cache. `operator` may be a job (`harbor-jobservice`), a trigger
(`MANUAL`), a robot (`robot$…`), or empty.
"""

from collections.abc import Sequence
from dataclasses import replace

from app.domain.events import Scope
from app.domain.times import from_unix
from app.envelopes.batches import numbered
from app.envelopes.cloudevents import cloud_event, type_of
from app.envelopes.reading import Dialect, Reading, Received
from app.envelopes.references import host_and_repository, tag_or_digest
from app.envelopes.wire import FaultError, Said, Wire, checked, one_body
from app.envelopes.words import word

_PREFIX = "harbor."
_ACTIONS = {
    "PUSH_ARTIFACT": "push",
    "PULL_ARTIFACT": "pull",
    "DELETE_ARTIFACT": "delete",
    "pushImage": "push",
    "pullImage": "pull",
    "deleteImage": "delete",
    "artifact.pushed": "push",
    "artifact.pulled": "pull",
    "artifact.deleted": "delete",
    "QUOTA_EXCEED": "quota-exceeded",
    "QUOTA_WARNING": "quota-warned",
    "REPLICATION": "replication-status-changed",
    "SCANNING_COMPLETED": "scan-completed",
    "SCANNING_FAILED": "scan-failed",
    "SCANNING_STOPPED": "scan-stopped",
    "TAG_RETENTION": "tag-retention-finished",
}
"""Where the two formats differ; what is not here is told by its own word."""
_DELETES = {"deleteImage": Scope.TAG}
"""Harbor 1 deleted the tag that it names; its successors an artifact."""


class _Resource(Wire):
    digest: str | None = None
    tag: str | None = None
    resource_url: str | None = None


class _Repository(Wire):
    name: str | None = None
    namespace: str | None = None
    repo_full_name: str | None = None


class _Deleted(Wire):
    name_tag: str


class _Retention(Wire):
    harbor_hostname: str | None = None
    project_name: str
    deleted_artifact: list[_Deleted] | None = None


class _Replication(Wire):
    harbor_hostname: str | None = None


class _Data(Wire):
    resources: list[_Resource] | None = None
    repository: _Repository | None = None
    replication: _Replication | None = None
    retention: _Retention | None = None


class _Default(Wire):
    type: str
    occur_at: object = None
    operator: str | None = None
    event_data: _Data


class _Extensions(Wire):
    operator: str | None = None
    requestid: str | None = None


def read(received: Received) -> Reading:
    return one_body(received, _said)


def _said(received: Received, value: object) -> Sequence[Said]:
    if _is_cloud_event(received, value):
        event, extensions = cloud_event(received, value), checked(_Extensions, value)
        common = Said(
            action=event.type.removeprefix(_PREFIX),
            id=event.id,
            time_ns=event.time_ns,
            actor=extensions.operator,
            request_id=extensions.requestid,
        )
        return numbered(_told(common, checked(_Data, event.data)))
    if not _is_default(value):
        raise FaultError("not an event of Harbor: neither event_data nor a type that begins with harbor.")
    default = checked(_Default, value)
    common = Said(action=default.type, time_ns=from_unix(default.occur_at), actor=default.operator)
    return numbered(_told(common, default.event_data))


def _told(common: Said, data: _Data) -> Sequence[Said]:
    """All of `data`, beside what its events have in common; `common.action` is Harbor's word."""
    deletes = _DELETES.get(common.action, Scope.MANIFEST)
    said = replace(common, action=_ACTIONS.get(common.action) or word(common.action), deletes=deletes)
    if data.retention:
        return _retained(said, data.retention)
    if data.replication:
        return [replace(said, host=data.replication.harbor_hostname)]
    repository = _full_name(data.repository) if data.repository else None
    resources = data.resources or [_Resource()]
    return [_resource(replace(said, repository=repository), resource) for resource in resources]


def _full_name(repository: _Repository) -> str | None:
    parts = (repository.namespace, repository.name)
    return repository.repo_full_name or "/".join(part for part in parts if part) or None


def _resource(said: Said, resource: _Resource) -> Said:
    host, _ = host_and_repository(resource.resource_url)
    tag, digest = tag_or_digest(resource.tag)
    if digest and resource.digest and digest != resource.digest:
        tag = digest  # contradicts itself: flagged, and never a delete
    return replace(said, tag=tag, digest=resource.digest or digest, host=host)


def _retained(said: Said, retention: _Retention) -> Sequence[Said]:
    """One event for each artifact that retention deleted; what that does to tags is told by DELETE_ARTIFACT."""
    said = replace(said, host=retention.harbor_hostname)
    deleted = [(retention.project_name, one.name_tag) for one in retention.deleted_artifact or ()]
    return [_gone(said, project, name) for project, name in deleted] or [said]


def _gone(said: Said, project: str, name: str) -> Said:
    named, _, digest = name.partition("@")
    repository, _, tag = named.partition(":")
    return replace(said, repository=f"{project}/{repository}", tag=tag, digest=digest)


def _is_cloud_event(received: Received, value: object) -> bool:
    return type_of(received, value).startswith(_PREFIX)


def _is_default(value: object) -> bool:
    return isinstance(value, dict) and {"type", "occur_at", "event_data"} <= value.keys()


def _recognises(received: Received, value: object) -> bool:
    return _is_cloud_event(received, value) or _is_default(value)


DIALECT = Dialect(read, _recognises)

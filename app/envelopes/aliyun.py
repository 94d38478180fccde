"""Alibaba Cloud's Container Registry (Aliyun ACR): the triggers of a repository.

Facts of the format: pushes only; no id and nobody is named. The host is made of the region; instances of
one's own have another. `pushed_at` names no zone, nor does the documentation ("Manage triggers"): it is taken as
China's (UTC+8), which the registry's events in Alibaba's EventBridge have.
"""

from collections.abc import Iterator

from app.domain.times import parse_rfc3339
from app.envelopes.reading import Dialect, Reading, Received
from app.envelopes.wire import FaultError, Said, Wire, checked, one_body

_ZONE = "+08:00"


class _Push(Wire):
    digest: str
    tag: str | None = None
    pushed_at: str | None = None


class _Repository(Wire):
    repo_full_name: str
    region: str | None = None


class _Event(Wire):
    push_data: _Push
    repository: _Repository


def read(received: Received) -> Reading:
    return one_body(received, _said)


def _said(received: Received, value: object) -> Iterator[Said]:
    if not _recognises(received, value):
        raise FaultError("not an event of Aliyun: no push_data.digest and repository.region")
    event = checked(_Event, value)
    push, repository = event.push_data, event.repository
    yield Said(
        action="push",
        repository=repository.repo_full_name,
        tag=push.tag,
        digest=push.digest,
        time_ns=_moment(push.pushed_at),
        host=f"registry.{repository.region}.aliyuncs.com" if repository.region else None,
    )


def _moment(text: str | None) -> int | None:
    """Nanoseconds; None where there is no moment. A zone that is said counts."""
    if not text:
        return None
    zoned = parse_rfc3339(text + _ZONE)
    return parse_rfc3339(text) if zoned is None else zoned


def _recognises(_: Received, value: object) -> bool:
    if not isinstance(value, dict):
        return False
    push, repository = value.get("push_data"), value.get("repository")
    return isinstance(push, dict) and "digest" in push and isinstance(repository, dict) and "region" in repository


DIALECT = Dialect(read, _recognises)

"""Quay's webhooks: one body for all tags of a push.

Facts of the format: neither digest, nor actor, nor time, nor id; `updated_tags` is a list, once a map from tags to the
ids of layers. Bodies of all kinds are alike but for the fields that one kind adds; none says which kind it is.
"""

from collections.abc import Sequence

from app.envelopes.batches import numbered
from app.envelopes.reading import Dialect, Reading, Received
from app.envelopes.references import host_and_repository
from app.envelopes.wire import FaultError, Said, Wire, checked, one_body

_KINDS = {
    "build_id": "build",
    "vulnerability": "vulnerability-found",
    "vulnerabilities": "vulnerability-found",
    "expiring_in": "expiry",
    "message": "mirror-sync",
}
"""The field that only this kind has, and our word for it."""


class _Push(Wire):
    repository: str
    docker_url: str | None = None
    updated_tags: list[str] | dict[str, object] | None = None


def read(received: Received) -> Reading:
    return one_body(received, _said)


def _said(received: Received, value: object) -> Sequence[Said]:
    push = checked(_Push, value)
    host, _path = host_and_repository(push.docker_url)
    if push.updated_tags is None:
        if not _recognises(received, value):
            raise FaultError("not an event of Quay: neither updated_tags nor docker_url and homepage")
        fields = value if isinstance(value, dict) else {}
        kind = next((word for field, word in _KINDS.items() if field in fields), "other")
        return [Said(action=kind, repository=push.repository, host=host)]
    tags: list[str | None] = [*push.updated_tags] or [None]
    return numbered([Said(action="push", repository=push.repository, tag=tag, host=host) for tag in tags])


def _recognises(_: Received, value: object) -> bool:
    return isinstance(value, dict) and {"repository", "namespace", "docker_url", "homepage"} <= value.keys()


DIALECT = Dialect(read, _recognises)

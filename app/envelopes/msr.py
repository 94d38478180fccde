"""Mirantis Secure Registry's webhooks, formerly Docker Trusted Registry's.

Facts of the format: no id; what happened stands in `type`, to what in `contents`, whose fields depend on it; the delete
of a tag names the digest that it had; `imageName` begins with the host, though not in every version.
"""

from collections.abc import Sequence

from app.domain.events import Scope
from app.domain.times import parse_rfc3339
from app.envelopes.reading import Dialect, Reading, Received
from app.envelopes.wire import Said, Wire, checked, one_body
from app.envelopes.words import word

_KINDS = {
    "TAG_PUSH": ("push", None),
    "MANIFEST_PUSH": ("push", None),
    "TAG_PULL": ("pull", None),
    "MANIFEST_PULL": ("pull", None),
    "TAG_DELETE": ("delete", Scope.TAG),
    "MANIFEST_DELETE": ("delete", Scope.MANIFEST),
    "REPO_DELETED": ("delete", Scope.REPOSITORY),
}


class _Contents(Wire):
    namespace: str | None = None
    repository: str | None = None
    tag: str | None = None
    digest: str | None = None
    imageName: str | None = None  # noqa: N815 - the wire's own spelling
    author: str | None = None
    pushedAt: str | None = None  # noqa: N815 - the wire's own spelling
    deletedAt: str | None = None  # noqa: N815 - the wire's own spelling
    event: str | None = None


class _Hook(Wire):
    type: str
    createdAt: str | None = None  # noqa: N815 - the wire's own spelling
    contents: _Contents


def read(received: Received) -> Reading:
    return one_body(received, _said)


def _said(_: Received, value: object) -> Sequence[Said]:
    hook = checked(_Hook, value)
    contents = hook.contents
    kind = (contents.event or hook.type) if hook.type == "REPO_EVENT" else hook.type
    action, deletes = _KINDS.get(kind, (word(kind), None))
    moment = contents.pushedAt or contents.deletedAt or hook.createdAt
    repository = _repository(contents)
    return [
        Said(
            action=action,
            repository=repository,
            tag=contents.tag,
            digest=contents.digest,
            deletes=deletes,
            time_ns=parse_rfc3339(moment or ""),
            host=_host(contents.imageName or "", repository),
            actor=contents.author,
        )
    ]


def _repository(contents: _Contents) -> str | None:
    if not contents.namespace or not contents.repository:
        return None
    return f"{contents.namespace}/{contents.repository}"


def _host(name: str, repository: str | None) -> str | None:
    """What stands before the repository in the name of its content, if anything does."""
    return name.partition(f"/{repository}")[0] if f"/{repository}" in name else None


def _recognises(_: Received, value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("contents"), dict) and {"type", "createdAt"} <= value.keys()


DIALECT = Dialect(read, _recognises)

"""Gitea's and Forgejo's webhook `package`, for their container registry.

Facts of the format: the id of a delivery stands in a header, as does the event's name, and the signature covers the
body alone, which is another for each event (`package.id`, `created_at`); a version is a tag or a digest,
so a push by tag has no digest; `created_at` is when the version was made, which says nothing of when it was deleted.
"""

from collections.abc import Sequence
from dataclasses import replace

from app.domain.events import Scope
from app.domain.times import parse_rfc3339
from app.envelopes.reading import Dialect, Reading, Received
from app.envelopes.references import tag_or_digest
from app.envelopes.wire import FaultError, Said, Wire, body_id, checked, one_body
from app.envelopes.words import host_of, word

_EVENT, _DELIVERY = "x-gitea-event", "x-gitea-delivery"
_ACTIONS = {"created": "push", "deleted": "delete"}


class _User(Wire):
    login: str | None = None


class _Package(Wire):
    owner: _User | None = None
    type: str
    name: str | None = None
    version: str | None = None
    html_url: str | None = None
    created_at: str | None = None


class _Hook(Wire):
    action: str | None = None
    package: _Package | None = None
    sender: _User | None = None


def read(received: Received) -> Reading:
    return one_body(received, _said)


def _said(received: Received, value: object) -> Sequence[Said]:
    if not _recognises(received, value):
        raise FaultError("not an event of Gitea: no header X-Gitea-Event, no package")
    hook = checked(_Hook, value)
    package = hook.package
    common = Said(
        action=_word(received.header(_EVENT), hook),
        id=body_id(received),
        request_id=received.header(_DELIVERY),
        host=host_of(package.html_url) if package else None,
        actor=hook.sender.login if hook.sender else None,
    )
    return [_content(common, package) if package and package.type == "container" else common]


def _word(event: str | None, hook: _Hook) -> str:
    if hook.package is None:
        return word(f"gitea-{event}")
    if hook.package.type != "container":
        return word(f"{hook.package.type}-package-{hook.action or ''}")
    return _ACTIONS.get(hook.action or "") or word(f"package-{hook.action or ''}")


def _content(said: Said, package: _Package) -> Said:
    tag, digest = tag_or_digest(package.version)
    owner = package.owner.login if package.owner else None
    return replace(
        said,
        repository=f"{owner}/{package.name}".lower() if owner and package.name else None,
        tag=tag,
        digest=digest,
        deletes=Scope.TAG if tag else Scope.MANIFEST,
        time_ns=parse_rfc3339(package.created_at or "") if said.action == "push" else None,
    )


def _recognises(received: Received, value: object) -> bool:
    if not isinstance(value, dict):
        return False
    package = value.get("package")
    told = isinstance(package, dict) and {"type", "version", "creator"} <= package.keys()
    return told or received.header(_EVENT) is not None


DIALECT = Dialect(read, _recognises, (_DELIVERY, _EVENT))

"""GitHub's webhooks `package` and `registry_package`, for the container registry, ghcr.io.

Facts of the format: the id of a delivery stands in a header, as does the event's name, and the signature covers the
body alone, which is another for each event (`updated_at` of the version and the package); a time may be that of year 1;
the children of an index are told without a tag (`""`); names keep their capitals, which the registry doesn't; deletes
are not told. GitHub's old registry for Docker had no container_metadata, and the tag as version.
"""

from collections.abc import Sequence
from dataclasses import replace

from app.domain.times import parse_rfc3339
from app.envelopes.reading import Dialect, Reading, Received
from app.envelopes.references import host_and_repository, tag_or_digest
from app.envelopes.wire import FaultError, Said, Wire, body_id, checked, one_body
from app.envelopes.words import word

_EVENT, _DELIVERY = "x-github-event", "x-github-delivery"
_GITEA = "x-gitea-event"
"""Gitea and Forgejo send GitHub's headers too, beside this one."""
_HOST = "ghcr.io"
_PUSHES = ("published", "updated", "create")
_CONTAINERS = ("container", "docker")


class _User(Wire):
    login: str | None = None


class _Tag(Wire):
    name: str | None = None
    digest: str | None = None


class _Manifest(Wire):
    digest: str | None = None
    media_type: str | None = None
    size: int | None = None


class _Container(Wire):
    tag: _Tag | None = None
    manifest: _Manifest | None = None


class _Version(Wire):
    version: str | None = None
    name: str | None = None
    updated_at: str | None = None
    container_metadata: _Container | None = None
    package_url: str | None = None


class _Package(Wire):
    name: str | None = None
    namespace: str | None = None
    owner: _User | None = None
    ecosystem: str | None = None
    package_type: str | None = None
    package_version: _Version | None = None


class _Hook(Wire):
    zen: str | None = None
    action: str | None = None
    package: _Package | None = None
    registry_package: _Package | None = None
    sender: _User | None = None


def read(received: Received) -> Reading:
    return one_body(received, _said)


def _said(received: Received, value: object) -> Sequence[Said]:
    if not _recognises(received, value):
        raise FaultError("not an event of GitHub: no header X-GitHub-Event, no package")
    hook = checked(_Hook, value)
    package = hook.package or hook.registry_package
    common = Said(
        action=_word(received.header(_EVENT), hook, package),
        id=body_id(received),
        request_id=received.header(_DELIVERY),
        actor=hook.sender.login if hook.sender else None,
    )
    return [_content(common, package) if package and _is_container(package) else common]


def _word(event: str | None, hook: _Hook, package: _Package | None) -> str:
    if package is None:
        return "ping" if hook.zen or event == "ping" else word(f"github-{event}")
    if not _is_container(package):
        return word(f"{package.package_type or package.ecosystem or ''}-package-{hook.action or ''}")
    return "push" if hook.action in _PUSHES else word(f"package-{hook.action or ''}")


def _is_container(package: _Package) -> bool:
    kinds = {(kind or "").lower() for kind in (package.package_type, package.ecosystem)}
    version = package.package_version or _Version()
    return not kinds.isdisjoint(_CONTAINERS) or version.container_metadata is not None


def _content(said: Said, package: _Package) -> Said:
    version = package.package_version or _Version()
    host, repository = host_and_repository(version.package_url)
    manifest = (version.container_metadata or _Container()).manifest or _Manifest()
    tag, digest = _tag_and_digest(version)
    return replace(
        said,
        repository=(repository or _full_name(package)).lower(),
        tag=tag,
        digest=digest or manifest.digest,
        time_ns=parse_rfc3339(version.updated_at or ""),
        host=host or _HOST,
        media_type=manifest.media_type,
        size=manifest.size,
    )


def _tag_and_digest(version: _Version) -> tuple[str | None, str | None]:
    tag, digest = tag_or_digest(version.version or version.name)
    if version.container_metadata is None:
        return tag, digest
    told = version.container_metadata.tag or _Tag()
    return told.name, told.digest or digest


def _full_name(package: _Package) -> str:
    owner = package.namespace or (package.owner.login if package.owner else None)
    return f"{owner}/{package.name}" if owner and package.name else ""


def _recognises(received: Received, value: object) -> bool:
    if not isinstance(value, dict) or received.header(_GITEA):
        return False
    packages = [value.get(name) for name in ("package", "registry_package")]
    told = any(isinstance(package, dict) and "package_version" in package for package in packages)
    return told or received.header(_EVENT) is not None or {"zen", "hook_id"} <= value.keys()


DIALECT = Dialect(read, _recognises, (_DELIVERY, _EVENT, _GITEA))

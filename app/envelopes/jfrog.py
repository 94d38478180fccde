"""JFrog Artifactory's predefined webhooks: in an envelope, or bare as its older versions send them.

Facts of the format: neither id nor time; the host is that of `jpd_origin`, and people pull HOST/REPO_KEY/NAME. The
domain docker tells of files: `sha256` is a manifest's digest only where the file is a manifest, and only its push moves
the tag; the delete of a layer (`sha256__…`) takes none. Events of other domains keep their words.
"""

from collections.abc import Iterator

from app.domain.events import Scope
from app.envelopes.reading import Dialect, Reading, Received
from app.envelopes.wire import FaultError, Said, Wire, checked, one_body
from app.envelopes.words import host_of, word

_ACTIONS = {"pushed": "push", "deleted": "delete"}
_MANIFESTS = ("manifest.json", "list.manifest.json")
_LAYER = "sha256__"


class _Data(Wire):
    repo_key: str
    image_name: str
    name: str | None = None
    sha256: str | None = None
    size: int | None = None
    tag: str | None = None


class _Envelope(Wire):
    domain: str = "docker"
    event_type: str
    data: object
    jpd_origin: str | None = None
    source: str | None = None


def read(received: Received) -> Reading:
    return one_body(received, _said)


def _said(received: Received, value: object) -> Iterator[Said]:
    if not isinstance(value, dict) or not _recognises(received, value):
        raise FaultError("not an event of JFrog: neither domain, event_type and data, nor repo_key and image_name")
    envelope = checked(_Envelope, value if "data" in value else {**value, "data": value})
    yield _docker(envelope) if envelope.domain == "docker" else _other(envelope)


def _docker(envelope: _Envelope) -> Said:
    data = checked(_Data, envelope.data)
    action = _ACTIONS.get(envelope.event_type) or word(envelope.event_type)
    is_manifest, name = data.name in _MANIFESTS, data.name or ""
    tag = data.tag if is_manifest or (action != "push" and not name.startswith(_LAYER)) else None
    return Said(
        action=action,
        repository=f"{data.repo_key}/{data.image_name}",
        tag=tag,
        digest=f"sha256:{data.sha256}" if is_manifest and data.sha256 else None,
        deletes=Scope.TAG if tag else Scope.MANIFEST,
        host=host_of(envelope.jpd_origin),
        size=data.size if is_manifest else None,
        actor=_actor(envelope),
    )


def _other(envelope: _Envelope) -> Said:
    action = word(f"{envelope.domain}-{envelope.event_type}")
    return Said(action=action, host=host_of(envelope.jpd_origin), actor=_actor(envelope))


def _actor(envelope: _Envelope) -> str | None:
    return (envelope.source or "").removeprefix("jfrog/") or None


def _recognises(_: Received, value: object) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("event_type"), str):
        return False
    wrapped = isinstance(value.get("domain"), str) and isinstance(value.get("data"), dict)
    return wrapped or ("data" not in value and "repo_key" in value and "image_name" in value)


DIALECT = Dialect(read, _recognises)

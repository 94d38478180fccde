"""What the senders of a made history tell: the bytes of each event, and what its dialect reads in them.

Reading ten million bodies would take longer than all the rest; a test says that `report` is what `parse` gives.
"""

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any, NamedTuple

from app.domain.events import Event, Report, Scope
from app.domain.origins import Origin
from app.domain.times import SECOND_NS, rfc3339
from app.envelopes.distribution import dump
from app.envelopes.slices import members

ORIGINS = {
    origin.name: origin
    for origin in (
        Origin("prod", "distribution", ("registry.shop.example:5000",)),
        Origin("edge", "distribution", ("edge.shop.example",)),
        Origin("local", "distribution", ("own.shop.example:5000",)),
        Origin("harbor", "harbor", ("harbor.shop.example",)),
    )
}
JOURNALED, JOURNAL = "local", "5a1d0c3e"
"""The origin that counts its events, and what it calls its journal."""
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
BLOB = "application/vnd.oci.image.layer.v1.tar+gzip"
_SCATTER = 0x9E3779B97F4A7C15F39CC0605CEDC835
_MASK = 2**128 - 1
_METHODS = {"push": "PUT", "delete": "DELETE"}
_HARBOR = {"push": "artifact.pushed", "pull": "artifact.pulled", "delete": "artifact.deleted"}
_AGENTS = (
    "containerd/2.1.3", "docker/28.3.2 go/go1.24.5 kernel/6.8 os/linux arch/amd64", "skopeo/1.18.0", "cri-o/1.33.1",
)
_HARBOR_BODY = (
    '{"specversion":"1.0","id":"%(id)s","requestid":"%(request)s","source":"/projects/7/webhook/policies/2",'
    '"type":"harbor.%(type)s","datacontenttype":"application/json","time":"%(time)s","data":{"resources":[{"digest":'
    '"%(digest)s","tag":"%(tag)s","resource_url":"%(host)s/%(repository)s:%(tag)s"}],"repository":{"name":"%(name)s",'
    '"namespace":"%(namespace)s","repo_full_name":"%(repository)s","repo_type":"private"}},"operator":"%(actor)s"}'
)


class Deed(NamedTuple):
    """One thing that happens.

    `client` picks an address and an agent; `number` is the journal's, 0 where it has none.
    """

    seq: int
    origin: str
    action: str
    repository: str
    tag: str | None
    digest: str | None
    media_type: str | None
    actor: str | None
    client: int
    head: bool
    number: int
    time_ns: int
    received_ns: int


def event_id(seq: int) -> str:
    """As scattered as most registries' are, and the same in every run."""
    told = f"{seq * _SCATTER & _MASK:032x}"
    return f"{told[:8]}-{told[8:12]}-{told[12:16]}-{told[16:20]}-{told[20:]}"


def told(deed: Deed) -> Event:
    """The event as ingest accepts it, with its seq: every time is the source's own, every host the origin's."""
    origin = ORIGINS[deed.origin]
    report = _harbor(deed, origin) if origin.kind == "harbor" else _distribution(deed, origin)
    identity, registry = event_id(deed.seq), origin.registries[0]
    return Event(origin.name, identity, registry, deed.time_ns, deed.received_ns, (), report, deed.seq)


def body(event: Event) -> bytes:
    """The request that would have brought it."""
    if ORIGINS[event.origin].kind == "harbor":
        return event.report.raw
    return b'{"events": [' + event.report.raw + b"]}"


def _distribution(deed: Deed, origin: Origin) -> Report:
    said = _said(deed, origin.registries[0])
    text = _template(tuple(name for name, value in said.items() if value is not None)) % said
    return Report(
        raw=text.encode(),
        action=deed.action,
        scope=scope(deed),
        repository=deed.repository,
        id=said["id"],
        time_ns=deed.time_ns,
        host=said["host"],
        tag=deed.tag,
        digest=deed.digest,
        media_type=deed.media_type,
        size=said["size"],
        actor=deed.actor,
        request_id=said["request"],
        request_addr=said["addr"],
        request_method=said["method"],
        user_agent=said["agent"],
        source_addr=said["node"],
        source_instance=said["instance"],
        sequence=deed.number or None,
        journal=JOURNAL if deed.number else None,
        previous=deed.number - 1 if deed.number else None,
    )


def scope(deed: Deed) -> Scope | None:
    """What it can change."""
    if deed.action == "push":
        return Scope.TAG if deed.tag else None
    if deed.action != "delete":
        return None
    return Scope.TAG if deed.tag else Scope.MANIFEST


def _said(deed: Deed, host: str) -> dict[str, Any]:
    seq, client = deed.seq, deed.client
    return {
        "id": event_id(seq),
        "time": _moment(deed.time_ns),
        "action": deed.action,
        "media_type": deed.media_type,
        "digest": deed.digest,
        "size": 400 + client if deed.media_type else None,
        "repository": deed.repository,
        "part": "blobs" if deed.media_type == BLOB else "manifests",
        "tag": deed.tag,
        "request": event_id(seq + 2**40),
        "addr": f"10.20.{client % 250}.{client * 7 % 250}:{30000 + seq % 30000}",
        "host": host,
        "method": "HEAD" if deed.head else _METHODS.get(deed.action, "GET"),
        "agent": _AGENTS[client % len(_AGENTS)],
        "actor": deed.actor,
        "node": f"registry-{client % 3}:5000",
        "instance": "5f0a7f6e-3c0b-4d8e-9a55-0d6a1c2b7e1" + str(client % 3),
        "number": deed.number or None,
        "previous": deed.number - 1 if deed.number else None,
    }


def _moment(time_ns: int) -> str:
    minute, rest = divmod(time_ns, 60 * SECOND_NS)
    return f"{_minute(minute)}{rest // SECOND_NS:02d}.{rest % SECOND_NS:09d}Z"


@lru_cache(maxsize=256)
def _minute(minute: int) -> str:
    return rfc3339(minute * 60 * SECOND_NS).partition(".")[0][:-2]


@cache
def _template(names: tuple[str, ...]) -> str:
    """The text of an event that gives `names`, as it stands in an envelope: indented by more than its own depth."""
    given = {name: f"%({name})s" for name in names}
    target = {
        "mediaType": given.get("media_type"), "digest": given.get("digest"),
        "size": given.get("size"), "length": given.get("size"), "repository": given["repository"],
        "url": "https://%(host)s/v2/%(repository)s/%(part)s/%(digest)s" if "digest" in given else None,
        "tag": given.get("tag"),
    }
    event = {
        "id": given["id"], "timestamp": given["time"], "action": given["action"],
        "target": {name: value for name, value in target.items() if value is not None},
        "request": {"id": given["request"], "addr": given["addr"], "host": given["host"], "method": given["method"],
                    "useragent": given["agent"]},
        "actor": {"name": given["actor"]} if "actor" in given else {},
        "source": {"addr": given["node"], "instanceID": given["instance"]},
    }
    if "number" in given:
        event["tagtrail"] = {"journal": JOURNAL, "sequence": given["number"], "previous": given["previous"]}
    ((text, _),) = members(dump([event]).decode(), "events")
    for name in ("size", "number", "previous"):
        text = text.replace(f'"%({name})s"', f"%({name})s")
    return text


def _harbor(deed: Deed, origin: Origin) -> Report:
    said = _harbor_said(deed, origin.registries[0])
    deletes = deed.action == "delete"
    return Report(
        raw=(_HARBOR_BODY % said).encode(),
        action=deed.action,
        scope=Scope.MANIFEST if deletes else scope(deed),
        repository=deed.repository,
        id=said["id"],
        time_ns=deed.time_ns,
        host=said["host"],
        tag=None if deletes else deed.tag,
        digest=deed.digest,
        actor=deed.actor or None,
        request_id=said["request"],
    )


def _harbor_said(deed: Deed, host: str) -> Mapping[str, str]:
    """Where there is no tag, Harbor repeats the digest."""
    namespace, _, name = deed.repository.partition("/")
    identity = event_id(deed.seq)
    return {
        "id": identity, "request": identity[::-1], "type": _HARBOR[deed.action], "time": _moment(deed.time_ns),
        "digest": deed.digest or "", "tag": deed.tag or deed.digest or "", "host": host, "repository": deed.repository,
        "name": name, "namespace": namespace, "actor": deed.actor or "",
    }


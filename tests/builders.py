"""Envelopes as distribution sends them, and a way to have them taken in."""

import itertools
import json
from typing import Any

from sqlalchemy import Engine

from app.domain.deliveries import Next, Status
from app.domain.origins import Origin
from app.domain.times import SECOND_NS, rfc3339_nano
from app.envelopes import Received, parse
from app.store import deliveries
from app.store.deliveries import Link, NewDelivery
from app.store.engine import writing
from app.usecases.ingest import Parcel, Policy, ingest

START_NS = 1_778_320_000 * SECOND_NS
"""2026-05-09: the moment 0 of the tests' stories. In the past, so that a receiver with a real clock believes it."""
HOST = "registry.example:5000"
PROD = Origin("prod", "distribution", (HOST,))
POLICY = Policy(max_age_ns=3600 * SECOND_NS)
A, B, C = (f"sha256:{letter * 64}" for letter in "abc")

_ids = itertools.count(1)


def moment(second: float) -> int:
    """Nanoseconds of the story's second."""
    return START_NS + round(second * SECOND_NS)


def an_event(**over: Any) -> dict[str, Any]:
    """One event of an envelope: a push of `shop/web:stable` by alice at second 0.

    `over`: id, second, action, repository, tag, digest, actor, host, addr, useragent, sequence, media_type,
    references; None leaves the field out. A pull is a GET, a delete a DELETE.
    """
    said = {
        "id": f"00000000-0000-4000-8000-{next(_ids):012d}", "second": 0, "action": "push", "repository": "shop/web",
        "tag": "stable", "digest": A, "actor": "alice", "host": HOST, "addr": "192.0.2.7:40112",
        "useragent": "docker/28.1.1 go/go1.24", "sequence": None,
        "media_type": "application/vnd.oci.image.manifest.v1+json", "references": None,
    } | over
    assert said.keys() <= {"id", "second", "action", "repository", "tag", "digest", "actor", "host", "addr",
                           "useragent", "sequence", "media_type", "references"}, over
    target = {
        "mediaType": said["media_type"], "size": 1234, "digest": said["digest"], "length": 1234,
        "repository": said["repository"], "tag": said["tag"], "references": said["references"],
    }
    method = {"push": "PUT", "delete": "DELETE"}.get(said["action"], "GET")
    event = {
        "id": said["id"],
        "timestamp": rfc3339_nano(moment(said["second"])),
        "action": said["action"],
        "target": {key: value for key, value in target.items() if value is not None},
        "request": {"id": f"request-{said['id']}", "addr": said["addr"], "host": said["host"], "method": method,
                    "useragent": said["useragent"]},
        "actor": {"name": said["actor"]} if said["actor"] else {},
        "source": {"addr": "registry-0:5000", "instanceID": "6f7dfd2a"},
    }
    if said["sequence"] is not None:
        event["tagtrail"] = {"sequence": said["sequence"]}
    return event


def envelope(*events: dict[str, Any]) -> bytes:
    return json.dumps({"events": list(events)}).encode()


def take_in(engine: Engine, *events: dict[str, Any], origin: Origin = PROD, received: float = 100_000) -> None:
    """Have `events` arrive one after the other from `origin`, each in an envelope of its own, at second `received`."""
    for event in events:
        reading = parse(origin.kind, Received(envelope(event)))
        assert not reading.faults, reading.faults
        ingest(engine, [Parcel(origin, reading, moment(received))], POLICY)


def add_delivery(engine: Engine, identity: str, second: float = 0, **over: Any) -> None:
    """A delivery that tells of a move of `shop/web:stable` from A to B. `over`: any field of NewDelivery or Link."""
    known = {
        "destination": "trigger:web", "purpose": "deploy", "rule": "web", "rule_version": "0123456789ab",
        "content_type": "application/json", "body": b'{"type":"tag.moved"}', "subject": f"change-{identity}",
        "status": Status.PENDING, "reason": None, "headers": None, "query": None, "digest": B, "trace_id": "0" * 32,
        "confirm": False,
        "registry": HOST, "repository": "shop/web", "tag": "stable", "kind": "moved", "before": A, "after": B,
    } | over
    made = {"id": identity, "delivery_id": identity, "made_ns": moment(second), "expires_ns": moment(second + 3600)}
    values = known | made
    new = NewDelivery(**{name: values[name] for name in NewDelivery.__dataclass_fields__})
    link = Link(**{name: values[name] for name in Link.__dataclass_fields__})
    with writing(engine) as connection:
        deliveries.add(connection, [new], [link])


def try_delivery(engine: Engine, destination: str, second: float, outcome: tuple[int | None, str, bytes]) -> None:
    """An attempt of what is due longest; a status of 200 delivers, another one is to be tried again in a minute."""
    status, detail, answer = outcome
    with writing(engine) as connection:
        (claimed,) = deliveries.claim(connection, destination, moment(second), SECOND_NS)
        assert claimed is not None
        later = Next(Status.PENDING, detail, moment(second + 60))
        then = Next(Status.DELIVERED) if status == 200 else later
        tried = deliveries.Attempt(moment(second), 12_345_678, status, detail, answer)
        assert deliveries.finish(connection, claimed, tried, then)

"""Makes the deliveries of the redeploys that somebody asked for."""

import json
from collections.abc import Mapping
from typing import Any

from app.domain.deliveries import EXPIRES_NS, Status
from app.domain.links import tag_page
from app.domain.told import REDEPLOYED, Told
from app.domain.traces import root, trace_id
from app.sinks.sink import Message
from app.store import actions, deliveries, events, outbox
from app.store.actions import Recorded
from app.store.deliveries import MANUAL, Link, NewDelivery
from app.store.engine import Connection, Engine, now_ns, writing
from app.store.events import Caused
from app.usecases.fan import Fan
from app.usecases.redeploy import LANE, VERB
from app.usecases.write_deliveries import rendered

"""The kind of what a redeploy tells, in place of a kind of change."""
MOST_AT_ONCE = 50


def make_redeploys(engine: Engine, fan: Fan) -> set[str]:
    """Keep all promises of redeploys; the destinations for which there is something to deliver now."""
    made: set[str] = set()
    with writing(engine) as connection:
        while promises := outbox.take(connection, f"{LANE}:", now_ns(connection), MOST_AT_ONCE):
            for promise in promises:
                asked = actions.get(connection, int(promise.subject.removeprefix(f"{VERB}:")))
                made |= _make(connection, fan, asked, promise.subject)
            outbox.kept(connection, promises)
    return made


def _make(connection: Connection, fan: Fan, asked: Recorded, subject: str) -> set[str]:
    plan = asked.detail
    cause = (plan["origin"], plan["event_id"])
    said = events.causes(connection, [cause]).get(cause)
    now = now_ns(connection)
    for send in plan["sends"]:
        told = _told(fan, asked, (subject, send["rule"]), said)
        deliveries.add(connection, [_delivery(fan, told, send, now)], [_link(told, send)])
    return {send["destination"] for send in plan["sends"]}


def _told(fan: Fan, asked: Recorded, by: tuple[str, str], said: Caused | None) -> Told:
    """`by`: the promise and the rule. The trace is the push's that the digest is known from."""
    plan, (subject, rule) = asked.detail, by
    name = (plan["registry"], plan["repository"], plan["tag"])
    return Told(
        change_id=subject,
        kind=REDEPLOYED,
        registry=plan["registry"],
        repository=plan["repository"],
        tag=plan["tag"],
        before=plan["before"],
        after=plan["digest"],
        actor=asked.actor,
        origin=plan["origin"],
        time_ns=asked.time_ns,
        rule=rule,
        event_id=plan["event_id"],
        link=tag_page(fan.base_url, *name),
        media_type=said.media_type if said else None,
        trace_id=trace_id(*root(plan["origin"], plan["event_id"], said.raw if said else None)),
    )


def _delivery(fan: Fan, told: Told, send: Mapping[str, Any], now: int) -> NewDelivery:
    sink = fan.sinks.get(send["destination"])
    gone = Message("", b""), f"the configuration has no {send['destination']}"
    message, unsendable = rendered(sink, [told]) if sink else gone
    return NewDelivery(
        id=send["id"],
        destination=send["destination"],
        purpose="deploy",
        rule=send["rule"],
        rule_version=send["rule_version"],
        status=Status.DEAD if unsendable else Status.PENDING,
        reason=unsendable,
        content_type=message.content_type,
        body=message.body,
        headers=json.dumps(message.headers) if message.headers else None,
        query=message.query or None,
        made_ns=now,
        expires_ns=now + EXPIRES_NS["deploy"],
        registry=told.registry,
        repository=told.repository,
        digest=told.after,
        trace_id=told.trace_id,
        cause=MANUAL,
    )


def _link(told: Told, send: Mapping[str, Any]) -> Link:
    return Link(
        told.change_id, send["destination"], send["id"], told.registry, told.repository, told.tag, told.kind,
        told.before, told.after, send["rule"], send["rule_version"],
    )  # fmt: skip

"""Asks people whether a deploy may go, where its rule wants that."""

import json
import secrets
from collections.abc import Iterator, Sequence
from typing import cast

from app.domain.approvals import Approval, secret_of, secret_sha256
from app.domain.deliveries import Status
from app.domain.rules import Rule
from app.domain.times import rfc3339
from app.domain.told import Notice
from app.sinks.sink import Channel
from app.store import approvals, deliveries
from app.store.deliveries import Link, NewDelivery
from app.store.engine import Connection
from app.usecases.fan import Fan
from app.usecases.new_id import new_id


def ask_approval(connection: Connection, fan: Fan, new: Sequence[NewDelivery], links: Sequence[Link]) -> None:
    """Have those of the `new` deploys wait whose rules say so, and tell the rules' channels, with a link to decide."""
    for one in new:
        if one.purpose != "deploy" or one.status is not Status.PENDING:
            continue
        told = [link for link in links if link.delivery_id == one.id]
        asking = [rule for rule in fan.rules if rule.approve_ns and rule.name in {link.rule for link in told}]
        if asking:
            seal = secrets.token_urlsafe(32)
            asked = _asked(one, asking)
            approvals.add(connection, asked, secret_sha256(secret_of(fan.link_key, seal)))
            notices = list(_notices(fan, asked, (one, told[0]), (asking, seal)))
            deliveries.add(connection, [made for made, _link in notices], [link for _made, link in notices])


def _asked(one: NewDelivery, asking: Sequence[Rule]) -> Approval:
    deadline_ns = one.made_ns + min(rule.approve_ns or 0 for rule in asking)
    return Approval(one.id, one.digest or "", one.made_ns, deadline_ns, None, None, None, None)


def _notices(
    fan: Fan, asked: Approval, about: tuple[NewDelivery, Link], by: tuple[Sequence[Rule], str]
) -> Iterator[tuple[NewDelivery, Link]]:
    """One for each channel of the rules."""
    (one, told), (asking, seal) = about, by
    notice = _notice(fan, asked, one, told, seal)
    for channel in dict.fromkeys(name for rule in asking for name in rule.alert if name in fan.sinks):
        message = cast(Channel, fan.sinks[channel]).notice(notice)
        made = NewDelivery(
            id=new_id(),
            destination=channel,
            purpose="approval",
            rule=one.rule,
            rule_version=one.rule_version,
            content_type=message.content_type,
            body=message.body,
            headers=json.dumps(message.headers) if message.headers else None,
            query=message.query or None,
            made_ns=one.made_ns,
            expires_ns=asked.deadline_ns,
            trace_id=one.trace_id,
        )
        yield made, _about(told, made)


def _notice(fan: Fan, asked: Approval, one: NewDelivery, told: Link, seal: str) -> Notice:
    tag = f":{told.tag}" if told.tag else ""
    name = f"{told.registry}/{told.repository}{tag}"
    deadline = rfc3339(asked.deadline_ns, 0)
    text = (
        f"May {asked.digest[:19]} go to {one.destination}? tagtrail approve {one.id} lets it; "
        f"whoever has this link may approve or reject it, once, until {deadline}"
    )
    return Notice("approval.asked", name, text, asked.asked_ns, f"{fan.base_url}/approve/{seal}")


def _about(told: Link, made: NewDelivery) -> Link:
    return Link(
        f"approval:{told.delivery_id}", made.destination, made.id, told.registry, told.repository, told.tag,
        "approval", told.before, told.after, made.rule, made.rule_version,
    )  # fmt: skip

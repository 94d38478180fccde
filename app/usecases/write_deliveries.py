"""Writes the messages for a destination, with what they tell: id and bytes never change again (decision 12)."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby

from app.domain.deliveries import EXPIRES_NS, Status, is_deploy
from app.domain.digests import is_digest
from app.domain.downgrades import have_order, in_order
from app.domain.links import delivery_page, digest_page, tag_page
from app.domain.rules import groups_of
from app.domain.settling import Group, Indexes, Member, alerts, deploys
from app.domain.told import Told
from app.settings.templates import RenderError
from app.sinks.sink import Message, Sink
from app.store import deliveries
from app.store.deliveries import Link, NewDelivery
from app.store.engine import Connection, now_ns
from app.store.sent import sent_tags
from app.usecases.ask_approval import ask_approval
from app.usecases.fan import Fan
from app.usecases.new_id import new_id


def write_deliveries(
    connection: Connection, fan: Fan, destination: str, members: Sequence[Member], indexes: Indexes
) -> None:
    """Write what `members` come to. Raises TakenError."""
    deploying = is_deploy(destination)
    groups = _deploys(connection, fan, destination, members, indexes) if deploying else alerts(members)
    _write(connection, fan, [(destination, group) for group in groups])


def write_at_once(connection: Connection, fan: Fan, found: Iterable[tuple[str, Member]]) -> None:
    """Write a delivery for each of `found`, all in two statements but for rules with an order. Raises TakenError."""
    for ordered, some in groupby(found, lambda one: have_order([Group((one[1],))], fan.rule)):
        if ordered:
            for destination, member in some:
                write_deliveries(connection, fan, destination, [member], {})
        else:
            _write(connection, fan, [(destination, Group((member,))) for destination, member in some])


def _write(connection: Connection, fan: Fan, groups: Iterable[tuple[str, Group]]) -> None:
    now = now_ns(connection)
    made = [(where, group, _delivery(fan, where, group, now + at)) for at, (where, group) in enumerate(groups)]
    links = [
        _link(where, delivery.id, member)
        for where, group, delivery in made
        for member in (*group.members, *group.parts)
    ]
    new = [delivery for _where, _group, delivery in made]
    deliveries.add(connection, new, links)
    ask_approval(connection, fan, new, links)


def _deploys(
    connection: Connection, fan: Fan, destination: str, members: Sequence[Member], indexes: Indexes
) -> list[Group]:
    groups = deploys(members, indexes)
    if not have_order(groups, fan.rule):
        return groups
    told = members[0].told
    return in_order(groups, fan.rule, sent_tags(connection, (destination, told.registry, told.repository)))


def _delivery(fan: Fan, destination: str, group: Group, now: int) -> NewDelivery:
    first, purpose = group.members[0], "deploy" if is_deploy(destination) else "alert"
    message, unsendable = rendered(fan.sinks[destination], [_linked(fan, member) for member in group.members])
    about = first.told if purpose == "deploy" else None
    return NewDelivery(
        id=new_id(),
        destination=destination,
        purpose=purpose,
        rule=first.rule,
        rule_version=first.rule_version,
        status=Status.SUPERSEDED if group.superseded else Status.DEAD if unsendable else Status.PENDING,
        reason=group.superseded or unsendable,
        content_type=message.content_type,
        body=message.body,
        headers=json.dumps(message.headers) if message.headers else None,
        query=message.query or None,
        made_ns=now,
        expires_ns=now + EXPIRES_NS[purpose],
        registry=about.registry if about else None,
        repository=about.repository if about else None,
        digest=about.after if about else None,
        confirm=purpose == "deploy" and any(fan.asks_first(one.rule, one.told.origin) for one in group.members),
        trace_id=first.told.trace_id,
    )


def rendered(sink: Sink, told: Sequence[Told]) -> tuple[Message, str | None]:
    """The message, and why it can never be sent: a template may fail on values that no sample had."""
    try:
        return sink.render(told), None
    except RenderError as error:
        return Message("", b""), str(error)


def _linked(fan: Fan, member: Member) -> Told:
    told = member.told
    rule = fan.rule(member.rule)
    before, after = (digest_page(fan.base_url, one) if is_digest(one) else None for one in (told.before, told.after))
    return replace(
        told,
        rule=member.rule,
        link=_page(fan, told),
        before_link=before,
        after_link=after,
        groups=groups_of(rule.when, told) if rule else {},
    )


def _page(fan: Fan, told: Told) -> str | None:
    if told.deploy is not None:
        return delivery_page(fan.base_url, told.deploy.delivery_id)
    return tag_page(fan.base_url, told.registry, told.repository, told.tag) if told.tag else None


def _link(destination: str, delivery_id: str, member: Member) -> Link:
    told = member.told
    return Link(
        member.subject, destination, delivery_id, told.registry, told.repository, told.tag, told.kind, told.before,
        told.after, member.rule, member.rule_version,
    )  # fmt: skip

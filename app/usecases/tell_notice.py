"""Tells people of Tagtrail itself: an alert to each channel, once for each cause."""

import hashlib
import json
from collections.abc import Mapping

from app.domain.deliveries import EXPIRES_NS
from app.domain.told import Notice
from app.domain.traces import trace_id
from app.sinks.sink import Channel
from app.store import deliveries
from app.store.deliveries import NewDelivery
from app.store.engine import Connection


def tell_notice(connection: Connection, channels: Mapping[str, Channel], notice: Notice, cause: str) -> None:
    """Write what each of `channels` (`channel:NAME`) is to say. `cause` names what happened: a second one is the same.

    The id comes from the cause, so that it is told once, whoever else finds it out and after whatever restart.
    """
    deliveries.add_new(
        connection, [_delivery(name, channel, notice, cause) for name, channel in sorted(channels.items())]
    )


def _delivery(name: str, channel: Channel, notice: Notice, cause: str) -> NewDelivery:
    message = channel.notice(notice)
    return NewDelivery(
        id=f"msg_{hashlib.sha256(f'{name} {cause}'.encode()).hexdigest()[:32]}",
        destination=name,
        purpose="alert",
        rule="",
        rule_version="",
        content_type=message.content_type,
        body=message.body,
        headers=json.dumps(message.headers) if message.headers else None,
        query=message.query or None,
        made_ns=notice.time_ns,
        expires_ns=notice.time_ns + EXPIRES_NS["alert"],
        trace_id=trace_id("tagtrail", cause),
    )

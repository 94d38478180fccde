"""Any HTTP endpoint, told in JSON and signed as Standard Webhooks asks.

The body:

    {"type": "tag.moved",                      tag.created, .moved, .removed, .restored, .pulled;
                                               manifest.… where the change names no tag
     "timestamp": "2026-11-23T20:06:47.474Z",  when it happened, UTC
     "data": {"change_id": "…",                the same in every message about this change
              "registry": "registry.example:5000", "repository": "shop/web",
              "tag": "stable",                 or null
              "before": "sha256:…",            a digest, "unknown" or "absent"; so is "after"
              "after": "sha256:…",
              "media_type": "application/…",   of what `after` names; or null
              "actor": "alice",                or null where the registry did not say
              "origin": "prod", "event_id": "…", "rule": "web",
              "link": "https://…",             Tagtrail's page about the change; or null
              "also": []}}                     further changes of the same message, without "also"

How a deploy ended is told to channels as tag.deployed, .deploy-failed or .deploy-superseded, with more in data:
"deploy" has `trigger`, `delivery_id`, `tries`, `detail` (the last attempt's result, or why there was none) and `also`
(further tags of that digest); `timestamp` is when it ended.

A notice of Tagtrail's own has the type `notice.KIND` and the data `about`, `text`, `link`.
Receivers should ignore fields they don't know, and drop a `webhook-id` they have seen.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from app.domain.fields import fields
from app.domain.signatures import SigningSecret, sign
from app.domain.times import rfc3339_nano
from app.domain.told import Notice, Told
from app.outbound import Call
from app.settings.templates import Template
from app.sinks.attempt import OneCall, attempt
from app.sinks.sink import Message, Outcome

_PERMANENT = (410,)  # Standard Webhooks: the receiver wants no more of it


@dataclass(frozen=True, slots=True)
class Webhook(OneCall):
    """Posts to `url`, signed where there is a `secret`. `template` makes the body, of `content_type`."""

    secret: SigningSecret | None
    content_type: str = "application/json"
    template: Template | None = None

    def render(self, told: Sequence[Told]) -> Message:
        """Raise RenderError where the template fails on these changes."""
        if self.template is None:
            return standard(told)
        return templated(self.content_type, self.template, fields(told))

    def notice(self, notice: Notice) -> Message:
        data = {"about": notice.about, "text": notice.text, "link": notice.link}
        return _message(f"notice.{notice.kind}", notice.time_ns, data)

    def send(self, message_id: str, message: Message, now_s: int) -> Outcome:
        headers = {
            "Content-Type": message.content_type,
            "webhook-id": message_id,
            "webhook-timestamp": str(now_s),
            **dict(message.headers),
        }
        if self.secret is not None:
            headers["webhook-signature"] = sign(self.secret, message_id, now_s, message.body)
        return attempt(self.door, Call("POST", self.url, headers, message.body), _PERMANENT, now_s)


def templated(content_type: str, body: Template, values: Mapping[str, Any]) -> Message:
    """Raise RenderError."""
    return Message(content_type, body.render(values).encode("utf-8", "backslashreplace"))


def standard(told: Sequence[Told]) -> Message:
    """What the module says of changes."""
    first, *rest = told
    subject = "manifest" if first.tag is None else "tag"
    data = _data(first) | {"also": [_data(one) for one in rest]}
    return _message(f"{subject}.{first.kind}", first.time_ns, data)


def _message(kind: str, time_ns: int, data: dict[str, Any]) -> Message:
    body = {"type": kind, "timestamp": rfc3339_nano(time_ns), "data": data}
    return Message("application/json", json.dumps(body, separators=(",", ":")).encode("ascii"))


def _data(told: Told) -> dict[str, Any]:
    return _change(told) | ({"deploy": asdict(told.deploy)} if told.deploy else {})


def _change(told: Told) -> dict[str, Any]:
    return {
        "change_id": told.change_id,
        "registry": told.registry,
        "repository": told.repository,
        "tag": told.tag,
        "before": told.before,
        "after": told.after,
        "media_type": told.media_type,
        "actor": told.actor,
        "origin": told.origin,
        "event_id": told.event_id,
        "rule": told.rule,
        "link": told.link,
    }

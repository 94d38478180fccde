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
              "link": "https://…"}}            Tagtrail's page about the change; or null

Receivers should ignore fields they don't know, and drop a `webhook-id` they have seen.
"""

import json
from dataclasses import dataclass, field

from app.domain.signatures import SigningSecret, sign
from app.domain.times import rfc3339_nano
from app.domain.told import Told
from app.outbound import Call, Door, Url
from app.sinks.attempt import attempt
from app.sinks.sink import Message, Outcome

_PERMANENT = (410,)  # Standard Webhooks: the receiver wants no more of it


@dataclass(frozen=True, slots=True)
class Webhook:
    """Posts to `url`, signed where there is a `secret`."""

    door: Door = field(repr=False)
    url: Url
    secret: SigningSecret | None

    def render(self, told: Told) -> Message:
        subject = "manifest" if told.tag is None else "tag"
        body = {
            "type": f"{subject}.{told.kind}",
            "timestamp": rfc3339_nano(told.time_ns),
            "data": {
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
            },
        }
        return Message("application/json", json.dumps(body, separators=(",", ":")).encode("ascii"))

    def send(self, message_id: str, message: Message, now_s: int) -> Outcome:
        headers = {
            "Content-Type": message.content_type,
            "webhook-id": message_id,
            "webhook-timestamp": str(now_s),
        }
        if self.secret is not None:
            headers["webhook-signature"] = sign(self.secret, message_id, now_s, message.body)
        return attempt(self.door, Call("POST", self.url, headers, message.body), _PERMANENT, now_s)

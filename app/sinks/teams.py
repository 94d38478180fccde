"""Microsoft Teams, by a workflow that posts what a webhook receives: an Adaptive Card of version 1.4.

The text stands in RichTextBlocks, whose runs know no Markdown, and mentions need entities, of which the card has none:
so nothing from outside acts there. A workflow answers 202, and refuses messages over 28 KB.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.told import Notice, Told
from app.outbound import Call
from app.settings.templates import Template
from app.sinks.attempt import OneCall, attempt
from app.sinks.sink import Message, Outcome
from app.sinks.wording import worded
from app.sinks.words import Line, Span, notice_lines, shown, title

_PERMANENT = (400, 401, 403, 404, 410, 413)
_BODY_MAX = 24 * 1024
"""Bytes; what Teams counts is a little more than what is sent."""
_CHANGES_MAX = 20


@dataclass(frozen=True, slots=True)
class Teams(OneCall):
    """Posts to the workflow's `url`, whose query is its secret."""

    template: Template | None = None

    def render(self, told: Sequence[Told]) -> Message:
        """As many changes as fit, and how many are left out."""
        for most in range(min(len(told), _CHANGES_MAX), 0, -1):
            blocks = [_block(worded(one, self.template)) for one in told[:most]]
            more = len(told) - most
            message = _message(title(told), blocks + ([_block([(Span(f"and {more} more"),)])] if more else []))
            if len(message.body) <= _BODY_MAX:
                return message
        return message

    def notice(self, notice: Notice) -> Message:
        return _message(shown(notice.text), [_block(notice_lines(notice))])

    def send(self, message_id: str, message: Message, now_s: int) -> Outcome:  # noqa: ARG002 (Teams takes no id)
        headers = {"Content-Type": message.content_type}
        return attempt(self.door, Call("POST", self.url, headers, message.body), _PERMANENT, now_s)


def _message(summary: str, blocks: Sequence[dict[str, Any]]) -> Message:
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": summary,
        "msteams": {"width": "Full"},
        "body": blocks,
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    body = {"type": "message", "attachments": [attachment]}
    return Message("application/json", json.dumps(body, separators=(",", ":")).encode())


def _block(about: Sequence[Line]) -> dict[str, Any]:
    """Lines are paragraphs of their own: a run's line breaks are lost in some clients."""
    items = [{"type": "RichTextBlock", "inlines": [_run(span) for span in line]} for line in about]
    return {"type": "Container", "separator": True, "items": items}


def _run(span: Span) -> dict[str, Any]:
    run: dict[str, Any] = {"type": "TextRun", "text": span.text}
    if span.bold:
        run["weight"] = "Bolder"
    if span.code:
        run["fontType"] = "Monospace"
    if span.url is not None:
        run["selectAction"] = {"type": "Action.OpenUrl", "url": span.url}
    return run

"""Slack's incoming webhooks, in Block Kit.

Nothing from outside is markup there: most of it stands in code spans, and all is escaped as Slack asks (api.slack.com,
"Formatting text for app surfaces"), on one line, and cut before the limit of a section (3000 characters).
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.domain.told import Notice, Told
from app.outbound import Call
from app.settings.templates import Template
from app.sinks.attempt import OneCall, attempt
from app.sinks.sink import Message, Outcome
from app.sinks.wording import worded
from app.sinks.words import LINK_MAX, TEXT_MAX, Line, Span, notice_lines, shown, title

_PERMANENT = (400, 403, 404, 410)
_REASON = re.compile(rb"[a-z0-9_]{1,60}")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "`": "'"}
_LINK_ESCAPES = {"&": "&amp;", "<": "%3C", ">": "%3E", "|": "%7C", "`": "%60"}
_SECTION_MAX = 2900
_SECTIONS = 20
"""Changes that one message shows; of a block more than 50 are refused."""


@dataclass(frozen=True, slots=True)
class Slack(OneCall):
    """Posts to the incoming webhook `url`, whose path is its secret."""

    template: Template | None = None

    def render(self, told: Sequence[Told]) -> Message:
        more = len(told) - _SECTIONS
        sections = [_text(worded(one, self.template)) for one in told[:_SECTIONS]] + (
            [f"and {more} more"] if more > 0 else []
        )
        return _message(title(told), sections)

    def notice(self, notice: Notice) -> Message:
        return _message(shown(notice.text), [_text(notice_lines(notice))])

    def send(self, message_id: str, message: Message, now_s: int) -> Outcome:  # noqa: ARG002 (Slack takes no id)
        headers = {"Content-Type": message.content_type}
        outcome = attempt(self.door, Call("POST", self.url, headers, message.body), _PERMANENT, now_s)
        reason = _REASON.fullmatch(outcome.answer.strip())
        if outcome.delivered or reason is None:
            return outcome
        return replace(outcome, detail=f"{outcome.detail}: {reason.group().decode()}")


def _message(title: str, sections: Sequence[str]) -> Message:
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "verbatim": True, "text": one}} for one in sections]
    body = {"text": _escaped(title, 3 * TEXT_MAX), "blocks": blocks}
    return Message("application/json", json.dumps(body, separators=(",", ":")).encode())


def _text(about: Sequence[Line]) -> str:
    """What fits into a section, in whole spans."""
    room, shown = _SECTION_MAX, []
    for piece in (piece for line in about for piece in ("\n", *map(_span, line))):
        if len(piece) <= room:
            room -= len(piece)
            shown.append(piece)
    return "".join(shown).strip()


def _span(span: Span) -> str:
    if span.url is not None:
        return _link(span.url, span.text)
    if span.bold:
        return f"*{_escaped(span.text)}*"
    return f"`{_escaped(span.text)}`" if span.code else _escaped(span.text)


def _link(url: str, text: str) -> str:
    """Nothing where it gets too long."""
    escaped = "".join(_LINK_ESCAPES.get(character, character) for character in url)
    return f"<{escaped}|{text}>" if len(escaped) <= LINK_MAX else ""


def _escaped(text: str, most: int = TEXT_MAX) -> str:
    """`text` fit for a code span, at most `most` characters. No escape is cut in half."""
    pieces: list[str] = []
    room = most - 1
    for character in text:
        piece = _ESCAPES.get(character, character)
        room -= len(piece)
        if room < 0:
            return "".join(pieces) + "…"
        pieces.append(piece)
    return "".join(pieces)

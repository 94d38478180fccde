"""Slack's incoming webhooks, in Block Kit.

Nothing from outside is markup there: it stands in code spans, escaped as Slack asks (api.slack.com,
"Formatting text for app surfaces"), on one line, and cut before the limit of a section (3000 characters).
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from app.domain.digests import Digest, is_digest
from app.domain.text import printable
from app.domain.times import rfc3339
from app.domain.told import Notice, Told
from app.outbound import Call, Door, InvalidUrlError, Url
from app.sinks.attempt import attempt
from app.sinks.sink import Message, Outcome

_PERMANENT = (400, 403, 404, 410)
_REASON = re.compile(rb"[a-z0-9_]{1,60}")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "`": "'"}
_LINK_ESCAPES = {"&": "&amp;", "<": "%3C", ">": "%3E", "|": "%7C", "`": "%60"}
_TEXT_MAX = 250
_LINK_MAX = 600
_SECTIONS = 20
"""Changes that one message shows; of a block more than 50 are refused."""


@dataclass(frozen=True, slots=True)
class Slack:
    """Posts to the incoming webhook `url`, whose path is its secret."""

    door: Door = field(repr=False)
    url: Url

    def render(self, told: Sequence[Told]) -> Message:
        first = told[0]
        more = len(told) - _SECTIONS
        sections = [_section(one) for one in told[:_SECTIONS]] + ([f"and {more} more"] if more > 0 else [])
        also = f" and {len(told) - 1} more" if len(told) > 1 else ""
        return _message(f"{_escaped(first.kind)} {_subject(first)}{also}", sections)

    def notice(self, notice: Notice) -> Message:
        text = _escaped(notice.text)
        return _message(text, [f"*{_escaped(notice.kind)}* `{_escaped(notice.about)}`\n{text}{_link(notice.link)}"])

    def send(self, message_id: str, message: Message, now_s: int) -> Outcome:  # noqa: ARG002 (Slack takes no id)
        headers = {"Content-Type": message.content_type}
        outcome = attempt(self.door, Call("POST", self.url, headers, message.body), _PERMANENT, now_s)
        reason = _REASON.fullmatch(outcome.answer.strip())
        if outcome.delivered or reason is None:
            return outcome
        return replace(outcome, detail=f"{outcome.detail}: {reason.group().decode()}")


def _message(text: str, sections: Sequence[str]) -> Message:
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "verbatim": True, "text": one}} for one in sections]
    return Message("application/json", json.dumps({"text": text, "blocks": blocks}, separators=(",", ":")).encode())


def _section(told: Told) -> str:
    return f"*{_escaped(told.kind)}* `{_subject(told)}`\n{_turn(told)}\n{_context(told)}{_link(told.link)}"


def _subject(told: Told) -> str:
    where = f"{_escaped(told.registry)}/{_escaped(told.repository)}"
    return where if told.tag is None else f"{where}:{_escaped(told.tag)}"


def _turn(told: Told) -> str:
    if told.kind == "pulled":
        return f"`{_short(told.after)}`"
    return f"`{_short(told.before)}` → `{_short(told.after)}`"


def _context(told: Told) -> str:
    who = "by someone unknown" if told.actor is None else f"by `{_escaped(told.actor)}`"
    when = rfc3339(told.time_ns, 0)
    return f"{who} at {when}, told by `{_escaped(told.origin)}`, rule `{_escaped(told.rule)}`"


def _link(text: str | None) -> str:
    """A line with the link, or nothing where it is missing, too long or no URL."""
    try:
        url = str(Url.parse(text or ""))
    except InvalidUrlError:
        return ""
    escaped = "".join(_LINK_ESCAPES.get(character, character) for character in url)
    return f"\n<{escaped}|Details>" if len(escaped) <= _LINK_MAX else ""


def _short(text: str) -> str:
    return Digest.parse(text).short if is_digest(text) else _escaped(text)


def _escaped(text: str) -> str:
    """`text` fit for a code span, at most _TEXT_MAX characters. No escape is cut in half."""
    pieces: list[str] = []
    room = _TEXT_MAX - 1
    for character in printable(text[:_TEXT_MAX]):
        piece = _ESCAPES.get(character, character)
        room -= len(piece)
        if room < 0:
            return "".join(pieces) + "…"
        pieces.append(piece)
    return "".join(pieces)

"""Discord's webhooks: one embed, with what is from outside in code spans or escaped, and no mention allowed to ring.

Of an embed's 4096 characters (Discord, "Embed Limits") as many whole changes are used as fit.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.told import Notice, Told
from app.outbound import Call
from app.settings.templates import Template
from app.sinks.attempt import OneCall, attempt
from app.sinks.sink import Message, Outcome
from app.sinks.wording import worded
from app.sinks.words import Line, Span, notice_lines

_PERMANENT = (400, 401, 403, 404, 410)
_TEXT_MAX = 4000
_MARKUP = re.compile(r"[\\*_~`|<>\[\]@#]")
_LINK_ESCAPES = {"(": "%28", ")": "%29", "<": "%3C", ">": "%3E", "\\": "%5C"}


@dataclass(frozen=True, slots=True)
class Discord(OneCall):
    """Posts to the webhook `url`, whose path is its secret."""

    template: Template | None = None

    def render(self, told: Sequence[Told]) -> Message:
        pieces: list[str] = []
        room = _TEXT_MAX - len("\n\nand 999999 more")
        for one in told:
            piece = _text(worded(one, self.template))
            room -= len(piece) + 2
            if room < 0:
                break
            pieces.append(piece)
        more = len(told) - len(pieces)
        return _message("\n\n".join(pieces + ([f"and {more} more"] if more else [])))

    def notice(self, notice: Notice) -> Message:
        return _message(_text(notice_lines(notice)))

    def send(self, message_id: str, message: Message, now_s: int) -> Outcome:  # noqa: ARG002 (Discord takes no id)
        headers = {"Content-Type": message.content_type}
        return attempt(self.door, Call("POST", self.url, headers, message.body), _PERMANENT, now_s)


def _message(text: str) -> Message:
    body = {"embeds": [{"description": text}], "allowed_mentions": {"parse": []}}
    return Message("application/json", json.dumps(body, separators=(",", ":")).encode())


def _text(about: Sequence[Line]) -> str:
    return "\n".join("".join(_span(span) for span in line) for line in about)


def _span(span: Span) -> str:
    if span.url is not None:
        return f"[{span.text}]({''.join(_LINK_ESCAPES.get(one, one) for one in span.url)})"
    if span.code:
        return f"`{span.text.replace('`', chr(39))}`"
    text = _MARKUP.sub(r"\\\g<0>", span.text)
    return f"**{text}**" if span.bold else text

"""Everything else: the services that Apprise knows, by its URLs (github.com/caronc/apprise). An extra.

Apprise opens its own connections: their addresses are not checked, and proxies of the environment count. It says only
whether a message was taken. Some of its services read mentions and markup out of plain text, so what could begin one is
kept apart from what follows by a character of no width.
"""

import json
import logging
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from app.domain.errors import TagtrailError
from app.domain.told import Notice, Told
from app.settings.templates import Template
from app.sinks.sink import Message, Outcome
from app.sinks.wording import worded
from app.sinks.words import Line, notice_lines, shown, title

_TIMEOUT_S = 15
_MENTION = re.compile("[@<]")
_CHANGES_MAX = 20


class AppriseError(TagtrailError):
    """Apprise is missing, or knows no service for the URL; which is not repeated."""


@dataclass(frozen=True, slots=True)
class Apprise:
    url: str = field(repr=False)
    template: Template | None = None

    def __post_init__(self) -> None:
        """Raise AppriseError."""
        if _asked(self.url) is None:
            raise AppriseError("Apprise can't read this URL; its documentation has the form of each service's")

    def render(self, told: Sequence[Told]) -> Message:
        more = len(told) - _CHANGES_MAX
        texts = [_text(worded(one, self.template)) for one in told[:_CHANGES_MAX]] + (
            [f"and {more} more"] if more > 0 else []
        )
        return _message(title(told), "\n\n".join(texts))

    def notice(self, notice: Notice) -> Message:
        return _message(f"{shown(notice.kind)} {shown(notice.about)}", _text(notice_lines(notice)))

    def send(self, message_id: str, message: Message, now_s: int) -> Outcome:  # noqa: ARG002 (Apprise takes neither)
        started = time.monotonic_ns()
        taken = bool(_asked(self.url).notify(**json.loads(message.body), body_format="text", timeout=_TIMEOUT_S))
        return Outcome(
            status=None,
            detail="Apprise: taken" if taken else "Apprise: not taken, or not in time",
            answer=b"",
            permanent=False,
            delivered=taken,
            retry_after_s=None,
            duration_ns=time.monotonic_ns() - started,
        )


def _message(title: str, text: str) -> Message:
    return Message("application/json", json.dumps({"title": _harmless(title), "body": text}).encode())


def _text(about: Sequence[Line]) -> str:
    return "\n".join(
        line[0].url if len(line) == 1 and line[0].url else _harmless("".join(span.text for span in line))
        for line in about
    )


def _harmless(text: str) -> str:
    return _MENTION.sub("\\g<0>\u200b", text)


def _asked(url: str) -> Any:
    """An object of Apprise's own with the service of `url`, None where it knows none. Raise AppriseError."""
    library = _library()
    asset = library.AppriseAsset(secure_logging=True, async_mode=False)
    made = library.Apprise(asset=asset)
    return made if made.add(url) else None


def _library() -> ModuleType:
    """Imported when a channel needs it, and kept from logging: its lines repeat what services answer."""
    try:
        import apprise
    except ImportError:
        raise AppriseError("kind: apprise needs more than is installed: pip install 'tagtrail[apprise]'") from None
    logging.getLogger("apprise").disabled = True
    found: ModuleType = apprise
    return found

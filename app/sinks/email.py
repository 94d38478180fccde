"""Mail, as text and as HTML, handed to an SMTP server.

What is stored is the message without its sender, recipients, date and identity; these are written above it at each
attempt. The Message-ID derives from the delivery's id, so that a mailbox or a reader can tell a repeat.
"""

import time
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape

from app.domain.told import Notice, Told
from app.outbound import Door, Mail, MailServer, OutboundError, Receipt, post
from app.settings.templates import Template
from app.sinks.attempt import hidden_in
from app.sinks.sink import Message, Outcome
from app.sinks.wording import worded
from app.sinks.words import Line, Span, notice_lines, shown, title

_BOUNDARY = "=_tagtrail"  # can't occur in quoted-printable: there "=" has hex digits or a line end behind it


@dataclass(frozen=True, slots=True)
class Email:
    door: Door = field(repr=False)
    server: MailServer
    sender: str
    recipients: tuple[str, ...]
    template: Template | None = None

    def render(self, told: Sequence[Told]) -> Message:
        return _message(title(told), [worded(one, self.template) for one in told])

    def notice(self, notice: Notice) -> Message:
        return _message(f"{shown(notice.kind)} {shown(notice.about)}", [notice_lines(notice)])

    def send(self, message_id: str, message: Message, now_s: int) -> Outcome:
        mail = Mail(self.sender, self.recipients, self._head(message_id, now_s) + message.body)
        started = time.monotonic_ns()
        try:
            receipt = post(self.door, self.server, mail)
        except OutboundError as error:
            return _failed(error, time.monotonic_ns() - started)
        outcome = _outcome(receipt, len(self.recipients), time.monotonic_ns() - started)
        return replace(outcome, answer=hidden_in(receipt.text, self._secrets(), truncated=False))

    def _secrets(self) -> list[str]:
        """The password, as it is and as it is shown to servers (AUTH PLAIN and LOGIN)."""
        password = self.server.password or ""
        shown = (f"\0{self.server.user}\0{password}", password) if password else ()
        return [password, *(b64encode(one.encode()).decode() for one in shown)]

    def _head(self, message_id: str, now_s: int) -> bytes:
        domain = self.sender.rpartition("@")[2]
        head = {
            "From": self.sender,
            "To": ", ".join(self.recipients),
            "Date": format_datetime(datetime.fromtimestamp(now_s, UTC)),
            "Message-ID": f"<{message_id}@{domain}>",
        }
        return "".join(f"{name}: {value}\r\n" for name, value in head.items()).encode("ascii")


def _message(title: str, about: Sequence[Sequence[Line]]) -> Message:
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = f"[tagtrail] {title}"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office reply
    mail.set_content("\n\n".join("\n".join(map(_text, one)) for one in about) + "\n", cte="quoted-printable")
    html = "\n".join(f"<p>{'<br>'.join(map(_html, one))}</p>" for one in about)
    mail.add_alternative(f"<!doctype html>\n<html><body>\n{html}\n</body></html>\n", "html", cte="quoted-printable")
    mail.set_boundary(_BOUNDARY)
    return Message("message/rfc822", mail.as_bytes())


def _text(line: Line) -> str:
    """A line that is a link shows its address; links in others would make them unreadable."""
    text = "".join(span.text for span in line)
    return f"{text}: {line[0].url}" if len(line) == 1 and line[0].url else text


def _html(line: Line) -> str:
    return "".join(_element(span) for span in line)


def _element(span: Span) -> str:
    text = escape(span.text)
    if span.url is not None:
        return f'<a href="{escape(span.url)}">{text}</a>'
    if span.bold:
        return f"<b>{text}</b>"
    return f"<code>{text}</code>" if span.code else text


def _outcome(receipt: Receipt, recipients: int, duration_ns: int) -> Outcome:
    delivered = receipt.stage == "DATA" and receipt.code == 250
    detail = f"SMTP {receipt.code}" if delivered else f"SMTP {receipt.code} to {receipt.stage}"
    if receipt.refused:
        told = ", ".join(f"{one} ({code})" for one, code in receipt.refused)
        detail += f"; {len(receipt.refused)} of {recipients} recipients refused: {told}"
    return Outcome(
        status=receipt.code,
        detail=detail,
        answer=b"",
        permanent=receipt.stage in ("MAIL", "RCPT", "DATA") and 500 <= receipt.code < 600,
        delivered=delivered,
        retry_after_s=None,
        duration_ns=duration_ns,
    )


def _failed(error: OutboundError, duration_ns: int) -> Outcome:
    return Outcome(None, str(error), b"", False, False, None, duration_ns)

"""Mail through the door: SMTP (RFC 5321) over a checked connection, with the standard library's client."""

import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from app.outbound.calls import Limits
from app.outbound.door import Door
from app.outbound.errors import Fault, OutboundError

_LIMITS = Limits()
_ANSWERS_MAX = 64 * 1024
"""Bytes that a server may say in one session."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over. `starttls` and `tls` verify the certificate against `host`."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Mail:
    """`content` is a whole message (RFC 5322) with CRLF line ends; the addresses are those of the envelope."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the server said last: `code` 250 and its text where it took the mail for at least one recipient.

    `stage` is the command that was answered; `refused` are the recipients that it didn't take, with its codes.
    """

    code: int
    text: bytes
    stage: str
    refused: tuple[tuple[str, int], ...] = ()


def post(door: Door, server: MailServer, mail: Mail, limits: Limits = _LIMITS) -> Receipt:
    """Hand `mail` over once. Raise OutboundError where the session broke off; a refusal is a receipt."""
    session = _Session(door, server, limits)
    with _ended_by(session, limits.total_s):
        try:
            return session.hand_over(mail)
        except smtplib.SMTPResponseException as refusal:
            return Receipt(refusal.smtp_code, _bytes(refusal.smtp_error), session.stage)
        except (smtplib.SMTPException, OSError) as error:
            raise session.failure(error) from None


class _Session(smtplib.SMTP):
    """smtplib's client over the checked network, and with an end to what the other side may say.

    `stage` is what the server has to answer next.
    """

    def __init__(self, door: Door, server: MailServer, limits: Limits) -> None:
        now = time.monotonic()
        self._door, self._server = door, server
        self._deadline, self._connect_by = now + limits.total_s, now + limits.connect_s
        self.stage = "connection"
        super().__init__(local_hostname="[127.0.0.1]", timeout=limits.total_s)
        self._host = server.host  # against which smtplib has certificates checked

    def hand_over(self, mail: Mail) -> Receipt:
        self._greet()
        self.stage = "MAIL"
        code, text = self.mail(mail.sender)
        if code != 250:
            return Receipt(code, text, self.stage)
        self.stage = "RCPT"
        answers = {one: self.rcpt(one) for one in mail.recipients}
        refused = tuple((one, code) for one, (code, _text) in answers.items() if code not in (250, 251))
        if len(refused) == len(answers):
            return Receipt(*next(iter(answers.values())), self.stage, refused)
        self.stage = "DATA"
        receipt = Receipt(*self.data(mail.content), self.stage, refused)
        with suppress(smtplib.SMTPException, OutboundError):  # it has been taken
            self.quit()
        return receipt

    def _greet(self) -> None:
        code, text = self.connect(self._server.host, self._server.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, text)
        self.stage = "EHLO"
        self.ehlo_or_helo_if_needed()
        if self._server.security == "starttls":
            self.stage = "STARTTLS"
            self.starttls(context=self._door.tls)
        if self._server.user is not None:
            self.stage = "AUTH"
            self.login(self._server.user, self._server.password or "")

    def failure(self, error: Exception) -> OutboundError:
        """What `error` means. None of smtplib's own texts is repeated: they quote the server."""
        if isinstance(error, OutboundError):
            return error
        if isinstance(error, ssl.SSLCertVerificationError):
            return OutboundError(Fault.TLS, f"certificate refused: {error.verify_message}")
        if isinstance(error, ssl.SSLError):
            return OutboundError(Fault.TLS, f"agreeing on TLS: {error.reason or 'failed'}")
        if isinstance(error, smtplib.SMTPNotSupportedError):
            return OutboundError(Fault.PROTOCOL, f"the mail server offers no {self.stage}")
        if time.monotonic() >= self._deadline:
            return OutboundError(Fault.TIMEOUT, f"timed out waiting for the answer to {self.stage}")
        return OutboundError(Fault.BROKEN, f"the mail server broke off at {self.stage}")

    def hang_up(self) -> None:
        """End every wait of the session, from another thread."""
        with suppress(OSError):
            if self.sock is not None:  # not SSLSocket's own way, which takes TLS away under a reader
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        stream = self._door.network.connect_tcp(host, port, self._connect_by)
        if self._server.security == "tls":
            stream = stream.start_tls(self._door.tls, host, self._connect_by)
        sock: socket.socket = stream.get_extra_info("socket")
        sock.settimeout(timeout)
        self.local_hostname = _literal(sock.getsockname()[0])
        return sock

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = _Bounded(self.sock.makefile("rb"))
        code, text = super().getreply()
        if code < 200:
            raise OutboundError(Fault.PROTOCOL, f"the answer to {self.stage} is not SMTP")
        return code, text


class _Bounded:
    """The lines of a server, up to _ANSWERS_MAX bytes of them."""

    def __init__(self, file: Any) -> None:
        self._file, self._left = file, _ANSWERS_MAX

    def readline(self, most: int) -> bytes:
        line: bytes = self._file.readline(most)
        self._left -= len(line)
        if self._left < 0:
            raise OSError("it talks without end")
        return line

    def close(self) -> None:
        self._file.close()


@contextmanager
def _ended_by(session: _Session, seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, session.hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        session.close()


def _literal(address: str) -> str:
    """How a client without a name greets (RFC 5321 §4.1.3): that asks no name server."""
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _bytes(text: str | bytes) -> bytes:
    return text.encode("utf-8", "replace") if isinstance(text, str) else text

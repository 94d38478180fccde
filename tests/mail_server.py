"""A real SMTP server on loopback, with a certificate of its own, that remembers what it was handed."""

import ssl
import warnings
from dataclasses import dataclass, field
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

PASSWORD = "s3cr3t-s3cr3t"


@dataclass
class MailServer:
    """Between `with` and its end on a free port of 127.0.0.1.

    `tls`: offered by STARTTLS, or spoken from the start where it is `implicit`. `asks` for user `tagtrail`, PASSWORD.
    `answers` are what it says to an envelope's address or, as "DATA", to a message, where that isn't 250.
    """

    tls: ssl.SSLContext | None = None
    implicit: bool = False
    asks: bool = False
    answers: dict[str, str] = field(default_factory=dict)
    heard: list[Envelope] = field(default_factory=list)
    greeted: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._controller = _Controller(self)
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    @property
    def port(self) -> int:
        return int(self._controller.server.sockets[0].getsockname()[1])

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.greeted.append(hostname)
        return responses

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if "DATA" in self.answers:
            return self.answers["DATA"]
        self.heard.append(envelope)
        return "250 2.0.0 queued as 1"


class _Controller(Controller):
    def __init__(self, owner: MailServer) -> None:
        implicit = owner.tls if owner.implicit else None
        super().__init__(owner, hostname="127.0.0.1", port=0, ssl_context=implicit)
        self.owner = owner

    def factory(self) -> SMTP:
        owner, offered = self.owner, None if self.owner.implicit else self.owner.tls
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # it sees no TLS where that is spoken from the start
            return SMTP(
                owner,
                hostname="mail.test",
                tls_context=offered,
                require_starttls=offered is not None,
                auth_required=owner.asks,
                auth_require_tls=offered is not None,
                authenticator=_authenticate if owner.asks else None,
            )

    def _trigger_server(self) -> None:
        """Its first connection goes to the port that was free."""
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


def _authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    shown = (data.login.decode(), data.password.decode())
    return AuthResult(success=shown == ("tagtrail", PASSWORD), handled=False)

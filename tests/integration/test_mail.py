"""Mail against a real SMTP server: what is handed over, over what, and what its refusals mean."""

import email
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any, cast

import pytest
from certificates import self_signed
from mail_server import PASSWORD, MailServer
from tellings import MOVED

from app.outbound import Door, Limits, Mail, OutboundError, post
from app.outbound import MailServer as Server
from app.sinks.email import Email
from app.sinks.sink import Outcome

NOW_S = 1_795_464_407
TO = ("ops@example.com", "dev@example.com")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("tls"), "mail.example")


@pytest.fixture(scope="module")
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def door(certificate: Path) -> Iterator[Door]:
    with Door(certificate, lambda host, port: ["127.0.0.1"]) as door:
        yield door


def sent(door: Door, server: MailServer, security: Any = "none", host: str = "mail.example", **shown: Any) -> Outcome:
    sink = Email(door, Server(host, server.port, security, **shown), "tagtrail@example.com", TO)
    return sink.send("msg_1", sink.render([MOVED]), NOW_S)


def read(content: bytes) -> EmailMessage:
    return cast(EmailMessage, email.message_from_bytes(content, policy=SMTP))


def test_a_mail_arrives_as_it_was_rendered(door: Door) -> None:
    with MailServer() as server:
        outcomes = [sent(door, server), sent(door, server)]
    assert [(one.delivered, one.status, one.detail) for one in outcomes] == [(True, 250, "SMTP 250")] * 2
    first, again = server.heard
    assert (first.mail_from, first.rcpt_tos) == ("tagtrail@example.com", list(TO))
    assert first.content == again.content, "a repeat is the same message with the same Message-ID"
    message = read(first.content)
    assert (message["From"], message["To"]) == ("tagtrail@example.com", "ops@example.com, dev@example.com")
    assert message["Message-ID"] == "<msg_1@example.com>"
    assert message["Date"] == "Mon, 23 Nov 2026 20:06:47 +0000"
    assert message["Subject"] == "[tagtrail] moved registry.example:5000/shop/web:stable"
    text, html = message.iter_parts()
    assert "1b6ef1054860 → 9f86d081884c" in cast(EmailMessage, text).get_content()
    assert "<code>9f86d081884c</code>" in cast(EmailMessage, html).get_content()
    assert set(server.greeted) == {"[127.0.0.1]"}


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_password_goes_over_tls(door: Door, tls: ssl.SSLContext, security: str) -> None:
    with MailServer(tls, implicit=security == "tls", asks=True) as server:
        good = sent(door, server, security, user="tagtrail", password=PASSWORD)
        bad = sent(door, server, security, user="tagtrail", password="wr0ng-wr0ng")
    assert good.delivered
    assert (bad.delivered, bad.permanent, bad.detail) == (False, False, "SMTP 535 to AUTH")
    assert len(server.heard) == 1
    assert not [secret for secret in (PASSWORD, "wr0ng") if secret in repr((good, bad))]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_another_name_in_the_certificate_is_refused(door: Door, tls: ssl.SSLContext, security: str) -> None:
    with MailServer(tls, implicit=security == "tls") as server:
        outcome = sent(door, server, security, host="other.example")
    assert (outcome.delivered, outcome.permanent) == (False, False)
    assert outcome.detail.startswith("tls: certificate refused: Hostname mismatch")
    assert server.heard == []


def test_a_server_without_starttls_gets_nothing(door: Door) -> None:
    with MailServer() as server:
        outcome = sent(door, server, "starttls")
    assert outcome.detail == "protocol: the mail server offers no STARTTLS"
    assert server.heard == []


@pytest.mark.parametrize(
    ("answers", "permanent", "detail"),
    [
        ({"DATA": "554 5.7.1 no"}, True, "SMTP 554 to DATA"),
        ({"DATA": "452 4.2.2 full"}, False, "SMTP 452 to DATA"),
        (
            dict.fromkeys(TO, "550 5.1.1 unknown"), True,
            "SMTP 550 to RCPT; 2 of 2 recipients refused: ops@example.com (550), dev@example.com (550)",
        ),
        (
            dict.fromkeys(TO, "450 4.2.0 greylisted"), False,
            "SMTP 450 to RCPT; 2 of 2 recipients refused: ops@example.com (450), dev@example.com (450)",
        ),
    ],
)  # fmt: skip
def test_a_refusal_is_final_or_not(door: Door, answers: dict[str, str], permanent: bool, detail: str) -> None:
    with MailServer(answers=answers) as server:
        outcome = sent(door, server)
    assert (outcome.delivered, outcome.permanent, outcome.detail) == (False, permanent, detail)
    assert server.heard == []


def test_one_recipient_who_takes_it_is_enough(door: Door) -> None:
    with MailServer(answers={TO[1]: "550 5.1.1 unknown"}) as server:
        outcome = sent(door, server)
    assert outcome.delivered
    assert outcome.detail == "SMTP 250; 1 of 2 recipients refused: dev@example.com (550)"
    assert [one.rcpt_tos for one in server.heard] == [[TO[0]]]


def test_metadata_addresses_are_refused() -> None:
    with Door(resolve=lambda host, port: ["169.254.169.254"]) as door, pytest.raises(OutboundError, match="metadata"):
        post(door, Server("mail.example", 25, "none"), Mail("a@example.com", TO, b"x"))


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        (b"", "timeout: timed out waiting for the answer to connection"),
        (b"220-more\r\n" * 100_000, "broken connection: the mail server broke off at connection"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "protocol: the answer to connection is not SMTP"),
    ],
)
def test_a_server_that_says_nothing_or_too_much_has_an_end(door: Door, says: bytes, reason: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_talk, args=(listening, says), daemon=True).start()
        started = time.monotonic()
        with pytest.raises(OutboundError) as caught:
            server = Server("mail.example", listening.getsockname()[1], "none")
            post(door, server, Mail("a@example.com", TO, b"x"), Limits(total_s=1.0))
    assert str(caught.value) == reason
    assert time.monotonic() - started < 5


def _talk(listening: socket.socket, says: bytes) -> None:
    connection, _address = listening.accept()
    with connection:
        try:
            connection.sendall(says)
            connection.recv(1)
        except OSError:
            pass

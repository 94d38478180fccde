"""One attempt of each sink against a real listener: headers, signatures, outcomes, hidden secrets."""

import base64
import hashlib
import hmac
import socket
import traceback
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from listener import Listener, Reply
from pydantic import SecretStr
from tellings import MOVED
from wire import answering, wire

from app.domain.signatures import InvalidSecretError
from app.outbound import Door, InvalidUrlError
from app.settings.channels import DiscordChannel, SlackChannel, TeamsChannel, WebhookChannel
from app.sinks import kinds
from app.sinks.attempt import retry_after
from app.sinks.sink import Outcome, Sink

KEY = b"0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
SECTIONS = {"webhook": WebhookChannel, "slack": SlackChannel, "teams": TeamsChannel, "discord": DiscordChannel}
PATH = "/services/T0001/B0002/s3cr3t-s3cr3t?token=t0k3n-t0k3n"
NOW_S = 1_795_464_407


@pytest.fixture
def door() -> Iterator[Door]:
    with Door() as door:
        yield door


def channel(kind: str, url: str, secret: str | None, door: Door) -> Sink:
    shown = {"url": SecretStr(url), "secret": SecretStr(secret) if secret is not None else None}
    return kinds.channel(SECTIONS[kind].model_construct(**shown), door)


def sink_of(kind: str, url: str, door: Door) -> Sink:
    return channel(kind, url, SECRET if kind == "webhook" else None, door)


def sent(kind: str, door: Door, reply: Reply) -> Outcome:
    with Listener([reply]) as listener:
        sink = sink_of(kind, listener.url + PATH, door)
        return sink.send("msg_1", sink.render([MOVED]), NOW_S)


def test_a_webhook_is_signed_so_that_others_can_verify_it(door: Door) -> None:
    with Listener([Reply(204)]) as listener:
        sink = sink_of("webhook", listener.url + PATH, door)
        message = sink.render([MOVED])
        outcomes = [sink.send("msg_1", message, NOW_S), sink.send("msg_1", message, NOW_S + 5)]
        first, second = listener.wait_for(2)
    assert [outcome.delivered for outcome in outcomes] == [True, True]
    assert (first.method, first.path) == ("POST", PATH)
    assert first.headers["content-type"] == "application/json"
    assert first.headers["user-agent"].startswith("Tagtrail/")
    for heard, seconds in ((first, NOW_S), (second, NOW_S + 5)):
        assert heard.body == message.body
        assert heard.headers["webhook-id"] == "msg_1"
        assert heard.headers["webhook-timestamp"] == str(seconds)
        signed = b"msg_1.%d." % seconds + heard.body
        expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
        assert heard.headers["webhook-signature"] == f"v1,{expected}"


def test_a_webhook_without_a_secret_is_not_signed(door: Door) -> None:
    with Listener() as listener:
        sink = channel("webhook", listener.url, None, door)
        assert sink.send("msg_1", sink.render([MOVED]), NOW_S).delivered
        headers = listener.wait_for(1)[0].headers
    assert "webhook-id" in headers
    assert "webhook-signature" not in headers


def test_slack_gets_the_rendered_bytes(door: Door) -> None:
    with Listener([Reply(200, body=b"ok")]) as listener:
        sink = sink_of("slack", listener.url + PATH, door)
        message = sink.render([MOVED])
        outcome = sink.send("msg_1", message, NOW_S)
        heard = listener.wait_for(1)[0]
    assert (heard.method, heard.path, heard.body) == ("POST", PATH, message.body)
    assert heard.headers["content-type"] == "application/json"
    assert (outcome.delivered, outcome.status, outcome.detail, outcome.answer) == (
        True,
        200,
        "HTTP 200",
        b"ok",
    )
    assert outcome.duration_ns > 0


@pytest.mark.parametrize("kind", SECTIONS)
@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_every_2xx_is_delivered(door: Door, kind: str, status: int) -> None:
    outcome = sent(kind, door, Reply(status, {"Retry-After": "9"}))
    assert (outcome.delivered, outcome.permanent, outcome.retry_after_s) == (True, False, None)


@pytest.mark.parametrize(
    ("kind", "status", "permanent"),
    [
        ("webhook", 400, False),
        ("webhook", 404, False),
        ("webhook", 410, True),
        ("webhook", 500, False),
        ("slack", 400, True),
        ("slack", 403, True),
        ("slack", 404, True),
        ("slack", 410, True),
        ("slack", 429, False),
        ("slack", 500, False),
        ("teams", 400, True),
        ("teams", 401, True),
        ("teams", 413, True),
        ("teams", 429, False),
        ("teams", 502, False),
        ("discord", 400, True),
        ("discord", 404, True),
        ("discord", 429, False),
        ("discord", 500, False),
    ],
)
def test_which_statuses_are_permanent(door: Door, kind: str, status: int, permanent: bool) -> None:
    outcome = sent(kind, door, Reply(status))
    assert (outcome.delivered, outcome.status, outcome.permanent) == (False, status, permanent)
    assert outcome.detail == f"HTTP {status}"


@pytest.mark.parametrize("kind", SECTIONS)
@pytest.mark.parametrize("status", [429, 503, 500])
@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30.0),
        ("0", 0.0),
        ("Mon, 23 Nov 2026 20:07:47 GMT", 60.0),
        ("Mon, 23 Nov 2020 20:07:47 GMT", 0.0),
        ("soon", None),
    ],
)
def test_retry_after_is_read(door: Door, kind: str, status: int, value: str, seconds: float | None) -> None:
    assert sent(kind, door, Reply(status, {"Retry-After": value})).retry_after_s == seconds


@given(st.text())
def test_any_retry_after_is_read_or_ignored(text: str) -> None:
    wanted = retry_after(text, NOW_S)
    assert wanted is None or wanted >= 0


@pytest.mark.parametrize("kind", SECTIONS)
def test_a_redirect_is_a_failure_that_says_where_it_pointed(door: Door, kind: str) -> None:
    outcome = sent(kind, door, Reply(308, {"Location": "https://new.example/s3cr3t-s3cr3t"}))
    assert (outcome.delivered, outcome.permanent) == (False, False)
    assert outcome.detail == "HTTP 308, a redirect to https://new.example/…, which is not followed"


def test_slacks_reason_is_told(door: Door) -> None:
    assert sent("slack", door, Reply(404, body=b"no_service")).detail == "HTTP 404: no_service"
    assert sent("slack", door, Reply(400, body=b"invalid_payload\n")).detail == "HTTP 400: invalid_payload"
    assert sent("slack", door, Reply(404, body=b"<h1>Not found</h1>")).detail == "HTTP 404"


def test_nobody_listening_is_an_outcome(door: Door) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    sink = sink_of("webhook", f"http://127.0.0.1:{port}{PATH}", door)
    outcome = sink.send("msg_1", sink.render([MOVED]), NOW_S)
    assert (outcome.delivered, outcome.permanent, outcome.status) == (False, False, None)
    assert outcome.detail == f"connect: connecting to 127.0.0.1 port {port}: Connection refused"


@pytest.mark.parametrize(
    ("status", "delivered", "permanent"), [(200, True, False), (410, False, True), (500, False, False)]
)
def test_a_status_counts_even_if_the_body_breaks_off(door: Door, status: int, delivered: bool, permanent: bool) -> None:
    with wire(answering(b"HTTP/1.1 %d X\r\nContent-Length: 99\r\n\r\nshort" % status)) as server:
        sink = sink_of("webhook", f"http://127.0.0.1:{server.port}/", door)
        outcome = sink.send("msg_1", sink.render([MOVED]), NOW_S)
    assert (outcome.status, outcome.delivered, outcome.permanent) == (status, delivered, permanent)
    assert outcome.detail.startswith(f"HTTP {status}, then protocol: ")


@pytest.mark.parametrize("kind", SECTIONS)
@pytest.mark.parametrize("filler", [b"", b"x" * 16_250, b"x" * 16_370, b"x" * 100_000])
def test_an_answer_is_cut_and_repeats_no_secret(door: Door, kind: str, filler: bytes) -> None:
    body = b"Cannot POST " + PATH.encode() * 100 + filler + PATH.encode()
    outcome = sent(kind, door, Reply(404, body=body))
    assert len(outcome.answer) <= 2048
    assert outcome.answer.startswith(b"Cannot POST [hidden]")
    for secret in (b"s3cr3t", b"t0k3n"):
        assert secret not in outcome.answer


def test_a_secret_cut_in_two_is_not_shown(door: Door) -> None:
    """Hiding shortens the body, so the end of what was read may come before the end of what is shown."""
    path = "/hooks/" + "s3cr3t" * 100
    with Listener([Reply(404, body=path.encode() * 30)]) as listener:
        sink = sink_of("webhook", listener.url + path, door)
        outcome = sink.send("msg_1", sink.render([MOVED]), NOW_S)
    assert outcome.answer.startswith(b"[hidden][hidden]")
    assert b"s3cr3t" not in outcome.answer


@pytest.mark.parametrize("kind", SECTIONS)
def test_a_sink_hides_its_secrets(door: Door, kind: str) -> None:
    sink = sink_of(kind, f"https://hooks.example{PATH}", door)
    for secret in ("s3cr3t", "t0k3n", SECRET, repr(KEY)):
        assert secret not in repr(sink)


@pytest.mark.parametrize(
    ("kind", "url", "secret", "error"),
    [
        ("webhook", "https://user:s3cr3t@h/", None, InvalidUrlError),
        ("webhook", "s3cr3t", None, InvalidUrlError),
        ("webhook", "https://h/", "s3cr3t", InvalidSecretError),
        ("webhook", "https://h/", "whsec_s3cr3t", InvalidSecretError),
        ("slack", "https://h h/s3cr3t", None, InvalidUrlError),
        ("teams", "https://h h/s3cr3t", None, InvalidUrlError),
        ("discord", "ftp://h/s3cr3t", None, InvalidUrlError),
    ],
)
def test_a_bad_configuration_is_refused_without_being_repeated(
    door: Door, kind: str, url: str, secret: str | None, error: type[Exception]
) -> None:
    with pytest.raises(error) as caught:
        channel(kind, url, secret, door)
    printed = "".join(traceback.format_exception_only(caught.value))
    assert "s3cr3t" not in printed
    assert caught.value.__context__ is None or caught.value.__suppress_context__

"""Destinations with a proxy, an authority or a time of their own, from the configuration to the wire."""

import base64
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from certificates import self_signed, serving
from click.testing import CliRunner
from journalling import Place, place
from listener import Listener, Reply
from proxy_server import proxy_server
from wire import answering, hanging, wire

from app.bootstrap import make_notify_doors, make_receivers, make_sinks
from app.cli import main
from app.outbound import Call, Door, Fault, InvalidUrlError, Limits, OutboundError, Proxy, Url
from app.settings import ConfigurationError, load
from app.sinks.sink import Message, Patient, Sink
from app.store.engine import reading
from app.store.standings import standings
from app.usecases.deliver import LEASE_NS, lease_ns
from app.usecases.notify import notify

__all__ = ["place"]

TAKEN = answering(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok")
LOGIN = "http://me:s3cr3t%21@"
MESSAGE = Message("application/json", b"{}")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("tls"), "localhost")


@pytest.fixture
def door() -> Iterator[Door]:
    with Door() as door:
        yield door


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TAGTRAIL_CONFIG", raising=False)
    monkeypatch.setenv("TAGTRAIL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TOKEN", "t0k3n-t0k3n")
    return tmp_path


def sinks(folder: Path, door: Door, text: str) -> Mapping[str, Sink]:
    (folder / "tagtrail.yml").write_text(text)
    return make_sinks(load(), door)


# The door and a proxy


def test_plain_http_goes_through_the_proxy_whole(certificate: Path) -> None:
    def never(host: str, port: int) -> list[str]:
        raise AssertionError(f"{host} is the proxy's to look up")

    with Listener() as listener, proxy_server() as server:
        proxy = Proxy.parse(server.url.replace("http://", LOGIN))
        port = Url.parse(listener.url).port
        with Door(through=proxy, resolve=never) as through:
            answer = through.send(Call("POST", Url.parse(f"http://deploy.example:{port}/hook?a=1"), {}, b"body"))
        (heard,) = listener.wait_for(1)
    assert answer.status == 200
    assert heard.body == b"body"
    assert server.asked[0].startswith(f"POST http://deploy.example:{port}/hook?a=1 HTTP/1.1\r\n".encode())
    assert b"Proxy-Authorization: Basic bWU6czNjcjN0IQ==" in server.asked[0]


def test_https_goes_through_a_tunnel_that_sees_nothing(certificate: Path) -> None:
    heard: list[bytes] = []

    def talk(connection: object, state: object) -> None:
        heard.append(connection.recv(65536))  # type: ignore[attr-defined]
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")  # type: ignore[attr-defined]

    with wire(talk, serving(certificate)) as target, proxy_server() as server:
        proxy = Proxy.parse(server.url.replace("http://", LOGIN))
        with Door(certificate, through=proxy) as through:
            assert through.send(Call("GET", Url.parse(f"https://localhost:{target.port}/s3cr3t"))).body == b"ok"
        with Door(through=proxy) as through, pytest.raises(OutboundError) as caught:
            through.send(Call("GET", Url.parse(f"https://localhost:{target.port}/")))
    assert caught.value.fault is Fault.TLS
    assert server.asked[0].startswith(f"CONNECT localhost:{target.port} HTTP/1.1\r\n".encode())
    assert b"/s3cr3t" not in server.asked[0]
    assert heard[0].startswith(b"GET /s3cr3t HTTP/1.1\r\n")
    assert b"proxy-authorization" not in heard[0].lower()


@pytest.mark.parametrize(
    ("refusal", "says"),
    [
        (b"HTTP/1.1 407 Say s3cr3t\r\nContent-Length: 0\r\n\r\n", "connect: the proxy answered 407"),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "connect: the proxy answered 502"),
        (b"SSH-2.0-OpenSSH\r\n", "protocol: the answer is not HTTP, or ended early"),
    ],
)
def test_a_proxy_that_refuses_is_told_without_its_words(refusal: bytes, says: str) -> None:
    call = Call("GET", Url.parse("https://deploy.example/"))
    with (
        proxy_server(refusal) as server,
        Door(through=Proxy.parse(server.url)) as through,
        pytest.raises(OutboundError) as caught,
    ):
        through.send(call)
    assert str(caught.value) == says


def test_a_proxy_that_says_nothing_holds_up_no_longer_than_a_destination() -> None:
    with wire(hanging) as server, Door(through=Proxy.parse(f"http://127.0.0.1:{server.port}")) as through:
        for scheme in ("http", "https"):
            with pytest.raises(OutboundError) as caught:
                through.send(Call("GET", Url.parse(f"{scheme}://deploy.example/")), Limits(0.3, 0.2))
            assert caught.value.fault is Fault.TIMEOUT


def test_a_proxy_at_a_refused_address_is_refused() -> None:
    with Door(through=Proxy.parse("http://169.254.169.254")) as through, pytest.raises(OutboundError) as caught:
        through.send(Call("GET", Url.parse("https://deploy.example/")))
    assert caught.value.fault is Fault.REFUSED


@pytest.mark.parametrize("text", ["s3cr3t", "socks5://s3cr3t:1", "http://a:s3cr3t@", "http://p/s3cr3t", "http://[s3cr3t"])
def test_what_is_no_proxy_is_not_repeated(text: str) -> None:
    with pytest.raises(InvalidUrlError) as caught:
        Proxy.parse(text)
    assert "s3cr3t" not in str(caught.value)
    assert "s3cr3t" not in repr(Proxy.parse("http://me:s3cr3t@proxy:3128"))


# The configuration


def test_each_kind_that_is_http_takes_them(folder: Path, door: Door, certificate: Path) -> None:
    """A webhook, a preset and a chat, each at a server whose certificate only `ca` trusts, through a proxy."""
    (folder / "ca.pem").write_text(certificate.read_text())
    with wire(TAKEN, serving(certificate)) as target, proxy_server() as server:
        own = f'url: "https://localhost:{target.port}/", tls: {{ca: ca.pem}}, timeout: 7s, proxy: "{server.url}"'
        found = sinks(
            folder, door,
            f"triggers: {{web: {{kind: webhook, {own}}}, "
            f"ci: {{kind: gitlab, project: web, token: '${{env:TOKEN}}', {own}}}}}\n"
            f"channels: {{ops: {{kind: slack, {own}}}, bot: {{kind: webhook, {own}}}, d: {{kind: discord, {own}}}, "
            f"t: {{kind: teams, {own}}}}}\n",
        )  # fmt: skip
        for name, sink in found.items():
            outcome = sink.send("msg_1", MESSAGE, 1)
            assert (outcome.status, outcome.delivered) == (201, True), (name, outcome)
            assert isinstance(sink, Patient)
            assert sink.longest_s == 7
            assert lease_ns(sink) == 12 * 10**9
        assert target.connections == len(server.asked) == len(found) == 6


def test_no_answer_repeats_what_the_proxy_was_shown(folder: Path, door: Door) -> None:
    """A proxy may have its say in any answer to plain http."""
    with Listener() as listener:
        listener.answer = lambda heard: Reply(502, {}, f"{heard.headers}".encode())
        said = f'proxy: "{listener.url.replace("//", "//me:${env:TOKEN}@")}"'
        found = sinks(folder, door, f"triggers: {{web: {{kind: webhook, url: 'http://a.example/', {said}}}}}\n")
        outcome = found["trigger:web"].send("msg_1", MESSAGE, 1)
    assert b"proxy-authorization" in outcome.answer
    assert base64.b64encode(b"me:t0k3n-t0k3n") not in outcome.answer


def test_who_says_nothing_shares_the_door(folder: Path, door: Door) -> None:
    found = sinks(folder, door, "triggers: {web: {kind: webhook, url: 'http://a.example/'}}\n")
    assert found["trigger:web"].door is door  # type: ignore[attr-defined]
    assert lease_ns(found["trigger:web"]) == LEASE_NS


def test_a_destination_has_as_long_as_it_is_given_and_no_longer(folder: Path, door: Door) -> None:
    with wire(hanging) as server:
        url = f"http://127.0.0.1:{server.port}/"
        found = sinks(folder, door, f"triggers: {{web: {{kind: webhook, url: '{url}', timeout: 200ms}}}}\n")
        outcome = found["trigger:web"].send("msg_1", MESSAGE, 1)
    assert outcome.detail == "timeout: timed out waiting for the answer"
    assert outcome.duration_ns < 5 * 10**9


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ("tls: {ca: none.pem}", ":2: triggers.web.tls.ca: FOLDER/none.pem can't be used: No such file or directory"),
        ("tls: {ca: tagtrail.yml}", ":2: triggers.web.tls.ca: FOLDER/tagtrail.yml can't be used: "),
        ("tls: {ce: a}", "triggers.web.tls.ce: unknown key 'ce'; did you mean 'ca'?"),
        ('proxy: "http://me:${env:TOKEN}@proxy/x"', ":2: triggers.web.proxy: not a usable URL: a proxy has no path"),
        ('proxy: "socks5://${env:TOKEN}"', ":2: triggers.web.proxy: not a usable URL: it must start with http://"),
        ("timeout: 11m", "triggers.web.timeout: "),
        ("timeout: 0s", "triggers.web.timeout: "),
    ],
)
def test_what_can_not_be_used_is_told_at_the_start(folder: Path, door: Door, said: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        sinks(folder, door, f"triggers:\n  web: {{kind: webhook, url: 'http://a.example/', {said}}}\n")
    assert complaint.replace("FOLDER", str(folder)) in str(caught.value)
    assert "t0k3n" not in str(caught.value)
    checked = CliRunner().invoke(main, ["rules", "check"])
    assert checked.exit_code == 1
    assert "t0k3n" not in checked.output


def test_what_is_no_http_takes_none(folder: Path, door: Door) -> None:
    for kind in ("kubernetes, workload: deployment/web", "swarm, service: web, socket: /run/docker.sock"):
        with pytest.raises(ConfigurationError, match="unknown key 'proxy'"):
            sinks(folder, door, f'triggers: {{web: {{kind: {kind}, proxy: "http://p"}}}}\n')


# Endpoints of our registry


@pytest.mark.parametrize(
    ("shown", "delivered"), [(", certificate: node.cert.pem, key: node.key.pem", True), ("", False)]
)
def test_an_endpoint_may_demand_a_certificate(
    place: Place, folder: Path, certificate: Path, shown: str, delivered: bool
) -> None:
    self_signed(folder, "node")
    (folder / "ca.pem").write_text(certificate.read_text())
    demanding = serving(certificate)
    demanding.verify_mode = ssl.CERT_REQUIRED
    demanding.maximum_version = ssl.TLSVersion.TLSv1_2  # by TLS 1.3 a client hears only later that it was refused
    demanding.load_verify_locations(folder / "node.cert.pem")
    place.push_blob("shop/web", b"one")
    with wire(TAKEN, demanding) as target:
        endpoint = f"{{name: audit, url: 'https://localhost:{target.port}/', tls: {{ca: ca.pem{shown}}}}}"
        (folder / "tagtrail.yml").write_text(f"registry: {{notifications: {{endpoints: [{endpoint}]}}}}")
        (receiver,) = make_receivers(load()).values()
        with make_notify_doors({"audit": receiver}, Door())["audit"] as own:
            assert notify(place.engine, receiver, own, 0.0) == delivered
    with reading(place.engine) as connection:
        (found,) = standings(connection)
    assert found.answer is None if delivered else str(found.answer).startswith("tls: ")

"""The door against real servers on loopback: the well-behaved, the broken and the malicious."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from certificates import self_signed, serving
from listener import Listener, Reply
from wire import Talk, answering, dribbling, flooding, hanging, read_request, resetting, wire

from app.outbound import Call, Door, Fault, Limits, OutboundError, Tls, Url

QUICK = Limits(total_s=0.4, connect_s=0.3)
OK = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
def door() -> Iterator[Door]:
    with Door() as door:
        yield door


def get(url: str) -> Call:
    return Call("GET", Url.parse(url))


def failure(door: Door, call: Call, limits: Limits = QUICK) -> OutboundError:
    with pytest.raises(OutboundError) as caught:
        door.send(call, limits)
    return caught.value


class Names:
    """A resolver of the test's own that counts its questions."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.asked: list[tuple[str, int]] = []
        self._answers = answers

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return self._answers[min(len(self.asked), len(self._answers)) - 1]


def test_a_call_arrives_as_it_was_made(door: Door) -> None:
    with Listener([Reply(202, {"X-Seen": "yes"}, b"thanks")]) as listener:
        answer = door.send(Call("POST", Url.parse(f"{listener.url}/hook?a=1"), {"X-Test": "ä"}, b"body"))
        (heard,) = listener.wait_for(1)
    assert (answer.status, answer.body, answer.truncated) == (202, b"thanks", False)
    assert answer.header("x-seen") == "yes"
    assert answer.duration_ns > 0
    assert (heard.method, heard.path, heard.body) == ("POST", "/hook?a=1", b"body")
    assert heard.headers["host"] == listener.url.removeprefix("http://")
    assert heard.headers["user-agent"].startswith("Tagtrail/")
    assert heard.headers["content-length"] == "4"
    assert "accept-encoding" not in heard.headers


def test_chunks_are_sent_as_they_come(door: Door) -> None:
    with Listener() as listener:
        url = Url.parse(listener.url)
        door.send(Call("PUT", url, {}, iter([b"one", b"two"])))
        door.send(Call("PUT", url, {"Content-Length": "6"}, iter([b"one", b"two"])))
        first, second = listener.wait_for(2)
    assert first.headers["transfer-encoding"] == "chunked"
    assert "transfer-encoding" not in second.headers
    assert first.body == second.body == b"onetwo"


def test_a_body_shorter_than_promised_is_the_callers_fault(door: Door) -> None:
    with Listener() as listener:
        call = Call("PUT", Url.parse(listener.url), {"Content-Length": "9"}, iter([b"one"]))
        assert failure(door, call).fault is Fault.PROTOCOL


def test_connections_are_kept_and_given_up() -> None:
    def talk(connection: socket.socket, _: object) -> None:
        while read_request(connection):
            connection.sendall(OK + b"Content-Length: 2\r\n\r\nok")

    with wire(talk) as server:
        call = get(f"http://127.0.0.1:{server.port}/")
        with Door() as door:
            assert [door.send(call).body for _ in range(3)] == [b"ok"] * 3
            assert server.connections == 1
            with door.open(call) as incoming:
                assert incoming.status == 200
            assert door.send(call).status == 200
            assert server.connections == 2


def test_a_connection_that_the_peer_closed_is_not_used_again(door: Door) -> None:
    with wire(answering(OK + b"Content-Length: 2\r\n\r\nok")) as server:
        for _ in range(3):
            assert door.send(get(f"http://127.0.0.1:{server.port}/")).body == b"ok"
            time.sleep(0.05)
        assert server.connections == 3


def test_threads_share_a_door(door: Door) -> None:
    with Listener([Reply(200, body=b"x" * 1000)]) as listener:
        bodies: list[bytes] = []

        def call() -> None:
            bodies.extend(door.send(get(listener.url)).body for _ in range(10))

        threads = [threading.Thread(target=call) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert bodies == [b"x" * 1000] * 80


@pytest.mark.parametrize("proxy", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"])
def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    with Listener() as listener, Listener([Reply(418)]) as tempting:
        monkeypatch.setenv(proxy, tempting.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        with Door() as door:
            assert door.send(get(listener.url)).status == 200
        assert tempting.heard == []


@pytest.mark.parametrize(
    ("location", "pointed"),
    [
        ("https://other.example/s3cr3t?x=1", "https://other.example/…"),
        ("http://other.example", "http://other.example"),
        ("https://user:s3cr3t@other.example/", "(unreadable URL)"),
        ("gopher://x", "(unreadable URL)"),
        ("https://[", "(unreadable URL)"),
    ],
)
def test_redirects_are_told_and_not_followed(door: Door, location: str, pointed: str) -> None:
    with Listener([Reply(302, {"Location": location})]) as listener:
        answer = door.send(get(listener.url))
        assert (answer.status, answer.redirect) == (302, pointed)
        assert len(listener.heard) == 1


def test_a_relative_redirect_stays_and_a_created_thing_is_no_redirect(door: Door) -> None:
    with Listener([Reply(307, {"Location": "/s3cr3t"}), Reply(201, {"Location": "/new"})]) as listener:
        assert door.send(get(listener.url)).redirect == f"{listener.url}/…"
        assert door.send(get(listener.url)).redirect is None


@pytest.mark.parametrize(
    "talk",
    [
        hanging,
        dribbling(b""),
        dribbling(b"HTTP/1.1 200 OK\r\nX-Long: "),
        dribbling(OK + b"Content-Length: 1000\r\n\r\n"),
        dribbling(OK + b"\r\n"),
        dribbling(OK + b"Transfer-Encoding: chunked\r\n\r\n1"),
        flooding(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    ],
)
def test_the_deadline_is_for_the_whole_call(door: Door, talk: Talk) -> None:
    with wire(talk) as server:
        started = time.monotonic()
        error = failure(door, get(f"http://127.0.0.1:{server.port}/"))
        took = time.monotonic() - started
    assert error.fault is Fault.TIMEOUT
    assert 0.3 < took < 1.0


def test_a_timeout_in_the_body_still_tells_the_status(door: Door) -> None:
    with wire(dribbling(OK + b"Content-Length: 1000\r\n\r\n")) as server:
        error = failure(door, get(f"http://127.0.0.1:{server.port}/"))
    assert (error.fault, error.status) == (Fault.TIMEOUT, 200)


def test_a_peer_that_does_not_read_is_cut(door: Door) -> None:
    def talk(connection: socket.socket, state: object) -> None:
        read_request(connection)
        time.sleep(0.8)

    with wire(talk) as server:
        call = Call("POST", Url.parse(f"http://127.0.0.1:{server.port}/"), {}, b"x" * 50_000_000)
        error = failure(door, call)
    assert (error.fault, error.reason) == (Fault.TIMEOUT, "timed out sending the request")


def test_a_resolver_that_hangs_is_cut() -> None:
    release = threading.Event()

    def resolve(host: str, port: int) -> Sequence[str]:
        release.wait(5)
        return ["127.0.0.1"]

    with Door(resolve=resolve) as door:
        started = time.monotonic()
        error = failure(door, get("http://slow.example/"))
        assert time.monotonic() - started < 1.0
        release.set()
    assert (error.fault, error.reason) == (Fault.TIMEOUT, "timed out looking up slow.example")


@pytest.mark.parametrize("head", [b"\r\n", b"Content-Length: 999999999999\r\n\r\n"])
def test_an_endless_body_is_cut_at_its_size(door: Door, head: bytes) -> None:
    with wire(flooding(OK + head, b"x" * 65536)) as server:
        answer = door.send(get(f"http://127.0.0.1:{server.port}/"), Limits(answer_bytes=100_000))
    assert (len(answer.body), answer.truncated) == (100_000, True)


def test_a_body_of_just_the_size_is_whole(door: Door) -> None:
    with Listener([Reply(200, body=b"x" * 1000)]) as listener:
        answer = door.send(get(listener.url), Limits(answer_bytes=1000))
        assert (len(answer.body), answer.truncated) == (1000, False)


def test_endless_headers_are_cut(door: Door) -> None:
    with wire(flooding(OK, b"X-More: " + b"x" * 8000 + b"\r\n")) as server:
        error = failure(door, get(f"http://127.0.0.1:{server.port}/"), Limits())
    assert error.fault is Fault.PROTOCOL


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        OK + b"Content-Length: 9\r\n\r\nshort",
        OK + b"bad\r\n\r\n",
    ],
)
def test_what_is_no_http_is_a_typed_error(door: Door, answer: bytes) -> None:
    with wire(answering(answer)) as server:
        error = failure(door, get(f"http://127.0.0.1:{server.port}/s3cr3t"), Limits())
    assert error.fault is Fault.PROTOCOL
    assert error.__suppress_context__


def test_a_reset_is_a_typed_error(door: Door) -> None:
    with wire(resetting) as server:
        assert failure(door, get(f"http://127.0.0.1:{server.port}/")).fault is Fault.BROKEN


def test_an_early_answer_to_a_large_body_is_read(door: Door) -> None:
    """A server may refuse before it has read everything, and hang up."""

    def talk(connection: socket.socket, _: object) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1_000_000):
            pass

    with wire(talk) as server:
        call = Call("POST", Url.parse(f"http://127.0.0.1:{server.port}/"), {}, b"x" * 5_000_000)
        assert door.send(call).status == 413


def test_nobody_listens(door: Door) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    error = failure(door, get(f"http://127.0.0.1:{port}/"))
    assert error.fault is Fault.CONNECT
    assert error.reason == f"connecting to 127.0.0.1 port {port}: Connection refused"


def test_a_header_that_would_split_the_request_is_refused_and_not_repeated(door: Door) -> None:
    with Listener() as listener:
        error = failure(door, Call("GET", Url.parse(listener.url), {"X-Key": "s3cr3t\r\nX-Other: 1"}))
        assert listener.heard == []
    assert error.fault is Fault.PROTOCOL
    assert "s3cr3t" not in f"{error} {error.__cause__}"
    assert error.__suppress_context__


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "[::ffff:a9fe:a9fe]", "0.0.0.0", "[::]", "[ff02::1]"])
def test_refused_addresses_are_not_connected_to(door: Door, host: str) -> None:
    error = failure(door, get(f"http://{host}/latest/meta-data/"))
    assert error.fault is Fault.REFUSED
    assert "latest" not in str(error)


@pytest.mark.parametrize("written", ["2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.16689662"])
def test_other_ways_to_write_a_refused_address(door: Door, written: str) -> None:
    assert failure(door, get(f"http://{written}/")).fault in (Fault.REFUSED, Fault.DNS)


def test_a_name_for_a_refused_address_is_refused() -> None:
    with Door(resolve=Names(["169.254.169.254", "64:ff9b::a9fe:a9fe"])) as door:
        error = failure(door, get("http://innocent.example/"))
    assert error.fault is Fault.REFUSED
    assert error.reason.startswith("innocent.example: 169.254.169.254 is a cloud's metadata service, 64:ff9b::")


def test_only_the_allowed_addresses_of_a_name_are_tried() -> None:
    with Listener() as listener, Door(resolve=Names(["169.254.169.254", "127.0.0.1"])) as door:
        port = listener.url.rpartition(":")[2]
        assert door.send(get(f"http://two.example:{port}/"), QUICK).status == 200


def test_a_name_is_looked_up_once_and_connected_to_as_checked() -> None:
    names = Names(["127.0.0.1"], ["169.254.169.254"])
    with Listener() as listener, Door(resolve=names) as door:
        port = int(listener.url.rpartition(":")[2])
        assert door.send(get(f"http://rebinding.example:{port}/")).status == 200
        assert listener.heard[0].headers["host"] == f"rebinding.example:{port}"
    assert names.asked == [("rebinding.example", port)]


def test_a_new_connection_is_checked_anew() -> None:
    names = Names(["127.0.0.1"], ["169.254.169.254"])
    with (
        wire(answering(OK + b"Connection: close\r\nContent-Length: 0\r\n\r\n")) as server,
        Door(resolve=names) as door,
    ):
        call = get(f"http://rebinding.example:{server.port}/")
        assert door.send(call).status == 200
        assert failure(door, call).fault is Fault.REFUSED


def test_the_next_address_is_tried_when_one_is_dead() -> None:
    with Listener() as listener, Door(resolve=Names(["127.1.2.3", "127.0.0.1"])) as door:
        port = listener.url.rpartition(":")[2]
        assert door.send(get(f"http://two.example:{port}/"), QUICK).status == 200


@pytest.mark.parametrize("answer", [[], ["no address"]])
def test_a_resolver_that_knows_nothing(answer: list[str]) -> None:
    with Door(resolve=Names(answer)) as door:
        assert failure(door, get("http://nowhere.example/")).fault in (Fault.DNS, Fault.REFUSED)


def test_an_unknown_name_is_a_dns_error() -> None:
    def resolve(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with Door(resolve=resolve) as door:
        error = failure(door, get("http://nowhere.example/s3cr3t"))
    assert str(error) == "dns: nowhere.example: Name or service not known"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("tls"), "tls.example")


def test_a_certificate_of_the_given_authority_is_trusted(certificate: Path) -> None:
    answer = answering(OK + b"Content-Length: 2\r\n\r\nok")
    local = Names(["127.0.0.1"])
    with wire(answer, serving(certificate)) as server, Door(certificate, local) as door:
        assert door.send(get(f"https://tls.example:{server.port}/")).body == b"ok"


def test_a_door_of_its_own_authority_shows_its_certificate_and_trusts_nobody_else(certificate: Path) -> None:
    answer = answering(OK + b"Content-Length: 2\r\n\r\nok")
    asking = serving(certificate)
    asking.verify_mode = ssl.CERT_REQUIRED
    asking.load_verify_locations(certificate)
    own = Tls(certificate.read_text(), certificate.read_text())
    with wire(answer, asking) as server, Door(resolve=Names(["127.0.0.1"]), tls=own) as door:
        assert door.send(get(f"https://tls.example:{server.port}/")).body == b"ok"
    with wire(answer, serving(certificate)) as server, Door(resolve=Names(["127.0.0.1"]), tls=Tls()) as door:
        assert failure(door, get(f"https://tls.example:{server.port}/")).fault is Fault.TLS
    assert own.context().get_ca_certs()[0]["subject"] == ((("commonName", "tls.example"),),)
    assert len(own.context().get_ca_certs()) == 1
    assert "PRIVATE" not in repr(Tls(key="PRIVATE"))


@pytest.mark.parametrize(
    ("host", "trusted", "reason"),
    [
        ("tls.example", False, "certificate refused: self-signed certificate"),
        ("other.example", True, "certificate refused: Hostname mismatch"),
    ],
)
def test_a_bad_certificate_is_refused(certificate: Path, host: str, trusted: bool, reason: str) -> None:
    ca_file = certificate if trusted else None
    with wire(answering(OK), serving(certificate)) as server, Door(ca_file, Names(["127.0.0.1"])) as door:
        error = failure(door, get(f"https://{host}:{server.port}/s3cr3t"), Limits())
    assert error.fault is Fault.TLS
    assert error.reason.startswith(reason)
    assert "s3cr3t" not in str(error)


def test_plain_text_where_tls_was_expected(door: Door) -> None:
    def talk(connection: socket.socket, _: object) -> None:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.recv(1000)

    with wire(talk) as server:
        assert failure(door, get(f"https://127.0.0.1:{server.port}/")).fault is Fault.TLS


def test_a_handshake_that_hangs_is_cut(door: Door) -> None:
    with wire(hanging) as server:
        error = failure(door, get(f"https://127.0.0.1:{server.port}/"))
    assert (error.fault, error.reason) == (Fault.TIMEOUT, "timed out agreeing on TLS")


def test_a_file_without_authorities_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    with pytest.raises(OSError):
        Door(tmp_path / "empty.pem")


def test_a_large_answer_streams_through(door: Door) -> None:
    with Listener([Reply(200, body=bytes(5_000_000))]) as listener:
        with door.open(get(listener.url)) as incoming:
            sizes = [len(chunk) for chunk in incoming.chunks]
        assert sum(sizes) == 5_000_000
        assert max(sizes) <= 65536


def test_an_answer_can_be_the_body_of_another_call(door: Door) -> None:
    with Listener([Reply(200, body=b"x" * 300_000)]) as source, Listener() as target:
        with door.open(get(source.url)) as incoming:
            door.send(Call("PUT", Url.parse(target.url), {}, incoming.chunks))
        assert target.wait_for(1)[0].body == b"x" * 300_000


def test_a_call_hides_what_may_be_secret() -> None:
    call = Call("POST", Url.parse("https://h/s3cr3t"), {"Authorization": "s3cr3t"}, b"s3cr3t")
    assert "s3cr3t" not in repr(call)

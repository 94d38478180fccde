"""The app of `tagtrail registry serve`: what stands before it, and what is told of each request."""

import gc
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from accessing import login, write_users
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry, generate_latest

from app.bootstrap.registry import serve_registry
from app.bootstrap.standalone import configure_logging
from app.domain.digests import Digest
from app.queue.jobs import SilentBell
from app.registry.health import Check, Health
from app.settings import ConfigurationError
from app.settings.alone import CONFIG, Address, load_alone
from app.settings.registry import Log
from app.store import journal
from app.store.engine import make_engine, reading
from app.store.migrate import upgrade
from app.web.alone import create_app
from app.web.registry.meters import Meters

Serve = Callable[..., FlaskClient]
LEAST = "version: 0.1\nstorage: {inmemory: }\n"


Told = pytest.CaptureFixture[str]
"""What is written to stdout."""


def lines(told: Told) -> list[dict[str, Any]]:
    return [json.loads(line) for line in told.readouterr().out.splitlines()]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    gc.collect()  # answers that an earlier test did not close end here, and not in the log that this one reads
    engines = []

    def run(more: str = "", health: Health | None = None, *observers: Any, **environment: str) -> FlaskClient:
        config = tmp_path / "config.yml"
        config.write_text(f"{LEAST}log: {{formatter: json, fields: {{service: shop}}}}\n{more}\n")
        told = {CONFIG: str(config), "TAGTRAIL_DATA": str(tmp_path / "data")} | environment
        settings = load_alone(told).settings
        served = serve_registry(settings, SilentBell())
        if served.recorder is not None:
            engines.append(served.recorder._engine)
            upgrade(served.recorder._engine)
        app = create_app(settings, served, health or Health([]), observers)
        return app.test_client()

    yield run
    for engine in engines:
        engine.dispose()


TOLD = "notifications: {endpoints: [{name: audit, url: 'http://127.0.0.1:9/'}]}\n"
LOCAL = "http: {addr: 'localhost:5000'}"


def events(folder: Path) -> list[dict[str, Any]]:
    engine = make_engine(f"sqlite:///{folder}/data/journal.db")
    with reading(engine) as connection:
        found = [json.loads(entry.event) for entry in journal.entries_after(connection, 0, 100)]
    engine.dispose()
    return found


def push(client: FlaskClient, content: bytes = b"hello", **more: Any) -> None:
    url = f"/v2/shop/web/blobs/uploads/?digest={Digest.of(content)}"
    assert client.post(url, data=content, **more).status_code == 201


# Who may come in


@pytest.mark.parametrize(
    ("http", "host", "status"),
    [
        ("", "localhost:5000", 200),
        ("", "127.0.0.1:5000", 200),
        ("", "rebound.example", 403),
        (", host: 'https://registry.example'", "registry.example", 200),
        (", host: 'https://registry.example'", "other.example", 403),
    ],
)
def test_names_that_browsers_could_be_sent_to(serve: Serve, http: str, host: str, status: int) -> None:
    client = serve(f"http: {{addr: 'localhost:5000'{http}}}")
    assert client.get("/v2/", headers={"Host": host}).status_code == status


def test_a_trusted_proxy_may_give_any_name(serve: Serve) -> None:
    client = serve("http: {addr: 'localhost:5000', trustedproxies: [127.0.0.0/8]}")
    told = {"Host": "127.0.0.1:5000", "X-Forwarded-Host": "registry.example", "X-Forwarded-For": "203.0.113.9"}
    assert client.get("/v2/", headers=told).status_code == 200


def test_a_page_of_another_site_pushes_nothing(serve: Serve) -> None:
    client = serve(LOCAL)
    asked = {"Host": "localhost:5000", "Origin": "https://evil.example"}
    assert client.post("/v2/shop/web/blobs/uploads/", headers=asked).status_code == 403
    assert client.get("/v2/", headers=asked).status_code == 200
    own = asked | {"Origin": "http://localhost:5000"}
    assert client.post("/v2/shop/web/blobs/uploads/", headers=own).status_code == 202


def test_a_page_that_is_let_in_by_its_headers_pushes(serve: Serve) -> None:
    client = serve("http: {addr: 'localhost:5000', headers: {Access-Control-Allow-Origin: ['https://ui.example']}}")
    asked = {"Host": "localhost:5000", "Origin": "https://ui.example"}
    answer = client.post("/v2/shop/web/blobs/uploads/", headers=asked)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (202, "https://ui.example")


def test_nobody_is_let_in_from_elsewhere_without_a_reason(serve: Serve) -> None:
    with pytest.raises(ConfigurationError, match="configure auth:"):
        serve("")
    with pytest.raises(ConfigurationError, match=r"auth\.silly: not supported"):
        serve("auth: {silly: {}}", TAGTRAIL_INSECURE="a closed network")
    with pytest.raises(ConfigurationError, match="configure auth:"):
        serve("", TAGTRAIL_INSECURE=" ")
    client = serve("", TAGTRAIL_INSECURE="a closed network")
    assert client.get("/v2/", headers={"Host": "any.example"}).status_code == 200


def test_who_proves_who_they_are_is_let_in_from_elsewhere_and_named(serve: Serve, capfd: Told, tmp_path: Path) -> None:
    write_users(tmp_path / "htpasswd", ann="sesame")
    client = serve(TOLD + "auth: {htpasswd: {realm: shop, path: htpasswd}}")
    asked = {"Host": "registry.example"}
    assert client.get("/v2/", headers=asked).headers["WWW-Authenticate"] == 'Basic realm="shop"'
    push(client, headers=asked | login("ann", "sesame"))
    assert [line.get("auth.user.name") for line in lines(capfd)] == [None, "ann"]
    assert [event["actor"] for event in events(tmp_path)] == [{"name": "ann"}]


def test_tokens_of_our_own_service(serve: Serve, capfd: Told, tmp_path: Path) -> None:
    """Its address is the one that the client came to, as far as that is believed."""
    write_users(tmp_path / "htpasswd", ann="sesame")
    grants = "{users: [ann], repositories: ['**'], actions: [pull, push]}"
    auth = f"auth: {{service: {{htpasswd: htpasswd, grants: [{grants}]}}}}"
    client = serve(f"{TOLD}{auth}\nhttp: {{trustedproxies: [127.0.0.1]}}")
    asked = {"Host": "10.0.0.7:5000", "X-Forwarded-Host": "registry.example", "X-Forwarded-Proto": "https"}
    challenge = client.get("/v2/", headers=asked).headers["WWW-Authenticate"]
    assert challenge == 'Bearer realm="https://registry.example/v2/_tagtrail/token",service="tagtrail"'
    given = client.get("/v2/_tagtrail/token?scope=repository:shop/web:pull,push", headers=login("ann", "sesame")).json
    push(client, headers={"Authorization": f"Bearer {given['token']}"})
    assert [event["actor"] for event in events(tmp_path)] == [{"name": "ann"}]
    assert [line.get("auth.user.name") for line in lines(capfd)] == [None, "ann", "ann"]
    again = serve(f"{auth}\nhttp: {{host: 'https://other.example/'}}")
    assert 'realm="https://other.example/v2/_tagtrail/token"' in again.get("/v2/").headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [(":50", "0.0.0.0", 50), ("localhost:1", "127.0.0.1", 1), ("[::1]:7", "::1", 7), ("10.0.0.1:80", "10.0.0.1", 80)],
)
def test_addresses(text: str, host: str, port: int) -> None:
    assert Address.parse(text, "http.addr") == Address(host, port)


@pytest.mark.parametrize("text", ["5000", "::1:5000", "localhost:", ":99999", "a b:1", "[x]:1", "1.2.3:4"])
def test_no_addresses(text: str) -> None:
    with pytest.raises(ConfigurationError, match="no address to listen on"):
        Address.parse(text, "http.addr")


# What it is asked besides


def test_alive(serve: Serve) -> None:
    answer = serve(LOCAL).get("/")
    assert (answer.status_code, answer.data) == (200, b"")


def test_what_is_not_there(serve: Serve) -> None:
    client = serve(LOCAL)
    assert client.get("/hooks/local").status_code == 404
    assert client.get("/api/v1/history").status_code == 404
    assert client.get("/v2/nonsense", headers={"Host": "localhost"}).json["errors"][0]["code"] == "UNSUPPORTED"


def test_unwell_and_well_again(serve: Serve, tmp_path: Path) -> None:
    down = tmp_path / "down"

    def look() -> None:
        if down.exists():
            raise OSError("secret place is gone")

    health = Health([Check("storagedriver_inmemory", look, 10)])
    client = serve(LOCAL, health)
    down.touch()
    health.pulses[0].beat()
    answer = client.get("/v2/", headers={"Host": "localhost"})
    assert answer.status_code == 503
    assert answer.json["errors"][0] == {
        "code": "UNAVAILABLE", "message": "service unavailable", "detail": "storagedriver_inmemory",
    }  # fmt: skip
    assert client.get("/").status_code == 200
    down.unlink()
    health.pulses[0].beat()
    assert client.get("/v2/", headers={"Host": "localhost"}).status_code == 200


# What is told


def test_a_line_a_request(serve: Serve, capfd: Told, tmp_path: Path) -> None:
    client = serve(TOLD + "http: {addr: 'localhost:5000', trustedproxies: [127.0.0.1]}")
    told = {
        "Host": "127.0.0.1:5000", "User-Agent": "docker/27", "X-Forwarded-For": "203.0.113.9",
        "Authorization": "Bearer s3cret", "X-Forwarded-Host": "registry.example", "X-Forwarded-Proto": "https",
    }  # fmt: skip
    digest = Digest.of(b"hello")
    push(client, headers=told)
    answer = client.get(f"/v2/shop/web/blobs/{digest}?_state=s3cret&token=s3cret&n=1", headers=told)
    assert answer.data == b"hello"
    answer.close()
    pushed, pulled = lines(capfd)
    assert pulled.items() >= {
        "service": "shop", "level": "info", "msg": "response completed", "http.request.host": "registry.example",
        "http.request.method": "GET", "http.request.remoteaddr": "203.0.113.9", "http.request.useragent": "docker/27",
        "http.request.uri": f"/v2/shop/web/blobs/{digest}?n=1", "http.response.status": 200, "http.response.written": 5,
        "http.response.contenttype": "application/octet-stream",
    }.items()  # fmt: skip
    assert pulled["http.response.duration"] > 0
    assert "auth.user.name" not in pulled
    assert "s3cret" not in json.dumps([pushed, pulled])
    (event, *_) = events(tmp_path)
    assert event["request"]["id"] == pushed["http.request.id"]
    assert (event["request"]["addr"], event["request"]["host"]) == ("203.0.113.9", "registry.example")
    assert event["target"]["url"] == f"https://registry.example/v2/shop/web/blobs/{digest}"


def test_the_word_of_others_is_not_told(serve: Serve, tmp_path: Path) -> None:
    lies = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=1.1.1.1"}
    push(serve(TOLD + LOCAL), headers={"Host": "localhost:5000", **lies})
    (event,) = events(tmp_path)
    assert event["request"]["addr"] == "127.0.0.1"
    assert event["target"]["url"].startswith("http://localhost:5000/v2/")


def test_nothing_is_written_down_where_nobody_is_told(serve: Serve, tmp_path: Path) -> None:
    push(serve(LOCAL), headers={"Host": "localhost"})
    assert not (tmp_path / "data" / "journal.db").exists()


def test_the_configured_host_stands_in_events(serve: Serve, tmp_path: Path) -> None:
    client = serve(TOLD + "http: {addr: 'localhost:5000', host: 'https://registry.example'}")
    push(client, headers={"Host": "localhost"})
    assert events(tmp_path)[0]["target"]["url"].startswith("https://registry.example/v2/shop/web/blobs/")


def test_lines_as_text(serve: Serve, capfd: Told) -> None:
    client = serve(LOCAL, REGISTRY_LOG_FORMATTER="text")
    client.get("/v2/", headers={"Host": "localhost", "User-Agent": 'a "b" c'})
    line = capfd.readouterr().out
    assert line.count("\n") == 1
    assert 'msg="response completed"' in line
    assert 'http.request.useragent="a \\"b\\" c" ' in line


def test_no_lines_where_they_are_switched_off(serve: Serve, capfd: Told) -> None:
    serve(LOCAL, REGISTRY_LOG_ACCESSLOG_DISABLED="true").get("/v2/", headers={"Host": "localhost"})
    assert capfd.readouterr().out == ""


def test_requests_that_fail_are_told_too(serve: Serve, capfd: Told) -> None:
    client = serve(LOCAL)
    client.get("/v2/shop/web/manifests/none", headers={"Host": "localhost"})
    client.head("/v2/shop/web/manifests/none", headers={"Host": "localhost"})
    first, second = lines(capfd)
    assert (first["http.response.status"], second["http.response.status"]) == (404, 404)
    assert first["http.response.written"] > second["http.response.written"] == 0


def test_metrics_have_distributions_names(serve: Serve) -> None:
    meters = Meters(ours := CollectorRegistry())
    client = serve(LOCAL, None, meters)
    push(client, headers={"Host": "localhost"})
    client.get("/v2/made-up/labels/nobody/wants", headers={"Host": "localhost"}).close()
    meters.storage_acted("inmemory", "GetContent", 0.01)
    told = generate_latest(ours).decode()
    assert 'registry_http_requests_total{code="201",handler="blob_upload",method="post"} 1.0' in told
    assert 'registry_http_requests_total{code="404",handler="other",method="get"} 1.0' in told
    assert 'registry_http_in_flight_requests{handler="blob_upload"} 0.0' in told
    assert 'registry_http_request_size_bytes_sum{handler="blob_upload",method="post"} 5.0' in told
    assert 'registry_storage_action_seconds_count{action="GetContent",driver="inmemory"} 1.0' in told
    assert 'registry_http_request_duration_seconds_count{handler="blob_upload",method="post"} 1.0' in told


def test_logs_of_processes_are_as_configured(capsys: pytest.CaptureFixture[str]) -> None:
    kept = logging.root.handlers[:], logging.root.level
    try:
        configure_logging("keeper", Log(formatter="json", level="warn", fields={"service": "shop"}))
        logging.getLogger("app.x").info("not told")
        logging.getLogger("app.x").warning("told %s", 1)
    finally:
        logging.root.handlers[:], logging.root.level = kept
        for name in ("app", "workers"):
            logging.getLogger(name).setLevel(logging.NOTSET)
    (line,) = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert (told["service"], told["level"], told["msg"], told["process"]) == ("shop", "warning", "told 1", "keeper")

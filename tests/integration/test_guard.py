"""What a request must show before anything looks at it (decision 16)."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import an_event, envelope
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from reading_app import client_of

SECRET = "s3cret-of-prod"
CONFIG = """
origins:
  prod: {kind: distribution, auth: {bearer: "${env:PROD_SECRET}"}}
web: {hosts: [tagtrail.example], token: "${env:PAGES_TOKEN}"}
"""
PROOF = {"Authorization": f"Bearer {SECRET}"}


@pytest.fixture
def client(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    """On loopback."""
    (tmp_path / "tagtrail.yml").write_text(CONFIG)
    with client_of(monkeypatch, tmp_path, sqlite_url, PROD_SECRET=SECRET, PAGES_TOKEN="open") as made:
        yield made


@pytest.fixture
def open_client(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    """On an address that others reach."""
    (tmp_path / "tagtrail.yml").write_text(CONFIG)
    environment = {"PROD_SECRET": SECRET, "PAGES_TOKEN": "open", "TAGTRAIL_HOST": "0.0.0.0"}
    with client_of(monkeypatch, tmp_path, sqlite_url, **environment) as made:
        yield made


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:5000", "LOCALHOST", "127.0.0.1", "127.0.0.1:80", "[::1]:5000", "127.9.9.9",
     "tagtrail.example", "Tagtrail.Example:8443"],
)
def test_names_that_are_ours_are_served(client: FlaskClient, host: str) -> None:
    assert client.get("/livez", headers={"Host": host}).status_code == 200
    assert client.get("/readyz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:5000", "localhost.evil.example", "127.0.0.1.evil.example", "x@localhost",
     "localhost@evil.example", "10.0.0.1", "", " ", "[::1", "[", "a b", "localhost/x", "\xff"],
)
@pytest.mark.parametrize("path", ["/livez", "/", "/v2/", "/api/v1/events", "/nowhere"])
def test_a_strange_name_is_misdirected(client: FlaskClient, host: str, path: str) -> None:
    """Whoever rebinds a name to loopback reaches us with that name."""
    answer = client.get(path, headers={"Host": host})
    assert (answer.status_code, answer.mimetype) == (421, "application/problem+json")


def test_a_strange_name_tells_nothing_to_the_receiver_either(client: FlaskClient) -> None:
    answer = client.post("/hooks/prod", data=envelope(an_event()), headers={**PROOF, "Host": "evil.example"})
    assert answer.status_code == 421


@given(st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\x00"), max_size=30))
def test_no_name_breaks_the_guard(client: FlaskClient, host: str) -> None:
    assert client.get("/livez", headers={"Host": host}).status_code in (200, 421)


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 202),
        ("http://localhost", 202),
        ("http://evil.example", 403),
        ("http://localhost:8080", 403),
        ("http://localhost.evil.example", 403),
        ("null", 403),
        ("", 403),
        ("http://[", 403),
    ],
)
def test_another_sites_page_may_change_nothing(client: FlaskClient, origin: str | None, status: int) -> None:
    headers = PROOF if origin is None else {**PROOF, "Origin": origin}
    assert client.post("/hooks/prod", data=envelope(an_event()), headers=headers).status_code == status
    for method in ("PUT", "DELETE", "PATCH"):
        refused = client.open("/hooks/prod", method=method, headers=headers).status_code
        assert refused == (405 if status == 202 else 403)


def test_another_sites_page_may_read_what_browsers_let_it(client: FlaskClient) -> None:
    answer = client.get("/livez", headers={"Origin": "http://evil.example"})
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer.headers


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


WRONG = [
    {}, {"Authorization": "Bearer"}, {"Authorization": "Bearer closed"}, basic("open", "closed"), basic("open", ""),
    {"Authorization": "Basic ///"}, {"Authorization": "Digest username=open"}, {"Authorization": "Bearer \xff"},
    {"Authorization": f"Bearer {SECRET}"},
]


def test_where_others_reach_it_pages_and_api_want_the_token(open_client: FlaskClient) -> None:
    for number, path in enumerate(("/", "/api/v1/events", "/api/v1/tags", "/metrics", "/nowhere")):
        elsewhere = {"REMOTE_ADDR": f"192.0.2.{number}"}  # who fails twenty times is told to wait
        for headers in WRONG:
            answer = open_client.get(path, headers=headers, environ_overrides=elsewhere)
            assert answer.status_code == 401, (path, headers)
            assert answer.headers["WWW-Authenticate"] == 'Basic realm="tagtrail"'
    for path in ("/", "/api/v1/events"):
        for headers in ({"Authorization": "Bearer open"}, basic("", "open"), basic("anybody", "open")):
            assert open_client.get(path, headers=headers).status_code == 200, (path, headers)


def test_on_loopback_nobody_is_asked(client: FlaskClient) -> None:
    assert client.get("/api/v1/events").status_code == 200
    assert client.get("/v2/").status_code == 200


def test_where_others_reach_it_the_registry_is_off(open_client: FlaskClient) -> None:
    for method, path in (("GET", "/v2/"), ("GET", "/v2/a/tags/list"), ("PUT", "/v2/a/manifests/t"), ("POST", "/v2/x")):
        answer = open_client.open(path, method=method, headers={"Authorization": "Bearer open"})
        assert answer.status_code == 403, path
        assert answer.get_json()["errors"][0]["code"] == "DENIED"


def test_where_others_reach_it_senders_and_probes_need_no_token(open_client: FlaskClient) -> None:
    assert open_client.post("/hooks/prod", data=envelope(an_event()), headers=PROOF).status_code == 202
    assert open_client.post("/hooks/prod", data=envelope(an_event())).status_code == 401
    assert open_client.get("/livez").status_code == 200
    assert open_client.get("/readyz").status_code == 200


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/api/v1/events"), ("POST", "/hooks/prod")])
@pytest.mark.parametrize("scheme", ["Basic", "Bearer", "Digest", ""])
def test_credentials_that_are_no_ascii_are_wrong_ones(
    open_client: FlaskClient, method: str, path: str, scheme: str
) -> None:
    headers = {"Host": "tagtrail.example", "Authorization": f"{scheme} \x80\xff"}
    assert open_client.open(path, method=method, headers=headers).status_code == 401

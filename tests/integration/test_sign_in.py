"""Signing in on a page: the cookie, the form's proof, and what a forger can't do."""

import base64
import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import HOST, add_delivery, an_event, take_in
from flask.sessions import SecureCookieSessionInterface
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import TimestampSigner
from reading_app import client_of
from sqlalchemy import Engine, update

from app.domain.access import EVERYTHING, AccessScope, Role
from app.domain.times import SECOND_NS
from app.store import schema
from app.store.engine import writing
from app.usecases import tokens
from app.usecases.tokens import NewToken
from app.web import callers
from app.web.failures import Failures
from app.web.shown import own_path

HTTP = "web: {token: '${env:PAGES_TOKEN}', require_token: true}"
HTTPS = HTTP.removesuffix("}") + ", url: 'https://tagtrail.example', hosts: [tagtrail.example]}"
PAGE = {"Accept": "text/html,*/*"}


@pytest.fixture
def client(engine: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    take_in(engine, an_event(), an_event(second=1, repository="secret/vault", actor="mallory"))
    (tmp_path / "tagtrail.yml").write_text(HTTP)
    with client_of(monkeypatch, tmp_path, database_url, PAGES_TOKEN="open-sesame") as made:
        yield made


def proof(client: FlaskClient, page: str = "/sign-in") -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', client.get(page).text)
    assert found is not None
    return found[1]


def enter(client: FlaskClient, token: str, **more: str) -> Any:
    form = {"csrf": proof(client), "token": token} | more
    return client.post("/sign-in", data=form, headers={"Origin": "http://localhost"})


def sign_in(client: FlaskClient, token: str) -> None:
    assert enter(client, token).status_code == 303


def cookie(client: FlaskClient) -> str:
    found = client.get_cookie("tagtrail")
    assert found is not None
    return found.value


def test_a_browser_is_led_to_the_page_and_back(client: FlaskClient) -> None:
    answer = client.get("/tag?registry=x&tag=y", headers=PAGE)
    assert (answer.status_code, answer.location) == (303, "/sign-in?next=%2Ftag%3Fregistry%3Dx%26tag%3Dy")
    assert 'name="next" value="/tag?registry=x&amp;tag=y"' in client.get(answer.location).text
    assert enter(client, " open-sesame\n", next="/tag?registry=x&tag=y").location == "/tag?registry=x&tag=y"
    assert client.get("/", headers=PAGE).status_code == 200
    assert client.get("/api/v1/tags").status_code == 200
    assert "access-token" in client.get("/").text
    assert "<dd>everything</dd>" in client.get("/sign-in").text


def test_programs_are_led_nowhere(client: FlaskClient) -> None:
    assert client.get("/").status_code == 401
    assert client.get("/", headers=PAGE | {"Authorization": "Bearer wrong"}).status_code == 401
    assert client.post("/deliveries/x/redeliver", headers=PAGE).status_code == 401


def test_a_session_sees_what_its_token_sees(client: FlaskClient, engine: Engine) -> None:
    scope = AccessScope.parse([f"{HOST}/shop/*"])
    sign_in(client, tokens.issue(engine, NewToken("shop", Role.READ, scope), "os:ann"))
    assert "shop/web" in client.get("/").text
    assert "mallory" not in client.get("/").text
    assert client.get(f"/tag?registry={HOST}&repository=secret/vault&tag=stable").status_code == 404
    assert client.get("/api/v1/quarantine").status_code == 403
    assert f"<code>{HOST}/shop/*</code>" in client.get("/sign-in").text


def test_a_revoked_or_expired_token_signs_out_at_once(client: FlaskClient, engine: Engine) -> None:
    for name in ("revoked", "expired"):
        sign_in(client, tokens.issue(engine, NewToken(name, Role.READ, EVERYTHING), "os:ann"))
        assert client.get("/").status_code == 200
        if name == "revoked":
            tokens.revoke(engine, name, "os:ann")
        else:
            with writing(engine) as connection:
                connection.execute(update(schema.tokens).where(schema.tokens.c.name == name).values(expires_ns=1))
        assert client.get("/").status_code == 401
        assert "<h1>Sign in</h1>" in client.get("/sign-in").text


@pytest.mark.parametrize("token", ["", "open", "open-sesame!", "tagtrail_", "tagtrail_" + "x" * 43, "é", "\ud800"])
def test_a_wrong_token_is_refused_on_the_page(client: FlaskClient, token: str) -> None:
    answer = enter(client, token.encode("utf-8", "surrogatepass").decode("latin-1"))
    assert (answer.status_code, answer.mimetype) == (401, "text/html")
    assert "mistyped, revoked or expired" in answer.text
    assert client.get("/").status_code == 401


def test_a_token_for_sending_opens_no_page(client: FlaskClient, engine: Engine) -> None:
    answer = enter(client, tokens.issue(engine, NewToken("sender", Role.INGEST, EVERYTHING), "os:ann"))
    assert (answer.status_code, "it needs read" in answer.text) == (403, True)


def test_signing_out(client: FlaskClient) -> None:
    sign_in(client, "open-sesame")
    assert client.post("/sign-out").status_code == 403, "a form without its proof"
    assert client.get("/").status_code == 200
    assert client.post("/sign-out", data={"csrf": proof(client)}).location == "/sign-in"
    assert client.get("/").status_code == 401


def test_the_flags_of_the_cookie(client: FlaskClient) -> None:
    flags = enter(client, "open-sesame").headers["Set-Cookie"].split("; ")
    assert flags[0].startswith("tagtrail=")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} < set(flags)
    assert any(flag.startswith("Expires=") for flag in flags)
    assert "Secure" not in flags
    assert not [flag for flag in flags if flag.startswith("Domain")]
    assert "Set-Cookie" not in client.get("/").headers, "it ends twelve hours after signing in, whatever is done"


def test_where_people_use_https_the_cookie_stays_there(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tagtrail.yml").write_text(HTTPS)
    with client_of(monkeypatch, tmp_path, sqlite_url, PAGES_TOKEN="open-sesame") as client:
        answer = client.get("/sign-in", base_url="https://tagtrail.example")
        flags = answer.headers["Set-Cookie"].split("; ")
    assert flags[0].startswith("__Host-tagtrail=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(flags)


def test_the_key_is_its_owners_alone(client: FlaskClient, tmp_path: Path) -> None:
    key = tmp_path / "data" / "session.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(base64.urlsafe_b64decode(key.read_text() + "=")) == 32
    assert client.application.secret_key != key.read_text().encode(), "the access token is in it too"


def test_another_access_token_signs_out(
    client: FlaskClient, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(client, "open-sesame")
    kept = cookie(client)
    with client_of(monkeypatch, tmp_path, database_url, PAGES_TOKEN="open-sesame") as again:
        again.set_cookie("tagtrail", kept)
        assert again.get("/").status_code == 200, "a restart signs out nobody"
    with client_of(monkeypatch, tmp_path, database_url, PAGES_TOKEN="another") as changed:
        changed.set_cookie("tagtrail", kept)
        assert changed.get("/").status_code == 401


@pytest.mark.parametrize("given", [None, "", "x", "é"])
def test_a_form_without_its_proof_does_nothing(client: FlaskClient, given: str | None) -> None:
    proof(client)
    form = {"token": "open-sesame"} | ({} if given is None else {"csrf": given})
    answer = client.post("/sign-in", data=form)
    assert (answer.status_code, "load its page again" in answer.json["detail"]) == (403, True)
    assert client.get("/").status_code == 401


def test_the_proof_of_another_session_is_none(client: FlaskClient) -> None:
    foreign = proof(client.application.test_client())
    proof(client)
    assert client.post("/sign-in", data={"csrf": foreign, "token": "open-sesame"}).status_code == 403


def test_the_proof_of_before_signing_in_is_none_after(client: FlaskClient) -> None:
    before = proof(client)
    sign_in(client, "open-sesame")
    assert client.post("/sign-out", data={"csrf": before}).status_code == 403


def test_forms_that_act_want_the_proof_of_cookies_and_passwords(client: FlaskClient, engine: Engine) -> None:
    """Browsers send both by themselves; a Bearer token only a program sends."""
    add_delivery(engine, "msg_1")
    address = "/deliveries/msg_1/redeliver"
    secret = tokens.issue(engine, NewToken("d", Role.DEPLOY, EVERYTHING), "os:ann")
    basic = base64.b64encode(f"x:{secret}".encode()).decode()
    assert client.post(address, headers={"Authorization": f"Basic {basic}"}).status_code == 403
    assert client.post(address, headers={"Authorization": f"Bearer {secret}"}).status_code == 303
    sign_in(client, secret)
    assert client.post(address).status_code == 403
    assert client.post(address, data={"csrf": proof(client, "/deliveries/msg_1")}).status_code == 303
    assert client.post(f"/api/v1{address}", json={}).status_code == 202


def test_on_loopback_too_a_form_shows_its_proof(
    engine: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_delivery(engine, "msg_1")
    with client_of(monkeypatch, tmp_path, database_url) as client:
        assert client.post("/deliveries/msg_1/redeliver").status_code == 403
        shown = proof(client, "/deliveries/msg_1")
        assert client.post("/deliveries/msg_1/redeliver", data={"csrf": shown}).status_code == 303


def test_a_huge_form_is_not_read(client: FlaskClient) -> None:
    assert client.post("/sign-in", data={"csrf": "x" * 100_000}).status_code == 413


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='";\\,'), max_size=80))
def test_no_made_up_cookie_signs_in(client: FlaskClient, text: str) -> None:
    client.set_cookie("tagtrail", text)
    assert client.get("/").status_code == 401
    client.delete_cookie("tagtrail")


@given(st.data())
def test_no_changed_cookie_signs_in(client: FlaskClient, data: st.DataObject) -> None:
    """Of a session that has not signed in, with any byte of its content, time or signature another one."""
    proof(client)
    mine = cookie(client)
    content, _, signed = mine.partition(".")
    told = json.loads(base64.urlsafe_b64decode(content + "=" * (-len(content) % 4)))
    forged = base64.urlsafe_b64encode(json.dumps(told | {"caller": "access-token"}).encode()).decode().rstrip("=")
    at = data.draw(st.integers(0, len(mine) - 1))
    letter = data.draw(st.sampled_from("ABab01-_"))
    for value in (f"{forged}.{signed}", mine[:at] + letter + mine[at + 1 :]):
        client.set_cookie("tagtrail", value)
        assert client.get("/").status_code == 401
    client.delete_cookie("tagtrail")


@pytest.mark.parametrize("caller", ["token:nobody", "token:", "loopback", "x", 1, None, ["access-token"]])
def test_even_a_signed_cookie_names_somebody_who_may(client: FlaskClient, caller: Any) -> None:
    with client.session_transaction() as session:
        session["caller"] = caller
    assert client.get("/").status_code == 401


def test_a_cookie_ends(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in(client, "open-sesame")
    now = TimestampSigner("x").get_timestamp()
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _self: now + 12 * 3600 - 5)
    assert client.get("/").status_code == 200
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _self: now + 12 * 3600 + 5)
    assert client.get("/").status_code == 401
    assert isinstance(client.application.session_interface, SecureCookieSessionInterface)


# Too many failures


class Clock:
    now_ns = 1_780_000_000 * SECOND_NS

    def time_ns(self) -> int:
        return self.now_ns


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(callers, "time", made)
    return made


def basic(secret: str) -> str:
    return f"Basic {base64.b64encode(f'ann:{secret}'.encode()).decode()}"


WAYS = ("page", "Bearer", "Basic", "Nonsense")


def shown(client: FlaskClient, way: str, secret: str, address: str) -> Any:
    """What `secret` is answered, given in one of WAYS from `address`."""
    client.environ_base["REMOTE_ADDR"] = address
    if way == "page":
        return enter(client, secret)
    given = basic(secret) if way == "Basic" else f"{way} {secret}"
    return client.get("/api/v1/tags", headers={"Authorization": given})


@pytest.mark.parametrize("way", WAYS)
def test_failures_are_limited_by_address_over_all_ways(client: FlaskClient, clock: Clock, way: str) -> None:
    for number in range(Failures.MOST):
        assert shown(client, WAYS[number % len(WAYS)], "wrong", "192.0.2.1").status_code == 401
    clock.now_ns += 15 * SECOND_NS
    answer = shown(client, way, "wrong", "192.0.2.1")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "45")
    assert "WWW-Authenticate" not in answer.headers
    assert answer.mimetype == ("text/html" if way == "page" else "application/problem+json")
    assert shown(client, way, "wrong", "192.0.2.2").status_code == 401
    clock.now_ns += 45 * SECOND_NS
    assert shown(client, way, "wrong", "192.0.2.1").status_code == 401


def test_who_shows_a_working_token_is_never_told_to_wait(client: FlaskClient, engine: Engine, clock: Clock) -> None:
    made = tokens.issue(engine, NewToken("reader", Role.READ, EVERYTHING), "os:ann")
    for _ in range(3 * Failures.MOST):
        shown(client, "Bearer", "wrong", "192.0.2.1")
    for secret in (made, "open-sesame"):
        for way in ("Bearer", "Basic"):
            assert shown(client, way, secret, "192.0.2.1").status_code == 200
        assert shown(client, "page", secret, "192.0.2.1").status_code == 303
        assert client.get("/").status_code == 200, "the session, too"
    assert shown(client, "page", "wrong", "192.0.2.1").status_code == 429


def test_who_shows_nothing_has_not_failed(client: FlaskClient, clock: Clock) -> None:
    for _ in range(2 * Failures.MOST):
        assert client.get("/api/v1/tags").status_code == 401
        assert client.get("/", headers=PAGE).status_code == 303
    assert shown(client, "Bearer", "wrong", "127.0.0.1").status_code == 401


def test_a_failure_is_logged_without_what_was_shown(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    for way in WAYS:
        shown(client, way, "nearly-open-sesame", "192.0.2.7")
    assert caplog.text.count("somebody at 192.0.2.7 showed a token that does not work here") == len(WAYS)
    assert "nearly-open-sesame" not in caplog.text


@pytest.mark.parametrize(
    "text",
    ["//evil.example", "/\\evil.example", "https://evil.example", "evil", "", "javascript:alert(1)", "/\t/evil.example",
     "/\n", "\\\\evil", "///evil.example"],
)
def test_nobody_is_led_elsewhere(client: FlaskClient, text: str) -> None:
    assert own_path(text) == "/"
    assert enter(client, "open-sesame", next=text).location == "/"


def test_pages_of_ours_are_led_to() -> None:
    assert own_path("/tag?registry=a&at=//b") == "/tag?registry=a&at=//b"

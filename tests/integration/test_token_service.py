"""Our own token service: who gets which token, over `GET` and `POST`, and what it opens."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from accessing import BLOB, DIGEST, configured, login, push_blob, refused, write_users
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.web.failures import Failures
from app.web.unproven import Unproven

TOKEN = "/v2/_tagtrail/token"
CONFIG = """
registry:
  auth:
    service:
      htpasswd: htpasswd
      grants:
        - {users: [ann], repositories: ["**"], actions: [pull, push, delete]}
        - {users: ["*"], repositories: ["shop/*"]}
        - {anonymous: true, repositories: ["base/*"]}
"""
ANN, BOB = login("ann", "sesame"), login("bob", "abra")
SHOP = "repository:shop/web:pull,push"


@pytest.fixture
def client(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    with configured(monkeypatch, tmp_path, CONFIG, sqlite_url) as made:
        yield made


def asked(client: FlaskClient, headers: dict[str, str], *scopes: str, **more: str) -> dict[str, Any]:
    answer = client.get(TOKEN, query_string={"service": "tagtrail", "scope": scopes, **more}, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    told: dict[str, Any] = answer.json
    assert told["token"] == told["access_token"]
    assert 60 <= told["expires_in"] <= 3600
    return told


def bearer(told: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {told['access_token']}"}


def claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def posted(client: FlaskClient, status: int = 200, **form: str) -> TestResponse:
    answer = client.post(TOKEN, data={"service": "tagtrail", "client_id": "test", **form})
    assert answer.status_code == status, answer.text
    return answer


def test_the_way_of_docker(client: FlaskClient) -> None:
    challenge = refused(client.get("/v2/"))
    assert challenge == 'Bearer realm="http://localhost/v2/_tagtrail/token",service="tagtrail"'
    assert client.get("/v2/", headers=bearer(asked(client, ANN, account="ann"))).status_code == 200
    assert push_blob(client, "shop/web", bearer(asked(client, ANN, SHOP))).status_code == 201
    assert (
        client.get(f"/v2/shop/web/blobs/{DIGEST}", headers=bearer(asked(client, BOB, SHOP)), buffered=True).data == BLOB
    )


@pytest.mark.parametrize(
    ("headers", "scopes", "given"),
    [
        (ANN, [SHOP], [("shop/web", ["pull", "push"])]),
        (ANN, [f"{SHOP} repository:a:delete", "registry:catalog:*"],
         [("shop/web", ["pull", "push"]), ("a", ["delete"]), ("catalog", ["*"])]),
        (BOB, [SHOP, "repository:secret:pull", "registry:catalog:*"], [("shop/web", ["pull"])]),
        (BOB, ["nonsense", "repository:base/os:pull"], [("base/os", ["pull"])]),
        ({}, [SHOP, "repository:base/os:pull,push"], [("base/os", ["pull"])]),
        ({}, [], []),
    ],
)  # fmt: skip
def test_a_token_has_what_is_asked_for_and_granted(
    client: FlaskClient, headers: dict[str, str], scopes: list[str], given: list[tuple[str, list[str]]]
) -> None:
    said = claims(asked(client, headers, *scopes)["token"])
    assert [(one["name"], one["actions"]) for one in said["access"]] == given
    assert said["sub"] == {str(ANN): "ann", str(BOB): "bob"}.get(str(headers), "")


def test_who_may_only_pull_and_who_may_only_look(client: FlaskClient) -> None:
    bob = bearer(asked(client, BOB, SHOP))
    challenge = refused(push_blob(client, "shop/web", bob), ("shop/web", "pull"), ("shop/web", "push"))
    assert challenge.endswith(f'scope="{SHOP}",error="insufficient_scope"')
    assert client.get("/v2/_catalog", headers=bob).status_code == 401
    ann = bearer(asked(client, ANN, "repository:base/os:pull,push"))
    assert push_blob(client, "base/os", ann).status_code == 201
    nobody = bearer(asked(client, {}, "repository:base/os:pull"))
    assert client.get(f"/v2/base/os/blobs/{DIGEST}", headers=nobody, buffered=True).data == BLOB
    assert client.delete(f"/v2/base/os/blobs/{DIGEST}", headers=nobody).status_code == 401
    assert client.get("/v2/", headers=nobody).status_code == 200


@pytest.mark.parametrize("headers", [login("ann", "wrong"), login("eve", "x"), {"Authorization": "Bearer x"}])
def test_who_is_not_known_gets_nothing(client: FlaskClient, headers: dict[str, str]) -> None:
    answer = client.get(TOKEN, headers=headers)
    assert refused(answer) == 'Basic realm="tagtrail"'
    posted(client, 401, grant_type="password", username="ann", password="wrong")
    posted(client, 401, grant_type="password")


def test_guessing_has_to_wait(client: FlaskClient) -> None:
    for number in range(Failures.MOST):
        posted(client, 401, grant_type="password", username="ann", password=f"guess {number}")
    assert int(posted(client, 429, grant_type="password", username="ann", password="y").headers["Retry-After"]) > 0
    assert client.get(TOKEN, headers=login("ann", "z")).status_code == 429
    asked(client, ANN)


def test_nobody_unnamed_where_nothing_is_anybodys(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with configured(monkeypatch, tmp_path, "\n".join(CONFIG.splitlines()[:-1]), sqlite_url) as client:
        assert refused(client.get(TOKEN)) == 'Basic realm="tagtrail"'
        asked(client, ANN)


def test_a_password_over_post(client: FlaskClient) -> None:
    told = posted(client, grant_type="password", username="bob", password="abra", scope=f"{SHOP} registry:x:*").json
    assert told["scope"] == "repository:shop/web:pull"
    assert claims(told["access_token"])["sub"] == "bob"
    assert "refresh_token" not in told


def test_refresh_tokens_hold_until_the_password_changes(client: FlaskClient, tmp_path: Path) -> None:
    form = {"grant_type": "password", "username": "ann", "password": "sesame", "access_type": "offline"}
    for refresh in (
        asked(client, ANN, offline_token="true")["refresh_token"],
        posted(client, **form).json["refresh_token"],
    ):
        told = posted(client, grant_type="refresh_token", refresh_token=refresh, scope=SHOP).json
        assert push_blob(client, "shop/web", bearer(told)).status_code == 201
        assert "invalid_token" in refused(client.get("/v2/", headers={"Authorization": f"Bearer {refresh}"}))
        posted(client, 401, grant_type="refresh_token", refresh_token=told["access_token"])
    write_users(tmp_path / "htpasswd", ann="another", bob="abra")
    posted(client, 401, grant_type="refresh_token", refresh_token=refresh)
    write_users(tmp_path / "htpasswd", bob="abra")
    posted(client, 401, grant_type="refresh_token", refresh_token=refresh)


def test_nobody_unnamed_gets_a_refresh_token(client: FlaskClient) -> None:
    assert "refresh_token" not in asked(client, {}, offline_token="true")


@pytest.mark.parametrize("form", [{}, {"grant_type": "client_credentials"}, {"grant_type": ""}])
def test_what_is_no_request_for_a_token(client: FlaskClient, form: dict[str, str]) -> None:
    assert posted(client, 400, **form).json["errors"][0]["detail"] == "grant_type is password or refresh_token"


def test_bodies_that_are_no_form(client: FlaskClient) -> None:
    for content, kind in ((b"\xff" * 100, "application/x-www-form-urlencoded"), (b"{}", "application/json")):
        assert client.post(TOKEN, data=content, content_type=kind).status_code == 400
    big = b"grant_type=password&username=ann&password=" + b"x" * 100_000
    answer = client.post(TOKEN, data=big, content_type="application/x-www-form-urlencoded")
    assert (answer.status_code, answer.json["errors"][0]["detail"]) == (400, "a form has at most 65536 bytes")


def test_bodies_are_awaited_like_those_of_all_who_are_unknown(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Unproven, "IN_ALL", 0)
    assert posted(client, 503, grant_type="password", username="ann", password="sesame").headers["Retry-After"]


def test_a_token_that_nobody_has_signed(client: FlaskClient) -> None:
    forged = asked(client, BOB)["token"].rpartition(".")[0] + "." + "A" * 86
    assert "invalid_token" in refused(client.get("/v2/", headers={"Authorization": f"Bearer {forged}"}))


def test_the_other_methods(client: FlaskClient) -> None:
    for method in ("PUT", "DELETE", "PATCH"):
        assert client.open(TOKEN, method=method).status_code in (401, 404, 405)
    assert client.head(TOKEN, headers=ANN).status_code == 200

"""Who may do what under `/v2/`, over HTTP: without access configured, with htpasswd, with tokens of a service."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from accessing import DIGEST, allowed, configured, login, push_blob, refused, write_users
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from images import an_image
from tokens import ec_key, jwks, rsa_key

from app.domain.digests import Digest
from app.registry.validation import OCI_MANIFEST
from app.store import journal
from app.store.engine import make_engine, reading
from app.store.migrate import upgrade
from app.web.failures import Failures

CENTRAL = (
    "registry: {auth: {token: {realm: 'https://auth.example/token', service: registry.example, "
    "issuer: auth.example, jwks: keys.json}}}"
)
HTPASSWD = "registry: {auth: {htpasswd: {realm: the shop, path: htpasswd}}}"


@pytest.fixture
def central(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    with configured(monkeypatch, tmp_path, CENTRAL, sqlite_url) as client:
        yield client


@pytest.fixture
def by_password(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    with configured(monkeypatch, tmp_path, HTPASSWD, sqlite_url) as client:
        yield client


def test_other_keys_count_at_once(central: FlaskClient, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    headers = allowed("repository:shop/web:pull")

    def answered(keys: str) -> int:
        (tmp_path / "keys.json").write_text(keys)
        return central.get("/v2/", headers=headers).status_code

    assert central.get("/v2/", headers=headers).status_code == 200
    assert answered(jwks(one=rsa_key())) == 401
    assert answered(jwks(one=ec_key())) == 200
    assert [answered("{"), central.get("/v2/", headers=headers).status_code] == [200, 200]
    (told,) = [record.message for record in caplog.records if "stays in force" in record.message]
    assert "registry.auth.token: not a set of keys" in told
    assert answered(jwks(one=rsa_key())) == 401


REQUESTS = [
    ("GET", "/v2/shop/web/manifests/v1", "repository:shop/web:pull"),
    ("HEAD", f"/v2/shop/web/blobs/{DIGEST}", "repository:shop/web:pull"),
    ("GET", "/v2/shop/web/tags/list", "repository:shop/web:pull"),
    ("GET", f"/v2/shop/web/referrers/{DIGEST}", "repository:shop/web:pull"),
    ("GET", "/v2/shop/web/blobs/uploads/abc", "repository:shop/web:pull"),
    ("POST", "/v2/shop/web/blobs/uploads/", "repository:shop/web:pull,push"),
    ("PATCH", "/v2/shop/web/blobs/uploads/abc", "repository:shop/web:pull,push"),
    ("PUT", "/v2/shop/web/blobs/uploads/abc", "repository:shop/web:pull,push"),
    ("PUT", "/v2/shop/web/manifests/v1", "repository:shop/web:pull,push"),
    ("DELETE", "/v2/shop/web/manifests/v1", "repository:shop/web:delete"),
    ("DELETE", f"/v2/shop/web/blobs/{DIGEST}", "repository:shop/web:delete"),
    ("DELETE", "/v2/shop/web/_tagtrail/repository", "repository:shop/web:delete"),
    ("GET", "/v2/_catalog", "registry:catalog:*"),
]


@pytest.mark.parametrize(("method", "path", "scope"), REQUESTS)
def test_every_request_wants_its_scope(central: FlaskClient, method: str, path: str, scope: str) -> None:
    kind, name, actions = scope.split(":")
    wanted = [(name, action) for action in actions.split(",")]
    begin = f'Bearer realm="https://auth.example/token",service="registry.example",scope="{scope}"'
    assert refused(central.open(path, method=method), *wanted) == begin
    other = allowed("repository:shop:pull,push,delete", "repository:shop/web/x:*", "registry:other:*")
    assert refused(central.open(path, method=method, headers=other), *wanted) == f'{begin},error="insufficient_scope"'
    bad = {"Authorization": "Bearer nonsense"}
    assert refused(central.open(path, method=method, headers=bad), *wanted) == f'{begin},error="invalid_token"'
    basic = central.open(path, method=method, headers=login("ann", "sesame"))
    assert refused(basic, *wanted) == begin
    granted = central.open(path, method=method, headers=allowed(f"{kind}:{name}:{actions}"))
    assert granted.status_code not in (401, 403, 500)


def test_the_version_wants_any_token_that_is_good(central: FlaskClient) -> None:
    challenge = 'Bearer realm="https://auth.example/token",service="registry.example"'
    for path in ("/v2/", "/v2"):
        assert refused(central.get(path)) == challenge
        assert central.get(path, headers=allowed()).json == {}
    assert refused(central.get("/v2/", headers={"Authorization": "Bearer x"})) == f'{challenge},error="invalid_token"'


def test_a_mount_wants_to_pull_from_where_it_takes(central: FlaskClient) -> None:
    assert push_blob(central, "base", allowed("repository:base:pull,push")).status_code == 201
    mount = f"/v2/shop/web/blobs/uploads/?mount={DIGEST}&from=base"
    wanted = (("shop/web", "pull"), ("shop/web", "push"), ("base", "pull"))
    only = allowed("repository:shop/web:pull,push")
    assert 'scope="repository:shop/web:pull,push repository:base:pull"' in refused(
        central.post(mount, headers=only), *wanted
    )
    both = allowed("repository:shop/web:pull,push", "repository:base:pull")
    assert central.post(mount, headers=both).status_code == 201
    assert central.post(f"{mount}%22x", headers=only).json["errors"][0]["code"] == "NAME_INVALID"


@pytest.mark.parametrize("source", ["", "&from="])
def test_content_is_not_looked_for_where_not_everybody_may_pull(central: FlaskClient, source: str) -> None:
    push_blob(central, "secret", allowed("repository:secret:pull,push"))
    mount = f"/v2/shop/web/blobs/uploads/?mount={DIGEST}{source}"
    answer = central.post(mount, headers=allowed("repository:shop/web:pull,push", "repository:secret:pull"))
    assert answer.status_code == 202
    assert "/blobs/uploads/" in answer.headers["Location"]


@pytest.mark.parametrize("source", ["", "&from="])
def test_content_is_looked_for_where_everybody_may_pull(by_password: FlaskClient, source: str) -> None:
    ann = login("ann", "sesame")
    push_blob(by_password, "base", ann)
    assert by_password.post(f"/v2/shop/web/blobs/uploads/?mount={DIGEST}{source}", headers=ann).status_code == 201


@pytest.mark.parametrize("headers", [{}, login("ann", "wrong"), login("eve", "sesame"), {"Authorization": "Bearer x"}])
def test_a_password_is_wanted(by_password: FlaskClient, headers: dict[str, str]) -> None:
    assert refused(by_password.get("/v2/", headers=headers)) == 'Basic realm="the shop"'
    assert refused(by_password.get("/v2/a/tags/list", headers=headers), ("a", "pull")) == 'Basic realm="the shop"'


def test_a_password_opens_everything_until_it_is_changed(by_password: FlaskClient, tmp_path: Path) -> None:
    ann = login("ann", "sesame")
    assert by_password.get("/v2/", headers=ann).status_code == 200
    assert push_blob(by_password, "any/thing", ann).status_code == 201
    assert by_password.get("/v2/_catalog", headers=ann).status_code == 200
    write_users(tmp_path / "htpasswd", bob="abra")
    assert by_password.get("/v2/", headers=ann).status_code == 401
    assert by_password.get("/v2/", headers=login("bob", "abra")).status_code == 200


@pytest.mark.parametrize(
    "given",
    ["", "Basic", "Basic !!!", "Basic " + base64.b64encode(b"\xff:\xff").decode(), "Basic bm9jb2xvbg==", "Bearer",
     "Bearer a=b", "Digest username=ann", "Bearer " + "x" * 50_000, "Basic " + "QUFB" * 10_000, "\xe9 \xe9"],
)  # fmt: skip
def test_odd_credentials(by_password: FlaskClient, given: str) -> None:
    refused(by_password.get("/v2/", headers={"Authorization": given}))


def test_guessing_has_to_wait_and_who_knows_is_heard(by_password: FlaskClient) -> None:
    for number in range(Failures.MOST):
        assert by_password.get("/v2/", headers=login("ann", f"guess {number}")).status_code == 401
    waits = by_password.get("/v2/", headers=login("ann", "another"))
    assert (waits.status_code, waits.json["errors"][0]["code"]) == (429, "TOOMANYREQUESTS")
    assert 0 < int(waits.headers["Retry-After"]) <= 60
    assert by_password.get("/v2/").status_code == 401
    assert by_password.get("/v2/", headers=login("ann", "sesame")).status_code == 200


def test_events_name_who_has_shown_who_they_are(by_password: FlaskClient, tmp_path: Path) -> None:
    image = an_image(tmp_path / "image", seed=1)
    ann = login("ann", "sesame")
    for blob in image.blobs.values():
        by_password.post(f"/v2/shop/web/blobs/uploads/?digest={Digest.of(blob)}", data=blob, headers=ann)
    pushed = by_password.put("/v2/shop/web/manifests/v1", data=image.manifest, headers=ann, content_type=OCI_MANIFEST)
    assert pushed.status_code == 201
    assert {json.dumps(event["actor"]) for event in _told(tmp_path)} == {'{"name": "ann"}'}


def test_without_access_no_name_is_believed(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with configured(monkeypatch, tmp_path, "", sqlite_url) as client:
        assert push_blob(client, "shop/web", login("mallory", "x")).status_code == 201
        assert push_blob(client, "shop/web", allowed("repository:shop/web:pull")).status_code == 201
    assert [event["actor"] for event in _told(tmp_path)] == [{}, {}]


def _told(folder: Path) -> list[dict[str, Any]]:
    engine = make_engine(f"sqlite:///{folder}/data/journal.db")
    with reading(engine) as connection:
        found = [json.loads(entry.event) for entry in journal.entries_after(connection, 0, 100)]
    engine.dispose()
    return found


@pytest.mark.parametrize(("config", "status"), [("", 403), (CENTRAL, 401), (HTPASSWD, 401)])
def test_on_an_address_that_others_reach(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: str, status: int
) -> None:
    """`/v2/` is off until access is configured (decision 16)."""
    with configured(monkeypatch, tmp_path, config, sqlite_url, TAGTRAIL_HOST="0.0.0.0") as client:
        answer = client.get("/v2/")
        assert answer.status_code == status
        assert ("registry: auth:" in answer.text) is (status == 403)


@given(header=st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=80))
def test_any_header_is_refused_and_never_fails(by_password_once: FlaskClient, header: str) -> None:
    for kind in ("", "Basic ", "Bearer "):
        answer = by_password_once.get("/v2/a/tags/list", headers={"Authorization": kind + header})
        assert answer.status_code in (401, 429)


@pytest.fixture(scope="module")
def by_password_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    folder = tmp_path_factory.mktemp("access")
    with pytest.MonkeyPatch.context() as patch:
        database_url = f"sqlite:///{folder}/tagtrail.db"
        engine = make_engine(database_url)
        upgrade(engine)
        engine.dispose()
        with configured(patch, folder, HTPASSWD, database_url) as client:
            yield client

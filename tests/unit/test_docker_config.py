"""What `docker login` leaves behind, and the helpers that keep it elsewhere."""

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.remote.credentials import CredentialsError, Login, from_docker

SECRET = "s3cr3t"
HOST = "registry.example:5000"


def auth(username: str = "alice", password: str = SECRET) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{username}:{password}".encode()).decode()}


def written(folder: Path, config: Any) -> Path:
    path = folder / "config.json"
    path.write_text(config if isinstance(config, str) else json.dumps(config))
    return path


def helper(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, script: str) -> None:
    program = folder / "bin" / f"docker-credential-{name}"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("registry", "auths", "login"),
    [
        (HOST, {HOST: auth()}, Login("alice", SECRET)),
        (HOST, {f"https://{HOST}/v1/": auth()}, Login("alice", SECRET)),
        (HOST, {f"https://{HOST}": auth(password="a:b:c")}, Login("alice", "a:b:c")),
        (HOST, {HOST: {"username": "bob", "password": SECRET}}, Login("bob", SECRET)),
        (HOST, {HOST: {"identitytoken": SECRET}}, Login("", identity_token=SECRET)),
        ("docker.io", {"https://index.docker.io/v1/": auth()}, Login("alice", SECRET)),
        (HOST, {"registry.example": auth(), f"{HOST}0": auth()}, None),
        (HOST, {HOST: {}}, None),
        (HOST, {HOST: None}, None),
    ],
)
def test_the_login_of_a_registry(tmp_path: Path, registry: str, auths: Any, login: Login | None) -> None:
    assert from_docker(written(tmp_path, {"auths": auths}), registry) == login


@pytest.mark.parametrize("config", ["{}", '{"auths": null}', '{"auths": [], "credHelpers": 5}'])
def test_a_file_without_logins(tmp_path: Path, config: str) -> None:
    assert from_docker(written(tmp_path, config), HOST) is None


def test_no_file_is_no_login(tmp_path: Path) -> None:
    assert from_docker(tmp_path / "none.json", HOST) is None


@pytest.mark.parametrize(
    "config", ["", "[]", f'{{"a": {SECRET}', json.dumps({"auths": {HOST: {"auth": f"{SECRET}!"}}})]
)
def test_a_file_that_is_none_is_an_error_without_its_content(tmp_path: Path, config: str) -> None:
    with pytest.raises(CredentialsError) as raised:
        from_docker(written(tmp_path, config), HOST)
    assert "config.json" in str(raised.value)
    assert SECRET not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_helper_is_asked_for_its_registry_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper(
        tmp_path, monkeypatch, "vault",
        f"""[ "$1" = get ] && read -r server; printf '{{"Username": "%s", "Secret": "{SECRET}"}}' "$server" """,
    )
    config = written(tmp_path, {"auths": {"other.example": auth("bob")}, "credHelpers": {HOST: "vault"}})
    assert from_docker(config, HOST) == Login(HOST, SECRET)
    assert from_docker(config, "other.example") == Login("bob", SECRET)


def test_a_store_is_asked_for_every_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper(tmp_path, monkeypatch, "store", f"""printf '{{"Username": "<token>", "Secret": "{SECRET}"}}'""")
    config = written(tmp_path, {"credsStore": "store"})
    assert from_docker(config, "docker.io") == Login("", identity_token=SECRET)


def test_a_store_that_has_none_leaves_it_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper(tmp_path, monkeypatch, "store", "echo credentials not found in native keychain; exit 1")
    config = written(tmp_path, {"credsStore": "store", "auths": {HOST: auth()}})
    assert from_docker(config, HOST) == Login("alice", SECRET)


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        (f"echo {SECRET}; exit 3", "failed with status 3"),
        (f"echo {SECRET}", "gave no credentials in JSON"),
        ("sleep 60; true", "gave no answer within"),
    ],
)
def test_a_helper_that_fails_says_nothing_it_was_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, complaint: str
) -> None:
    monkeypatch.setattr("app.remote.credentials._HELPER_WITHIN_S", 0.3)
    helper(tmp_path, monkeypatch, "vault", f"exec 2>&1; {script}")
    with pytest.raises(CredentialsError, match=complaint) as raised:
        from_docker(written(tmp_path, {"credHelpers": {HOST: "vault"}}), HOST)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize("name", ["missing", "../../bin/sh", "a b", "$(id)"])
def test_only_helpers_by_name_are_run(tmp_path: Path, name: str) -> None:
    with pytest.raises(CredentialsError, match="is not installed"):
        from_docker(written(tmp_path, {"credHelpers": {HOST: name}}), HOST)


def test_a_login_shows_no_secret() -> None:
    assert SECRET not in repr(Login("alice", SECRET)) + repr(Login("", identity_token=SECRET))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(config=JSON, entry=JSON)
def test_any_json_is_read_or_refused(tmp_path: Path, config: Any, entry: Any) -> None:
    for whole in (config, {"auths": {HOST: entry}}):
        try:
            found = from_docker(written(tmp_path, whole), HOST)
        except CredentialsError:
            continue
        assert found is None or isinstance(found, Login)

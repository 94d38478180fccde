"""`registry: auth:` of our own configuration, and when `/v2/` is served."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app.bootstrap.access import make_access
from app.registry.access.gates import ByPassword, Open
from app.settings import ConfigurationError, Settings, load

Configure = Callable[[str], Settings]


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configure:
    monkeypatch.chdir(tmp_path)

    def configured(auth: str) -> Settings:
        (tmp_path / "tagtrail.yml").write_text(f"registry:\n  auth: {auth}\n")
        return load()

    return configured


SERVICE = "{service: {htpasswd: users, grants: [%s]}}"


@pytest.mark.parametrize(
    ("auth", "fault"),
    [
        (SERVICE % "", ":2: registry.auth.service.grants: "),
        (SERVICE % "{repositories: [a]}", "registry.auth.service.grants.0: give either users: or anonymous: true"),
        (SERVICE % "{users: [a], anonymous: true, repositories: [a]}", "give either users: or anonymous: true"),
        (SERVICE % "{anonymous: true, repositories: [a], actions: [pull, push]}", "who says no name may only pull"),
        (SERVICE % "{users: [a], repositories: []}", "grants.0.repositories: "),
        (SERVICE % "{users: [a], repositories: [a], actions: [pul]}", "grants.0.actions.0: "),
        (SERVICE % "{users: [a], repository: a}", "unknown key 'repository'; did you mean 'repositories'?"),
        ("{silly: {realm: a}}", "registry.auth.silly: unknown key 'silly'; known are htpasswd, token, service"),
    ],
)
def test_what_is_no_access(configure: Configure, auth: str, fault: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        configure(auth)
    assert fault in str(caught.value)


def test_grants(configure: Configure) -> None:
    settings = configure(SERVICE % "{users: [ann], repositories: ['**'], actions: [pull, push]}, "
                         "{anonymous: true, repositories: [base/*]}")  # fmt: skip
    assert settings.registry.auth is not None
    assert settings.registry.auth.service is not None
    assert settings.registry.auth.service.htpasswd == Path.cwd() / "users"
    assert [grant.actions for grant in settings.registry.auth.service.grants] == [("pull", "push"), ("pull",)]


@pytest.mark.parametrize(
    ("auth", "host", "served"),
    [
        ("{}", "127.0.0.1", True),
        ("{}", "0.0.0.0", False),
        ("", "0.0.0.0", False),
        ("{htpasswd: {realm: a, path: b}}", "0.0.0.0", True),
    ],
)
def test_where_the_registry_is_served(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, auth: str, host: str, served: bool
) -> None:
    monkeypatch.setenv("TAGTRAIL_HOST", host)
    assert configure(auth).serves_registry is served


@pytest.mark.parametrize(
    ("auth", "fault"),
    [
        ("{htpasswd: {realm: a, path: nowhere}}", "nowhere is not there; make it with: htpasswd -B -c "),
        (SERVICE % "{users: [a], repositories: [a]}", "users is not there; make it with: htpasswd -B -c "),
        ("{token: {realm: 'http://a', service: a, issuer: b}}", "auth.token: no key is trusted"),
        ("{token: {realm: 'http://a', service: a, issuer: b, jwks: nowhere}}", "auth.token.jwks: "),
        ("{token: {realm: 'http://a', service: a, issuer: b, rootcertbundle: tagtrail.yml}}", "no certificates in PEM"),
    ],
)
def test_files_that_are_not_there_or_not_right(configure: Configure, auth: str, fault: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make_access(configure(auth))
    assert fault in str(caught.value)


def test_who_is_asked(configure: Configure, tmp_path: Path) -> None:
    (tmp_path / "users").write_text("")
    assert isinstance(make_access(configure("{}")).gate, Open)
    assert isinstance(make_access(configure("{htpasswd: {realm: a, path: users}}")).gate, ByPassword)


def test_the_key_of_our_own_service_is_made_once_and_for_its_owner(configure: Configure) -> None:
    settings = configure(SERVICE % "{users: [a], repositories: [a]}")
    Path("users").write_text("")
    first, second = make_access(settings).service, make_access(settings).service
    assert first is not None
    assert second is not None
    assert first.key.thumbprint() == second.key.thumbprint()
    path = settings.data / "registry-token.key"
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("not a key")
    with pytest.raises(ConfigurationError, match="not a private key of P-256 in PEM"):
        make_access(settings)

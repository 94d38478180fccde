"""What would keep a start from getting on is told before it, with key and line; what `rules check` says of rules."""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli import main

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Apprise's own, of imghdr
S3 = "{s3: {bucket: b, region: r}}"
AZURE = "{azure: {accountname: a, container: c, accountkey: '${env:HOME}'}}"


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("TAGTRAIL_CONFIG", "REDIS_URL", "DATABASE_URL", "TAGTRAIL_REGISTRY_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"DATA": str(tmp_path / "data"), "HOST": "127.0.0.1", "PORT": "5000"}.items():
        monkeypatch.setenv(f"TAGTRAIL_{name}", value)
    return tmp_path


def run(*arguments: str, status: int = 0) -> str:
    done = CliRunner().invoke(main, list(arguments))
    assert done.exit_code == status, (done.output, done.exception)
    return done.output


def without(monkeypatch: pytest.MonkeyPatch, client: str) -> None:
    drivers = ("app.registry.storage.s3", "app.registry.storage.azure")
    for module in [name for name in sys.modules if name.startswith(drivers)]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, client, None)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("triggers:\n  k:\n    kind: kubernetes\n    workload: deployment/web\n    kubeconfig: none\n",
         ":5: triggers.k.kubeconfig: FOLDER/none: can't be read: No such file"),
        ("triggers:\n  c:\n    kind: command\n    command: [/nowhere]\n", ":4: triggers.c.command: /nowhere is no "),
        ("triggers:\n  s:\n    kind: swarm\n    service: a\n    url: https://a.example\n    tls:\n      ca: none.pem\n"
         "      certificate: a\n      key: b\n", ":7: triggers.s.tls.ca: FOLDER/none.pem: can't be read: No such file"),
        ("channels:\n  a:\n    kind: webhook\n    url: https://a.example\n    tls:\n      ca: none.pem\n",
         ":6: channels.a.tls.ca: FOLDER/none.pem can't be used: No such file"),
        ("channels:\n  a:\n    kind: apprise\n    url: nothing://x\n", ":2: channels.a: Apprise can't read this URL"),
        ("registry:\n  notifications:\n    endpoints:\n      - name: one\n        url: https://a.example\n"
         "      - name: two\n        url: https://a.example\n        tls:\n          ca: none.pem\n",
         ":9: registry.notifications.endpoints.1.tls.ca: FOLDER/none.pem: can't be read: No such file"),
        ("registry:\n  notifications:\n    endpoints:\n      - name: one\n        url: https://a.example\n"
         "        tls:\n          ca: tagtrail.yml\n", ":6: registry.notifications.endpoints.0.tls: can't be used: "),
        ("triggers:\n  s:\n    kind: swarm\n    service: a\n    url: https://a.example\n    tls:\n"
         "      ca: tagtrail.yml\n      certificate: tagtrail.yml\n      key: tagtrail.yml\n",
         ":6: triggers.s.tls: can't be used: "),
        ("registry:\n  auth:\n    htpasswd:\n      realm: a\n      path: none\n",
         ":5: registry.auth.htpasswd.path: FOLDER/none is not there; make it with: htpasswd -B -c "),
        ("forward:\n  a:\n    url: ftp://a.example\n", ":2: forward.a: not a usable URL"),
        ("registries:\n  a.example:\n    credentials:\n      username: a\n      password: ${env:NOT_HERE}\n",
         ":5: registries.a.example.credentials.password: the environment variable NOT_HERE is not set"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", [("rules", "check"), ("up",)])
def test_files_that_are_named_and_not_right(
    folder: Path, text: str, complaint: str, command: tuple[str, ...]
) -> None:
    (folder / "tagtrail.yml").write_text(text)
    assert f"tagtrail.yml{complaint.replace('FOLDER', str(folder))}" in run(*command, status=1)


@pytest.mark.parametrize(("storage", "key", "client"), [(S3, "s3", "boto3"), (AZURE, "azure", "azure.storage.blob")])
def test_an_extra_that_is_missing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, storage: str, key: str, client: str
) -> None:
    without(monkeypatch, client)
    (folder / "tagtrail.yml").write_text(f"registry:\n  storage: {storage}\n")
    (folder / "config.yml").write_text(
        f"version: 0.1\nhttp: {{addr: 'localhost:0'}}\nstorage: {storage}\n"
    )
    wanted = f"storage.{key}: storage on {key} needs more packages: pip install 'tagtrail[{key}]'"
    for command in (("rules", "check"), ("up",)):
        assert f"tagtrail.yml:2: registry.{wanted}" in run(*command, status=1)
    for name in ("check", "serve"):
        assert f"config.yml:3: {wanted}" in run("registry", name, "config.yml", status=1)


def test_all_that_a_rule_says_is_told(folder: Path) -> None:
    (folder / "tagtrail.yml").write_text(
        """\
channels: {ops: {kind: slack, url: "https://a.example"}}
triggers: {web: {kind: webhook, url: "https://a.example"}}
protected: {tags: ["v*", "prod-*"]}
rules:
  - name: web
    when: {tag: stable}
    deploy: [web]
    windows: [{days: [mon-fri], from: "09:00", to: 17:30, zone: Europe/Berlin}, {from: "22:00", to: "24:00"}]
    approve: 2h
    confirm: false
    allow_downgrade: true
    insecure: a lab
  - {name: chat, paused: true, alert: [ops]}
"""
    )
    first, second, third, _ok = run("rules", "check").splitlines()
    assert first.partition("): ")[2] == (
        "tag: stable -> trigger:web; open mon-fri 09:00-17:30 Europe/Berlin; open mon-sun 22:00-24:00 UTC; waits 2h "
        "for approval; without asking the registry; downgrades too; insecure: a lab"
    )
    assert second.endswith(": everything -> channel:ops; paused")
    assert third.startswith("protected (")
    assert third.endswith("): v*, prod-* -> channel:ops")


@pytest.mark.parametrize(("said", "shown"), [("{alert: [ops]}", "releases"), ("{tags: []}", "no tag")])
def test_what_is_protected_unless_said(folder: Path, said: str, shown: str) -> None:
    (folder / "tagtrail.yml").write_text(
        f"channels: {{ops: {{kind: slack, url: 'https://a.example'}}}}\nprotected: {said}\n"
    )
    assert f"): {shown} -> channel:ops\n" in run("rules", "check")

"""A real client logs in, pushes and pulls, and is refused: skopeo against `tagtrail up`, with no third party."""

import base64
import json
import subprocess
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from accessing import login, write_users
from images import an_image
from peer import need
from system import System, running, wait_until

pytestmark = pytest.mark.e2e

PASSWORDS = {"ann": "sesame", "bob": "abra cadabra: ü"}
SERVICE = """
registry:
  auth:
    service:
      htpasswd: htpasswd
      grants:
        - {users: [ann], repositories: ["**"], actions: [pull, push, delete]}
        - {users: [bob], repositories: ["shop/*"]}
        - {anonymous: true, repositories: ["base/*"]}
"""
HTPASSWD = "registry: {auth: {htpasswd: {realm: shop, path: htpasswd}}}"


@dataclass(frozen=True)
class Client:
    """skopeo with a file of logins of its own."""

    folder: Path
    system: System
    name: str

    @property
    def registry(self) -> str:
        return self.system.url.removeprefix("http://")

    def run(self, *arguments: str, succeeds: bool = True) -> str:
        """What it prints; where it is to fail, what it says."""
        known = ["--authfile", str(self.folder / f"{self.name}.json")] if arguments[0] != "copy" else []
        command = [need("skopeo"), "--insecure-policy", arguments[0], *known, *arguments[1:]]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert (done.returncode == 0) is succeeds, done.stderr
        return done.stdout if succeeds else done.stderr

    def login(self, password: str, *, succeeds: bool = True) -> str:
        given = ("--username", self.name, "--password", password)
        return self.run("login", "--tls-verify=false", *given, self.registry, succeeds=succeeds)

    def push(self, layout: Path, reference: str, *, succeeds: bool = True) -> str:
        known = ("--dest-authfile", str(self.folder / f"{self.name}.json"), "--dest-tls-verify=false")
        target = f"docker://{self.registry}/{reference}"
        return self.run("copy", "-q", *known, f"oci:{layout}", target, succeeds=succeeds)

    def pull(self, reference: str, *, succeeds: bool = True) -> str:
        known: Sequence[str] = ("--src-authfile", str(self.folder / f"{self.name}.json"))
        layout = f"oci:{self.folder / f'{self.name}-pulled'}"
        source = f"docker://{self.registry}/{reference}"
        return self.run("copy", "-q", *known, "--src-tls-verify=false", source, layout, succeeds=succeeds)


def test_two_users_and_nobody(tmp_path: Path) -> None:
    write_users(tmp_path / "htpasswd", **PASSWORDS)
    image = an_image(tmp_path / "image", seed=1)
    with running(tmp_path, SERVICE) as system:
        ann, bob, nobody = (Client(tmp_path, system, name) for name in ("ann", "bob", "nobody"))
        (tmp_path / "nobody.json").write_text("{}")
        assert "invalid username/password" in ann.login("wrong", succeeds=False)
        for client in (ann, bob):
            client.login(PASSWORDS[client.name])
        for repository in ("shop/web", "base/os", "secret/vault"):
            ann.push(image.folder, f"{repository}:1")
        bob.pull("shop/web:1")
        bob.pull("base/os:1")
        assert "unauthorized" in bob.push(image.folder, "shop/web:2", succeeds=False).lower()
        assert "unauthorized" in bob.pull("secret/vault:1", succeeds=False).lower()
        nobody.pull("base/os:1")
        assert "unauthorized" in nobody.pull("shop/web:1", succeeds=False).lower()
        assert "unauthorized" in nobody.push(image.folder, "base/os:2", succeeds=False).lower()
        ann.run("delete", "--tls-verify=false", f"docker://{ann.registry}/secret/vault:1")
        (line, *_rest) = wait_until("the push in the history", lambda: system.ask("history", "shop/web:1"))
        assert line["actor"] == "ann"
        (pull, *_rest) = wait_until("bob's pull", lambda: system.ask("events", "--actor", "bob"))
        assert pull["actor"] == "bob"


def test_a_login_that_holds_no_password(tmp_path: Path) -> None:
    """As `docker login` leaves it: with a refresh token, for which tokens are asked by POST."""
    write_users(tmp_path / "htpasswd", **PASSWORDS)
    image = an_image(tmp_path / "image", seed=1)
    with running(tmp_path, SERVICE) as system:
        ann = Client(tmp_path, system, "ann")
        asked = urllib.request.Request(
            f"{system.url}/v2/_tagtrail/token?offline_token=true", headers=login("ann", "sesame")
        )
        with urllib.request.urlopen(asked, timeout=20) as answer:
            refresh = json.load(answer)["refresh_token"]
        named = base64.b64encode(b"ann:").decode()
        kept = {"auths": {ann.registry: {"auth": named, "identitytoken": refresh}}}
        (tmp_path / "ann.json").write_text(json.dumps(kept))
        ann.push(image.folder, "shop/web:1")
        ann.pull("shop/web:1")


def test_logins_of_htpasswd(tmp_path: Path) -> None:
    write_users(tmp_path / "htpasswd", **PASSWORDS)
    image = an_image(tmp_path / "image", seed=1)
    with running(tmp_path, HTPASSWD) as system:
        bob = Client(tmp_path, system, "bob")
        bob.login("wrong", succeeds=False)
        bob.login(PASSWORDS["bob"])
        bob.push(image.folder, "any/thing:1")
        bob.pull("any/thing:1")
        (tmp_path / "nobody.json").write_text(json.dumps({}))
        assert "unauthorized" in Client(tmp_path, system, "nobody").pull("any/thing:1", succeeds=False).lower()

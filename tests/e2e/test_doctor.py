"""`tagtrail origin doctor` against a system that runs: what arrives, what doesn't, and what it says to do."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from destinations import ENVIRONMENT
from listener import Listener
from system import TAGTRAIL, System, running, wait_until

pytestmark = pytest.mark.e2e
CONFIG = """\
origins:
  forge: {{kind: generic, insecure: a test, mapping: {{action: what, repository: image}}}}
  google: {{kind: gar, auth: {{oidc: {{issuer: a, audience: b, keys: "${{file:jwks.json}}"}}}}}}
  deaf: {{kind: distribution, insecure: a test, ignore: {{repositories: ["tagtrail/*"]}}}}
  shared: {{kind: distribution, auth: {{basic: {{username: u, password: "${{env:SHARED}}"}}}}}}
  wrong: {{kind: zot, auth: {{bearer: "${{env:WRONG}}"}}}}
triggers:
  web: {{kind: webhook, url: "{url}/deploy", secret: "${{env:DEPLOY_SECRET}}", settle: 0s}}
channels:
  pulls: {{kind: webhook, url: "{url}/deploy", settle: 0s}}
rules:
  - name: everything
    when: {{change: [created, moved, removed, restored]}}
    deploy: [web]
    insecure: a test
    confirm: false
  - name: pulls
    when: {{change: [pulled]}}
    alert: [pulls]
"""
JWKS = {
    "keys": [
        {
            "kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "1",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        }
    ]
}  # fmt: skip


def doctor(system: System, name: str, environment: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    """Its status, and what it says."""
    command = [*TAGTRAIL, "origin", "doctor", name, "--json", "--data", str(system.data)]
    done = subprocess.run(
        [*command, "--config", str(system.config)],
        capture_output=True, text=True, timeout=60, env=system.environment | (environment or {}),
    )  # fmt: skip
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def marks(told: dict[str, Any]) -> dict[str, bool | None]:
    return {step["step"]: step["ok"] for step in told["steps"]}


def failed(told: dict[str, Any]) -> dict[str, Any]:
    (step,) = [step for step in told["steps"] if step["ok"] is False]
    return dict(step)


def test_what_is_configured_arrives_and_starts_nothing(tmp_path: Path) -> None:
    (tmp_path / "jwks.json").write_text(json.dumps(JWKS))
    secrets = ENVIRONMENT | {"SHARED": "the receiver's own", "WRONG": "one"}
    with Listener() as listener:
        config = CONFIG.format(url=listener.url).replace("when: {", "when: {registry: prod.example, ")
        with running(tmp_path, config, secrets) as system:
            for kind in ("distribution", "harbor", "ghcr", "quay", "nexus", "jfrog", "auto"):
                system.run("origin", "add", f"a-{kind}", "--kind", kind, "--registry", "prod.example")
                status, told = doctor(system, f"a-{kind}")
                assert marks(told) == dict.fromkeys(("address", "reach", "accept", "time", "store"), True), told
                assert status == 0
                secret = (system.data / "origins.d" / f"a-{kind}.secret").read_text()
                assert secret in told["settings"]
                assert told["known"]["heard"] is None
            _says_what_is_wrong(system)
            _leaves_only_events(system)
        assert listener.heard == []


def _says_what_is_wrong(system: System) -> None:
    status, told = doctor(system, "wrong", {"WRONG": "two"})
    assert (status, failed(told)["step"]) == (1, "accept")
    assert failed(told)["detail"] == "HTTP 401: the secret is missing or wrong"
    assert "another secret" in failed(told)["advice"]
    status, told = doctor(system, "shared", {"SHARED": ""})
    assert (status, failed(told)["step"]) == (1, "secret")
    assert failed(told)["detail"] == "the environment variable SHARED is not set"
    assert doctor(system, "shared")[0] == 0
    status, told = doctor(system, "deaf")
    assert (status, failed(told)["step"]) == (1, "store")
    assert "ignore:" in failed(told)["advice"]
    for name, word in (("google", "only the issuer can sign"), ("forge", "its mapping")):
        status, told = doctor(system, name)
        assert (status, marks(told)) == (0, {"address": True, "send": None})
        assert word in told["steps"][-1]["detail"]


def _leaves_only_events(system: System) -> None:
    told = system.ask("events", "--limit", "1000")
    made_up = [line for line in told if line["repository"] == "tagtrail/doctor"]
    assert len(made_up) == 8 * 5
    assert all("made-up" in line["flags"] and line["scope"] is None for line in made_up)
    assert all(row["events"] == 0 and row["heard"] is None for row in system.ask("origin", "list"))
    assert system.ask("deliveries") == []


def test_a_receiver_that_is_not_there_is_told(tmp_path: Path) -> None:
    with running(tmp_path, "origins: {late: {kind: distribution, insecure: a test}}") as system:
        followed = system.config
        system.config = tmp_path / "another.yml"
        system.config.write_text("origins: {later: {kind: distribution, insecure: a test}}")
        status, told = doctor(system, "later")
        assert (status, failed(told)["step"]) == (1, "accept")
        assert "the --data and --config" in failed(told)["advice"]
        text = subprocess.run(
            [*TAGTRAIL, "origin", "doctor", "later", "--data", str(system.data), "--config", str(system.config)],
            capture_output=True, text=True, timeout=60, env=system.environment,
        )  # fmt: skip
        assert text.returncode == 1
        assert "not ok    accept   HTTP 404" in text.stdout
        assert f"url: {system.url}/hooks/later" in text.stdout
        followed.write_text(system.config.read_text())
        wait_until("the receiver follows", lambda: doctor(system, "later")[0] == 0)
        system.stop()
        wait_until("the end", lambda: not system.answers())
        status, told = doctor(system, "later")
        assert (status, failed(told)["step"]) == (1, "reach")
        assert "tagtrail up" in failed(told)["advice"]

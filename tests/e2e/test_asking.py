"""A source without digests: the registry is asked, the tag redeployed, and what was missed reconciled."""

import json
from pathlib import Path

import pytest
from builders import an_event
from destinations import ENVIRONMENT, deploys
from images import an_image
from listener import Listener
from peer import PASSWORD, docker_registry, htpasswd, skopeo
from system import System, running, wait_until

pytestmark = pytest.mark.e2e
NAME = "registry.example:5000"
CONFIG = """\
origins:
  hub: {{kind: distribution, registries: ["{name}"], auth: {{bearer: "${{env:HUB_SECRET}}"}}}}
registries:
  {name}: {{url: "http://{registry}", credentials: {{username: alice, password: "${{env:PEER_PASSWORD}}"}}}}
triggers:
  web-prod: {{kind: webhook, url: "{url}/deploy", secret: "${{env:DEPLOY_SECRET}}", settle: 0s}}
rules:
  - name: web
    when: {{registry: "{name}", tag: stable, provenance: [observed, resolved]}}
    deploy: [web-prod]
"""
SECRETS = ENVIRONMENT | {"HUB_SECRET": "open up", "PEER_PASSWORD": PASSWORD}


def history(system: System, tag: str) -> list[tuple[str, str, str]]:
    lines = system.ask("history", f"{NAME}/shop/web:{tag}")
    return [(line["kind"], line["after"], line["provenance"]) for line in lines]


def tell(system: System, **over: object) -> None:
    event = an_event(**{"digest": None} | over)
    del event["timestamp"]  # it has just happened
    assert system.post(json.dumps({"events": [event]}).encode(), "hub", "open up") == 202


def test_a_push_without_a_digest_is_resolved_and_redeployed(tmp_path: Path, database_url: str) -> None:
    image = an_image(tmp_path / "one", 1)
    (tmp_path / "peer").mkdir()
    with Listener() as listener, docker_registry(tmp_path / "peer", htpasswd(tmp_path / "peer")) as registry:
        for tag in ("stable", "silent"):
            to = f"docker://{registry}/shop/web:{tag}"
            credentials = f"--dest-creds=alice:{PASSWORD}"
            skopeo("copy", "-q", "--dest-tls-verify=false", credentials, f"oci:{image.folder}", to)
        config = CONFIG.format(name=NAME, registry=registry, url=listener.url)
        with running(tmp_path, config, SECRETS | {"DATABASE_URL": database_url}) as system:
            tell(system)
            wait_until("the redeploy", lambda: len(deploys(listener)) == 1)
            assert history(system, "stable") == [("created", str(image.digest), "resolved")]
            assert deploys(listener)[0].after == str(image.digest)
            tell(system, repository="shop/gone", tag="v1", digest=str(image.digest))
            (walked,) = system.ask("reconcile", "hub", "--repository", "shop/w*")
            assert [(one["tag"], one["after"]) for one in walked["differences"]] == [("silent", str(image.digest))]
            assert history(system, "silent") == [("created", str(image.digest), "reconciled")]
            told = system.log() + json.dumps(system.ask("events")) + json.dumps(system.ask("deliveries"))
            assert PASSWORD not in told
            assert len(deploys(listener)) == 1, "nobody asked to redeploy what was reconciled"

"""Debian's docker-registry tells, Tagtrail writes history, redeploys and alerts (issue 2, item 10)."""

import json
from pathlib import Path

import pytest
from destinations import ENVIRONMENT, alerts, config, deploys
from images import an_image
from listener import Listener
from peer import docker_registry, push, skopeo
from system import System, running, wait_until

pytestmark = pytest.mark.e2e
NAME = "registry.example:5000"


def history(system: System) -> list[tuple[str, str, str]]:
    lines = system.ask("history", f"{NAME}/shop/web:stable")
    return [(line["kind"], line["before"], line["after"]) for line in reversed(lines)]


def forwarded(listener: Listener) -> str:
    return f'forward:\n  siem: {{url: "{listener.url}/siem"}}\n'


def sent_on(listener: Listener) -> list[tuple[str, str, str]]:
    events = [json.loads(one.body) for one in list(listener.heard) if one.path == "/siem"]
    return [(event["type"], event["data"]["before"], event["data"]["after"]) for event in events]


def test_a_registry_tells_and_the_tag_is_redeployed_and_talked_about(tmp_path: Path, database_url: str) -> None:
    first, second = an_image(tmp_path / "one", 1), an_image(tmp_path / "two", 2)
    (tmp_path / "peer").mkdir()
    environment = ENVIRONMENT | {"DATABASE_URL": database_url}
    with Listener() as listener, running(tmp_path, config(listener, NAME) + forwarded(listener), environment) as system:
        endpoint = system.run("origin", "add", "prod", "--registry", NAME)
        endpoint = endpoint.replace("http://127.0.0.1:5000", system.url)
        with docker_registry(tmp_path / "peer", endpoint) as registry:
            push(first.folder, registry, "shop/web:stable")
            wait_until("the first redeploy", lambda: len(deploys(listener)) == 1)
            push(second.folder, registry, "shop/web:stable")
            wait_until("the second redeploy", lambda: len(deploys(listener)) == 2)
            push(second.folder, registry, "shop/web:stable")
            skopeo("delete", "--tls-verify=false", f"docker://{registry}/shop/web:stable")
            wait_until("three alerts", lambda: len(alerts(listener)) == 3)
        expected = [
            ("created", "unknown", str(first.digest)),
            ("moved", str(first.digest), str(second.digest)),
            ("removed", str(second.digest), "absent"),
        ]
        assert history(system) == expected
        assert [(one.before, one.after) for one in deploys(listener)] == [(b, a) for _kind, b, a in expected[:2]]
        texts = [alert["text"] for alert in alerts(listener)]
        assert [text.split()[0] for text in texts] == ["created", "moved", "removed"]
        assert all("shop/web:stable" in text for text in texts)
        wait_until("three changes sent on", lambda: len(sent_on(listener)) == 3)
        assert sent_on(listener) == [(f"tagtrail.tag.{kind}", before, after) for kind, before, after in expected]
        wait_until("all are delivered", lambda: {one["status"] for one in system.ask("deliveries")} == {"delivered"})


def test_a_receiver_that_was_down_hears_of_it_later(tmp_path: Path) -> None:
    """distribution keeps the event and tries again; Tagtrail comes back on the same address and takes it."""
    image = an_image(tmp_path / "one", 3)
    (tmp_path / "peer").mkdir()
    with Listener() as listener, running(tmp_path, config(listener, NAME), ENVIRONMENT) as system:
        endpoint = system.run("origin", "add", "prod", "--registry", NAME)
        endpoint = endpoint.replace("http://127.0.0.1:5000", system.url).replace("backoff: 5s", "backoff: 1s")
        with docker_registry(tmp_path / "peer", endpoint) as registry:
            assert system.stop() == 0
            push(image.folder, registry, "shop/web:stable")
            system.start()
            wait_until("the redeploy", lambda: len(deploys(listener)) == 1)
        assert history(system) == [("created", "unknown", str(image.digest))]

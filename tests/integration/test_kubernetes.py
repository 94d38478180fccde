"""The Kubernetes trigger against a double of the API: what is patched, and that a repeat is no second rollout."""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from kubernetes_double import TOKEN, Cluster
from listener import Reply
from tellings import AFTER, MOVED, told

from app.outbound import Door
from app.settings import ConfigurationError
from app.settings.kubeconfig import from_file, in_cluster
from app.settings.sections import File
from app.settings.templates import RenderError
from app.settings.yamlfile import read
from app.sinks import kinds
from app.sinks.kubernetes import Kubernetes
from app.sinks.sink import Outcome, Trigger

NOW_S = 1_795_464_407
IMAGE = f"registry.example:5000/shop/web@{AFTER}"
PATHS = {
    "deployment": "/apis/apps/v1/namespaces/shop/deployments/web",
    "statefulset": "/apis/apps/v1/namespaces/shop/statefulsets/web",
    "daemonset": "/apis/apps/v1/namespaces/shop/daemonsets/web",
    "cronjob": "/apis/batch/v1/namespaces/shop/cronjobs/web",
}


@pytest.fixture(params=list(PATHS))
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    kind = str(request.param)
    with Cluster(PATHS[kind], {"web": "shop/web:1", "proxy": "proxy:1"}, cron=kind == "cronjob") as cluster:
        yield cluster


@pytest.fixture
def deployment() -> Iterator[Cluster]:
    with Cluster(PATHS["deployment"], {"web": "shop/web:1", "proxy": "proxy:1"}) as cluster:
        yield cluster

WORDS = [
    "current-context", "contexts", "clusters", "users", "name", "context", "cluster", "user", "server", "token",
    "tokenFile", "client-certificate-data", "client-key", "certificate-authority", "exec", "namespace",
]  # fmt: skip


def kubeconfig(folder: Path, url: str, **user: object) -> Path:
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump({
        "current-context": "main",
        "contexts": [{"name": "main", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}],
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": user or {"token": TOKEN}}],
    }))  # fmt: skip
    return path


@pytest.fixture
def trigger(tmp_path: Path) -> Iterator[Callable[..., Trigger]]:
    with Door() as door, ExitStack() as opened:

        def made(cluster: Cluster, settings: str) -> Trigger:
            kubeconfig(tmp_path, cluster.url)
            path = tmp_path / "tagtrail.yml"
            path.write_text(f"triggers:\n  web: {{kind: kubernetes, kubeconfig: kubeconfig, {settings}}}\n")
            sink = kinds.trigger(read(path, File).triggers["web"], door)
            assert isinstance(sink, Kubernetes)
            opened.enter_context(sink.door)
            return sink

        yield made


def workload(cluster: Cluster) -> str:
    return next(f"{kind}/web" for kind, path in PATHS.items() if path == cluster.path)


def sent(sink: Trigger, message_id: str = "msg_1", **changed: Any) -> Outcome:
    message = sink.render([told(**changed)])
    outcome = sink.send(message_id, message, NOW_S)
    assert TOKEN not in repr(outcome) + repr(sink) + sink.shown(message)
    return outcome


def test_the_image_is_set_to_the_digest_once(trigger: Any, cluster: Cluster) -> None:
    sink = trigger(cluster, f"workload: {workload(cluster)}, container: web")
    assert sent(sink).delivered
    assert cluster.images() == {"web": IMAGE, "proxy": "proxy:1"}
    assert cluster.template["spec"]["containers"][0]["env"] == [{"name": "A", "value": "1"}]
    again = sent(sink)
    assert (again.delivered, again.detail) == (True, f"{workload(cluster)} is already so")
    assert cluster.rollouts == 1


def test_a_restart_happens_once_for_a_delivery(trigger: Any, deployment: Cluster) -> None:
    sink = trigger(deployment, "workload: deployment/web")
    assert sent(sink).delivered
    marks = deployment.template["metadata"]["annotations"]
    assert marks["kubectl.kubernetes.io/restartedAt"] == "2026-11-23T20:06:47Z"  # the change's, not the clock's
    assert sent(sink).delivered
    assert deployment.rollouts == 1
    assert sent(sink, "msg_2").delivered
    assert deployment.rollouts == 2
    assert deployment.template["metadata"]["labels"] == {"app": "web"}


def test_who_comes_in_between_makes_it_a_conflict_that_is_tried_again(trigger: Any, deployment: Cluster) -> None:
    sink = trigger(deployment, "workload: deployment/web, container: web")
    honest = deployment.answer
    assert honest is not None

    def interrupted(heard: Any) -> Reply:
        if heard.method == "PATCH":
            deployment.touch()
            deployment.answer = honest
        return honest(heard)

    deployment.answer = interrupted
    outcome = sent(sink)
    assert (outcome.delivered, outcome.permanent, outcome.status) == (False, False, 409)
    assert deployment.rollouts == 0
    assert sent(sink).delivered


def test_a_container_that_is_not_there_is_never_added(trigger: Any, deployment: Cluster) -> None:
    outcome = sent(trigger(deployment, "workload: deployment/web, container: wep"))
    assert (outcome.delivered, outcome.permanent) == (False, True)
    assert outcome.detail == "deployment/web has no container 'wep'; it has web, proxy"
    assert list(deployment.images()) == ["web", "proxy"]


def test_a_workload_that_is_not_there_is_permanent(trigger: Any, deployment: Cluster) -> None:
    outcome = sent(trigger(deployment, "workload: deployment/wep, container: web"))
    assert (outcome.delivered, outcome.permanent, outcome.detail) == (False, True, "asked GET: HTTP 404")


def test_a_token_that_is_refused_is_not_repeated(trigger: Any, deployment: Cluster, tmp_path: Path) -> None:
    sink = trigger(deployment, "workload: deployment/web, container: web")
    deployment.answer = None
    deployment.reply(Reply(401, body=f"Unauthorized: Bearer {TOKEN}".encode()))
    outcome = sent(sink)
    assert (outcome.delivered, outcome.permanent) == (False, False)
    assert outcome.answer == b"Unauthorized: Bearer [hidden]"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"spec": {"template": {"spec": {"containers": [7]}}}}', b"\xff"])
def test_any_answer_is_an_outcome(trigger: Any, deployment: Cluster, body: bytes) -> None:
    sink = trigger(deployment, "workload: deployment/web, container: web")
    deployment.answer = None
    deployment.reply(Reply(200, body=body))
    assert sent(sink).detail == "the answer is no such object"


def test_the_registry_may_have_another_name_in_the_cluster(trigger: Any, deployment: Cluster) -> None:
    sink = trigger(deployment, "workload: deployment/web, container: web, pull_from: mirror.internal:5000")
    assert sent(sink).delivered
    assert deployment.images()["web"] == f"mirror.internal:5000/shop/web@{AFTER}"


@pytest.mark.parametrize(
    "changed",
    [{"after": "absent"}, {"after": "unknown"}, {"repository": "shop/web@evil"}, {"registry": "prod"}],
)
def test_what_is_no_image_is_never_set(trigger: Any, deployment: Cluster, changed: dict[str, str]) -> None:
    sink = trigger(deployment, "workload: deployment/web, container: web")
    with pytest.raises(RenderError):
        sink.render([told(**changed)])


@pytest.mark.parametrize(
    ("user", "complaint"),
    [
        ({"exec": {"command": "aws"}}, "user 'u' has exec: it wants to run a program"),
        ({"auth-provider": {"name": "gcp"}}, "user 'u' has auth-provider:"),
        ({"username": "a", "password": "p4ssw0rd"}, "user 'u' has username:"),
        ({"client-certificate-data": "p4ssw0rd"}, "client-certificate-data is not base64"),
        ({"client-certificate": "nowhere.pem"}, "nowhere.pem: can't be read: No such file"),
    ],
)
def test_a_kubeconfig_that_can_not_be_used_says_why(tmp_path: Path, user: dict[str, object], complaint: str) -> None:
    path = kubeconfig(tmp_path, "https://cluster.example", **user)
    with pytest.raises(ConfigurationError) as caught:
        from_file(path, None)
    assert complaint in str(caught.value)
    assert "p4ssw0rd" not in str(caught.value)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["main", "c", "u"]),
    lambda below: st.lists(below, max_size=2) | st.dictionaries(st.sampled_from(WORDS), below, max_size=4),
    max_leaves=8,
)


@given(given_text=st.text(max_size=40) | ANYTHING.map(json.dumps) | ANYTHING.map(lambda one: json.dumps(nested(one))))
def test_any_kubeconfig_is_a_cluster_or_says_why_not(given_text: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "kubeconfig"
        path.write_text(given_text, encoding="utf-8", errors="replace")
        try:
            assert isinstance(from_file(path, None).url, str)
        except ConfigurationError as error:
            assert str(error)


def nested(anything: object) -> object:
    """A kubeconfig of which the user is `anything`."""
    named = {"name": "main", "context": {"cluster": "main", "user": "main"}, "cluster": anything, "user": anything}
    return {"current-context": "main", "contexts": [named], "clusters": [named], "users": [named]}


def test_what_a_kubeconfig_says(tmp_path: Path) -> None:
    pem = base64.b64encode(b"-----BEGIN").decode()
    path = kubeconfig(tmp_path, "https://cluster.example", **{"client-certificate-data": pem, "tokenFile": "token"})
    found = from_file(path, "main")
    assert (found.url, found.namespace, found.certificate) == ("https://cluster.example", "shop", "-----BEGIN")
    assert (found.token, found.token_file) == (None, tmp_path / "token")
    with pytest.raises(ConfigurationError, match="there is no context 'other'"):
        from_file(path, "other")


def test_inside_a_cluster_the_token_is_read_anew(
    deployment: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigurationError, match="this is no pod"):
        in_cluster(tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    for name, text in (("namespace", "shop\n"), ("ca.crt", "PEM"), ("token", "old\n")):
        (tmp_path / name).write_text(text)
    found = in_cluster(tmp_path)
    assert (found.url, found.namespace, found.authorities) == ("https://10.0.0.1:443", "shop", "PEM")
    credentials = kinds.Credentials(found.token, found.token_file)
    assert credentials.bearer() == "old"
    (tmp_path / "token").write_text("new\n")
    assert credentials.bearer() == "new"


def test_what_would_be_sent_is_shown(trigger: Any, deployment: Cluster) -> None:
    sink = trigger(deployment, "workload: deployment/web, container: web")
    shown = sink.shown(sink.render([MOVED]))
    assert shown.startswith(f"PATCH {deployment.url}/apis/apps/v1/namespaces/shop/deployments/web\n")
    assert IMAGE in shown
    assert deployment.heard == []

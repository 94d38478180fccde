"""Triggers that are one request, against a real listener: what arrives, what is kept, what an answer means."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from listener import Heard, Listener, Reply
from tellings import AFTER, MOVED, told

from app.outbound import Door
from app.settings.sections import File
from app.settings.yamlfile import read
from app.sinks import kinds
from app.sinks.sink import Message, Outcome, Trigger

NOW_S = 1_795_464_407
OLD, NEW = (b"0123456789abcdef0123456789abcdef", b"fedcba9876543210fedcba9876543210")
SECRETS = {
    "TOKEN": "t0k3n-t0k3n",
    "PASSWORD": "p4ss-p4ss",
    "OLD": "whsec_" + base64.b64encode(OLD).decode(),
    "NEW": "whsec_" + base64.b64encode(NEW).decode(),
}
IMAGE = f"registry.example:5000/shop/web@{AFTER}"


@pytest.fixture
def door() -> Iterator[Door]:
    with Door() as door:
        yield door


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as listener:
        yield listener


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def trigger(tmp_path: Path, door: Door, listener: Listener) -> Any:
    def made(section: str) -> Trigger:
        path = tmp_path / "tagtrail.yml"
        path.write_text(f"triggers:\n  web: {section.replace('URL', listener.url)}\n")
        return kinds.trigger(read(path, File).triggers["web"], door)

    return made


def sent(sink: Trigger, listener: Listener, status: int = 200) -> tuple[Outcome, Heard, Message]:
    listener.reply(Reply(status))
    message = sink.render([MOVED])
    outcome = sink.send("msg_1", message, NOW_S)
    kept = repr(message) + message.body.decode() + repr(outcome) + repr(sink) + sink.shown(message)
    assert not [value for value in SECRETS.values() if value in kept]
    return outcome, listener.heard[-1], message


def query(heard: Heard) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(heard.path).query))


def test_body_headers_and_query_are_made_of_the_change(trigger: Any, listener: Listener) -> None:
    sink = trigger(
        """{kind: webhook, url: "URL/hook?key=${env:TOKEN}", method: PUT, headers: {X-Tag: "{{ tag }}"},
        query: {digest: "{{ digest }}"}, body: '{"image": {{ image | tojson }}}'}"""
    )
    outcome, heard, message = sent(sink, listener)
    assert outcome.delivered
    assert (heard.method, json.loads(heard.body)) == ("PUT", {"image": IMAGE})
    assert heard.path.startswith("/hook?key=t0k3n-t0k3n&digest=sha256%3A")
    assert (heard.headers["x-tag"], heard.headers["content-type"]) == ("stable", "application/json")
    assert (message.headers, message.query) == ((("X-Tag", "stable"),), f"digest={AFTER.replace(':', '%3A')}")


def test_a_secret_header_is_sent_and_kept_nowhere(trigger: Any, listener: Listener) -> None:
    sink = trigger("""{kind: webhook, url: URL/, headers: {Authorization: "Bearer ${env:TOKEN}"}}""")
    _, heard, message = sent(sink, listener)
    assert heard.headers["authorization"] == "Bearer t0k3n-t0k3n"
    assert message.headers == ()
    assert json.loads(heard.body)["data"]["after"] == AFTER  # Tagtrail's own message
    assert "Authorization: (secret)" in sink.shown(message)


def test_an_answer_that_repeats_a_secret_header_is_kept_without_it(trigger: Any, listener: Listener) -> None:
    sink = trigger("""{kind: webhook, url: URL/, headers: {Authorization: "Bearer ${env:TOKEN}"}}""")
    listener.reply(Reply(500, body=b"you sent Bearer t0k3n-t0k3n, or t0k3n-t0k3n"))
    assert sink.send("msg_1", sink.render([MOVED]), NOW_S).answer == b"you sent [hidden], or [hidden]"


@pytest.mark.parametrize(
    ("section", "shown"),
    [
        ('kind: argocd, url: URL, application: web, token: "${env:TOKEN}"', "URL/api/v1/applications/web/sync"),
        ('kind: argocd, url: URL/a, application: web, token: "${env:TOKEN}"', "URL/…/api/v1/applications/web/sync"),
        ('kind: jenkins, url: URL, job: a, parameters: {X: "{{ tag }}"}, token: "${env:TOKEN}"',
         "URL/job/a/buildWithParameters?…&X=stable"),
        ('kind: portainer, url: "URL/api/webhooks/${env:TOKEN}"', "URL/…?tag=stable"),
        ("kind: webhook, url: URL/", "URL"),
    ],
)  # fmt: skip
def test_of_an_address_is_shown_what_is_no_secret(trigger: Any, listener: Listener, section: str, shown: str) -> None:
    sink = trigger(f"{{{section}}}")
    first, *_ = sink.shown(sink.render([MOVED])).splitlines()
    assert first == f"POST {shown.replace('URL', listener.url)}"


def test_what_stays_with_a_delivery_is_told_apart_from_what_each_attempt_makes(trigger: Any) -> None:
    sink = trigger("""{kind: webhook, url: URL/, secret: "${env:NEW}", hmac: {header: X-Seal, secret: "${env:NEW}"}}""")
    lines = sink.shown(sink.render([MOVED])).splitlines()
    assert "webhook-id: (the delivery's id)" in lines
    assert "traceparent: (of the push and the delivery)" in lines
    for name in ("webhook-timestamp", "webhook-signature", "X-Seal"):
        assert f"{name}: (made at each attempt)" in lines


def test_two_secrets_make_two_signatures(trigger: Any, listener: Listener) -> None:
    sink = trigger("""{kind: webhook, url: URL/, secret: ["${env:NEW}", "${env:OLD}"]}""")
    _, heard, _ = sent(sink, listener)
    signed = b"msg_1.%d." % NOW_S + heard.body
    expected = [base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in (NEW, OLD)]
    assert heard.headers["webhook-signature"] == f"v1,{expected[0]} v1,{expected[1]}"


def test_a_signature_in_a_header_of_its_own(trigger: Any, listener: Listener) -> None:
    sink = trigger(
        """{kind: webhook, url: URL/, hmac: {header: X-Hub-Signature-256, prefix: "sha256=", secret: "${env:TOKEN}"}}"""
    )
    _, heard, _ = sent(sink, listener)
    code = hmac.new(b"t0k3n-t0k3n", heard.body, hashlib.sha256).hexdigest()
    assert heard.headers["x-hub-signature-256"] == f"sha256={code}"


@pytest.mark.parametrize("actor", ["a\r\nX-Evil: 1", "a\x00b", "ä\u2028", "\ud800"])
def test_no_value_makes_a_second_header(trigger: Any, listener: Listener, actor: str) -> None:
    sink = trigger("""{kind: webhook, url: URL/, headers: {X-Who: "{{ actor }}"}, query: {who: "{{ actor }}"}}""")
    assert sink.send("msg_1", sink.render([told(actor=actor)]), NOW_S).delivered
    (heard,) = listener.heard
    assert "x-evil" not in heard.headers
    assert heard.headers["x-who"].isascii()


def test_a_get_has_no_body_and_an_empty_value_is_left_out(trigger: Any, listener: Listener) -> None:
    sink = trigger("""{kind: webhook, url: URL/, method: GET, query: {tag: "{{ tag }}", d: "{{ digest }}"}}""")
    assert sink.send("msg_1", sink.render([told(tag=None)]), NOW_S).delivered
    (heard,) = listener.heard
    assert (heard.method, heard.body, "content-type" in heard.headers) == ("GET", b"", False)
    assert query(heard) == {"d": AFTER}


PRESETS = [
    (
        'kind: argocd, url: URL, application: shop web, namespace: apps, token: "${env:TOKEN}"',
        "/api/v1/applications/shop%20web/sync",
        {"authorization": "Bearer t0k3n-t0k3n"},
        {"infos": [{"name": "reason", "value": f"tagtrail: {IMAGE}"}], "appNamespace": "apps"},
    ),
    (
        'kind: github-dispatch, url: URL, repository: shop/web, token: "${env:TOKEN}"',
        "/repos/shop/web/dispatches",
        {"authorization": "Bearer t0k3n-t0k3n", "accept": "application/vnd.github+json"},
        {
            "event_type": "tagtrail",
            "client_payload": {
                "registry": "registry.example:5000", "repository": "shop/web", "tag": "stable", "digest": AFTER,
                "image": IMAGE, "before": MOVED.before, "actor": "alice", "change_id": "chg-1", "rule": "web",
                "link": MOVED.link,
            },
        },
    ),
    (
        """kind: github-workflow, url: URL/, repository: shop/web, workflow: deploy.yml, ref: main,
        inputs: {digest: "{{ digest }}"}, token: "${env:TOKEN}\"""",
        "/repos/shop/web/actions/workflows/deploy.yml/dispatches",
        {"x-github-api-version": "2022-11-28"},
        {"ref": "main", "inputs": {"digest": AFTER}},
    ),
    (
        """kind: gitlab, url: URL, project: shop/web, ref: main, variables: {IMAGE: "{{ image }}"},
        token: "${env:TOKEN}\"""",
        "/api/v4/projects/shop%2Fweb/ref/main/trigger/pipeline",
        {"token": "t0k3n-t0k3n", "variables[IMAGE]": IMAGE},
        None,
    ),
    (
        """kind: jenkins, url: URL, job: team/deploy, parameters: {DIGEST: "{{ digest }}"}, token: "${env:TOKEN}",
        username: ci, password: "${env:PASSWORD}\"""",
        "/job/team/job/deploy/buildWithParameters",
        {
            "token": "t0k3n-t0k3n",
            "DIGEST": AFTER,
            "authorization": "Basic " + base64.b64encode(b"ci:p4ss-p4ss").decode(),
        },
        None,
    ),
    ('kind: portainer, url: "URL/api/webhooks/${env:TOKEN}"', "/api/webhooks/t0k3n-t0k3n", {"tag": "stable"}, None),
    (
        'kind: coolify, url: URL, uuid: abc, force: true, token: "${env:TOKEN}"',
        "/api/v1/deploy",
        {"uuid": "abc", "force": "true", "authorization": "Bearer t0k3n-t0k3n"},
        None,
    ),
    (
        'kind: dokploy, url: URL, compose: abc, token: "${env:TOKEN}"',
        "/api/compose.deploy",
        {"x-api-key": "t0k3n-t0k3n"},
        {"composeId": "abc"},
    ),
    (
        """kind: nomad, url: URL, job: deploy, namespace: shop, meta: {image: "{{ image }}"}, token: "${env:TOKEN}\"""",
        "/v1/job/deploy/dispatch",
        {"namespace": "shop", "idempotency_token": "msg_1", "x-nomad-token": "t0k3n-t0k3n"},
        {"Meta": {"image": IMAGE}},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("section", "path", "said", "body"), PRESETS, ids=[one[0].split(",")[0] for one in PRESETS])
def test_a_preset_asks_as_its_api_documents(  # noqa: PLR0917 - fixtures and parameters
    trigger: Any, listener: Listener, section: str, path: str, said: dict[str, str], body: object
) -> None:
    _, heard, _ = sent(trigger(f"{{{section}}}"), listener)
    assert (heard.method, urlsplit(heard.path).path) == ("POST", path)
    assert said.items() <= (dict(heard.headers) | query(heard)).items()
    assert (json.loads(heard.body) if heard.body else None) == body


def test_flux_verifies_the_body(trigger: Any, listener: Listener) -> None:
    _, heard, _ = sent(trigger('{kind: flux, url: URL/hook/abc, token: "${env:TOKEN}"}'), listener)
    code = hmac.new(b"t0k3n-t0k3n", heard.body, hashlib.sha256).hexdigest()
    assert (heard.path, heard.headers["x-signature"]) == ("/hook/abc", f"sha256={code}")


def test_azure_gets_the_publishing_credentials(trigger: Any, listener: Listener) -> None:
    section = '{kind: azure-appservice, url: URL, username: "$shop", password: "${env:PASSWORD}"}'
    _, heard, _ = sent(trigger(section), listener)
    assert heard.path == "/docker/hook"
    assert base64.b64decode(heard.headers["authorization"].removeprefix("Basic ")) == b"$shop:p4ss-p4ss"


@pytest.mark.parametrize(
    ("section", "delivered", "permanent", "again"),
    [
        ('kind: argocd, url: URL, application: a, token: "${env:TOKEN}"', {200}, {401, 403, 404}, {400, 500, 204}),
        ('kind: github-dispatch, url: URL, repository: a/b, token: "${env:TOKEN}"', {204}, {401, 404, 422}, {200, 403}),
        ('kind: gitlab, url: URL, project: "7", token: "${env:TOKEN}"', {201}, {400, 401, 404}, {200, 429, 502}),
        ('kind: jenkins, url: URL, job: a, token: "${env:TOKEN}"', {201}, {401, 403, 404}, {200, 303, 503}),
        ('kind: nomad, url: URL, job: a, token: "${env:TOKEN}"', {200}, {400, 403, 404}, {429, 500}),
        ('kind: portainer, url: "URL/x"', {200, 202, 204}, {400, 404}, {409, 500}),
        ('kind: flux, url: URL/hook/x, token: "${env:TOKEN}"', {200}, {400, 404}, {204, 503}),
        ('kind: coolify, url: URL, uuid: a, token: "${env:TOKEN}"', {200}, {400, 401, 403, 404}, {202, 500}),
        ('kind: dokploy, url: URL, application: a, token: "${env:TOKEN}"', {200}, {400, 401, 403, 404}, {301, 500}),
        (
            'kind: azure-appservice, url: URL, username: a, password: "${env:PASSWORD}"', {200, 202}, {401, 404},
            {403, 503},
        ),
        (
            'kind: github-workflow, url: URL, repository: a/b, workflow: c.yml, token: "${env:TOKEN}"', {200, 204},
            {401, 404, 422}, {403, 500},
        ),
    ],
)
def test_what_an_answer_means(  # noqa: PLR0917 - fixtures and parameters
    trigger: Any, listener: Listener, section: str, delivered: set[int], permanent: set[int], again: set[int]
) -> None:
    sink = trigger(f"{{{section}}}")
    for status in delivered | permanent | again:
        outcome, _, _ = sent(sink, listener, status)
        assert (outcome.delivered, outcome.permanent) == (status in delivered, status in permanent), status

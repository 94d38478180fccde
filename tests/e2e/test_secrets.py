"""Each secret greps to nothing: not in logs, the database, pages, answers, nor in what commands print.

`tagtrail up` runs with a secret of every kind there is, against destinations that fail and repeat every byte of the
request in their answers. Backups hold secrets by purpose, and so do the files that only we may read.
"""

import base64
import json
import os
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import pytest
from builders import A, an_event, envelope
from listener import Heard, Listener, Reply
from mail_server import PASSWORD, MailServer
from sqlalchemy import create_engine, inspect, select
from system import TAGTRAIL, System, running, wait_until

from app.domain.proofs import JFROG
from app.domain.seals import FORMS, Form, sign
from app.domain.signatures import SigningSecret
from app.domain.signatures import sign as standard
from app.domain.times import rfc3339_nano
from app.store import schema

pytestmark = pytest.mark.e2e

MEDIA_TYPE = "application/vnd.docker.distribution.events.v2+json"
PROOFS = ("bearer", "basic", "header", "hmac", "standard-webhooks", "github", "gitea", "jfrog", "nexus", "angos",
          "path")  # fmt: skip
PLACES = (
    "HOOK_PATH", "HOOK_QUERY", "HOOK_HEADER", "HOOK_HMAC", "PROXY", "PROGRAM", "ARGOCD", "FLUX", "FLUX_PATH", "GITHUB",
    "WORKFLOW", "GITLAB", "JENKINS", "JENKINS_PASSWORD", "PORTAINER", "COOLIFY", "DOKPLOY", "NOMAD", "AZURE", "SWARM",
    "CLUSTER", "CHAT", "TEAM", "TEAM_KEY", "GAME", "SERVICE",
    "CHANNEL", "FORWARD_PATH", "FORWARD_HEADER", "REGISTRY", "CHECKPOINT", "NOTIFY", "WEB",
)  # fmt: skip
SIGNING = ("HOOK_SIGNING", "CHANNEL_SIGNING", "FORWARD_SIGNING", "standard-webhooks")
SECRETS = {name: f"hush-{name.lower().replace('_', '-')}-5ecre7" for name in (*PROOFS, *PLACES)} | {
    name: "whsec_" + base64.b64encode(f"hush {name} 0123456789abcdef".encode()[:32]).decode() for name in SIGNING
}
SECRETS["MAIL"] = PASSWORD
CHATS = ("CHAT", "TEAM", "GAME", "SERVICE", "CHANNEL")
"""What the paths hold of the channels that hear of what waits for approval."""
LINK = re.compile(rb"/approve/([\w-]{43})")


def _reference(name: str) -> str:
    return f'"${{env:S_{name.upper().replace("-", "_")}}}"'


def _auth(kind: str) -> str:
    said = {
        "basic": "{username: sender, password: %s}",
        "header": "{name: X-Key, value: %s}",
        "hmac": "{header: X-Seal, secret: %s}",
    }
    return f"{{{kind}: {said.get(kind, '%s') % _reference(kind)}}}"


def config(site: str, program: Path, kubeconfig: Path, mail_port: int) -> str:
    s = _reference
    origins = "\n".join(
        f"  by-{kind}: {{kind: distribution, registries: [{kind}.example], auth: {_auth(kind)}}}" for kind in PROOFS
    )
    triggers = {
        "hook": f'kind: webhook, url: "{site}/hook/${{env:S_HOOK_PATH}}?key=${{env:S_HOOK_QUERY}}", '
        f'headers: {{Authorization: "Bearer ${{env:S_HOOK_HEADER}}"}}, secret: {s("HOOK_SIGNING")}, '
        f"hmac: {{header: X-Seal, secret: {s('HOOK_HMAC')}}}",
        "proxied": f'kind: webhook, url: "{site}/hook", proxy: "{site.replace("//", "//me:${env:S_PROXY}@")}"',
        "program": f"kind: command, command: [{program}], environment: {{KEY: {s('PROGRAM')}}}",
        "argocd": f'kind: argocd, url: "{site}", application: web, token: {s("ARGOCD")}',
        "flux": f'kind: flux, url: "{site}/hook/${{env:S_FLUX_PATH}}", token: {s("FLUX")}',
        "github": f'kind: github-dispatch, url: "{site}", repository: a/b, token: {s("GITHUB")}',
        "workflow": f'kind: github-workflow, url: "{site}", repository: a/b, workflow: w.yml, token: {s("WORKFLOW")}',
        "gitlab": f'kind: gitlab, url: "{site}", project: a/b, token: {s("GITLAB")}',
        "jenkins": f'kind: jenkins, url: "{site}", job: a/b, token: {s("JENKINS")}, username: ci, '
        f"password: {s('JENKINS_PASSWORD')}",
        "portainer": f'kind: portainer, url: "{site}/api/webhooks/${{env:S_PORTAINER}}"',
        "coolify": f'kind: coolify, url: "{site}", uuid: abc, token: {s("COOLIFY")}',
        "dokploy": f'kind: dokploy, url: "{site}", application: abc, token: {s("DOKPLOY")}',
        "nomad": f'kind: nomad, url: "{site}", job: web, token: {s("NOMAD")}',
        "azure": f'kind: azure-appservice, url: "{site}", username: $web, password: {s("AZURE")}',
        "swarm": f'kind: swarm, url: "{site}/${{env:S_SWARM}}", service: web',
        "cluster": f"kind: kubernetes, kubeconfig: {kubeconfig}, workload: deployment/web, namespace: web",
    }
    channels = {
        "chat": f'kind: slack, url: "{site}/services/${{env:S_CHAT}}"',
        "team": f'kind: teams, url: "{site}/workflows/${{env:S_TEAM}}?sig=${{env:S_TEAM_KEY}}"',
        "game": f'kind: discord, url: "{site}/api/webhooks/1/${{env:S_GAME}}"',
        "service": f'kind: apprise, url: "json://{site.partition("//")[2]}/${{env:S_SERVICE}}"',
        "mail": f"kind: email, server: 127.0.0.1, port: {mail_port}, security: none, user: tagtrail, "
        f"password: {s('MAIL')}, from: a@example.com, to: [b@example.com]",
        "people": f'kind: webhook, url: "{site}/${{env:S_CHANNEL}}", secret: {s("CHANNEL_SIGNING")}',
    }
    lines = [f"  {name}: {{settle: 0s, {said}}}" for name, said in triggers.items()]
    told = [f"  {name}: {{settle: 0s, {said}}}" for name, said in channels.items()]
    return f"""\
registry:
  notifications:
    endpoints: [{{name: mine, url: "{site}/notify", headers: {{X-Key: [{s("NOTIFY")}]}}}}]
web: {{token: {s("WEB")}}}
audit: {{checkpoints: {{every: 1s, url: "{site}/checkpoints/${{env:S_CHECKPOINT}}"}}}}
registries:
  bearer.example: {{url: "{site}", credentials: {{username: reader, password: {s("REGISTRY")}}}}}
forward:
  siem: {{url: "{site}/${{env:S_FORWARD_PATH}}", headers: {{X-Key: {s("FORWARD_HEADER")}}},
    secret: {s("FORWARD_SIGNING")}}}
origins:
{origins}
triggers:
{chr(10).join(lines)}
channels:
{chr(10).join(told)}
rules:
  - name: all
    when: {{repository: "shop/*", origin: by-bearer}}
    deploy: [{", ".join(triggers)}]
    alert: [{", ".join(channels)}]
  - name: asks
    when: {{repository: "asks/*", origin: by-bearer}}
    deploy: [hook]
    alert: [{", ".join(channels)}]
    approve: 1h
"""


def echo(heard: Heard) -> Reply:
    """A failure that repeats the request: its path plain and percent-encoded, its headers, its body."""
    head = "\n".join(f"{name}: {value}" for name, value in heard.headers.items())
    body = f"no such page {heard.path} {quote(heard.path)}\n{head}\n".encode() + heard.body[:1500]
    challenge = {} if "authorization" in heard.headers else {"WWW-Authenticate": 'Basic realm="r"'}
    return Reply(401 if heard.path.startswith("/v2/") else 503, challenge, body)


def forms_of(secret: str) -> set[str]:
    """As it may be written by somebody who repeats it."""
    pairs = [f"{user}:{secret}" for user in ("sender", "reader", "ci", "$web", "x", "me")]
    pairs.append(f"\0tagtrail\0{secret}")
    found = {secret, quote(secret, safe=""), *(base64.b64encode(pair.encode()).decode() for pair in pairs)}
    if secret.startswith("whsec_"):
        found |= {secret.removeprefix("whsec_"), base64.b64decode(secret.removeprefix("whsec_")).decode("latin-1")}
    return found


def proof(kind: str, body: bytes) -> dict[str, str]:
    secret, now = SECRETS[kind], int(time.time())
    if kind in FORMS:
        return {FORMS[kind].header: sign(FORMS[kind], secret.encode(), body)}
    if kind == "standard-webhooks":
        signature = standard(SigningSecret.parse(secret), "msg_1", now, body)
        return {"webhook-id": "msg_1", "webhook-timestamp": str(now), "webhook-signature": signature}
    pair = base64.b64encode(f"sender:{secret}".encode()).decode()
    return {
        "bearer": {"Authorization": f"Bearer {secret}"},
        "basic": {"Authorization": f"Basic {pair}"},
        "header": {"X-Key": secret},
        "hmac": {"X-Seal": sign(Form("X-Seal"), secret.encode(), body)},
        "jfrog": {JFROG: secret},
        "path": {},
    }[kind]


def call(url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Status, and everything that is answered: head and body."""
    request = urllib.request.Request(url, data=body, headers=dict(headers or {}))
    try:
        answer = urllib.request.urlopen(request, timeout=20)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, f"{answer.headers}\n{answer.read().decode('utf-8', 'replace')}"


def send(system: System) -> Iterator[str]:
    """What senders are answered: who prove themselves, who send what can't be read, and who are wrong by a little."""
    for kind in PROOFS:
        address = f"{system.url}/hooks/by-{kind}" + (f"/{SECRETS[kind]}" if kind == "path" else "")
        pushed, unresolved = (
            an_event(host=f"{kind}.example", digest=digest, tag=tag) | {"timestamp": rfc3339_nano(time.time_ns())}
            for digest, tag in ((A, "stable"), (None, "asked"))
        )
        waiting = an_event(host=f"{kind}.example", repository="asks/web") | {"timestamp": rfc3339_nano(time.time_ns())}
        for body in (envelope(waiting), envelope(pushed), envelope(unresolved), b'{"events": ['):
            status, answer = call(address, body, {"Content-Type": MEDIA_TYPE} | proof(kind, body))
            assert (status // 100, body) == (2, body), answer
            yield answer
        yield call(address, b"{}", {"Authorization": f"Token {SECRETS[kind]}", "X-Key": f"{SECRETS[kind]}x"})[1]


def printed(system: System, *arguments: str) -> str:
    """All that a command says, also where it fails."""
    place = ["--data", str(system.data), "--config", str(system.config)]
    done = subprocess.run(
        [*TAGTRAIL, *arguments, *place], capture_output=True, text=True, timeout=60, env=system.environment
    )
    return f"{done.stdout}\n{done.stderr}"


COMMANDS = (
    ("rules", "check"), ("origin", "list"), ("origin", "list", "--json"), ("audit", "log"), ("audit", "log", "--json"),
    ("deliveries", "--jsonl"), ("quarantine", "list", "--json"), ("token", "list"), ("trace", A),
)  # fmt: skip


def shown(system: System, url: str) -> Iterator[tuple[str, str]]:
    """Every page, API answer, command and log, with its name."""
    for arguments in COMMANDS:
        yield " ".join(arguments), printed(system, *arguments)
    for name in ("hook", "program", "argocd", "flux", "gitlab", "jenkins", "azure", "swarm", "cluster"):
        yield f"trigger show {name}", printed(system, "trigger", "show", name)
    sent = system.ask("deliveries")
    pages = ["/", "/ask", "/origins", "/quarantine", "/deliveries", f"/digests/{A}", f"/trace?of={A}", "/repositories",
             "/metrics", "/api/v1/openapi.json", "/no-such-page", f"/api/v1/traces/{A}"]  # fmt: skip
    pages += [f"/api/v1/{name}" for name in ("events", "changes", "deliveries", "quarantine", "activity?actor=alice")]
    pages += ["/approvals", "/api/v1/approvals", "/pauses", "/destinations", "/api/v1/destinations"]
    for one in json.loads(call(f"{system.url}/api/v1/approvals")[1].partition("\n\n")[2])["items"]:
        pages.append(f"/approvals/{one['id']}")
    for one in system.ask("history", "bearer.example/asks/web:stable"):
        pages.append(f"/api/v1/changes/{one['id']}/explain")
    for one in sent:
        pages += [f"/deliveries/{one['id']}", f"/api/v1/deliveries/{one['id']}"]
    for one in json.loads(system.run("quarantine", "list", "--json")):
        pages += [f"/quarantine/{one['id']}", f"/api/v1/quarantine/{one['id']}"]
    for page in pages:
        yield page, call(f"{system.url}{page}")[1]
    engine = create_engine(url)
    with engine.connect() as connection:
        assert set(schema.metadata.tables) <= set(inspect(connection).get_table_names())
        for name, table in schema.metadata.tables.items():
            for row in connection.execute(select(table)):
                yield f"table {name}", " ".join(_text(value) for value in row)
    engine.dispose()
    yield "log", system.log()


def _text(value: object) -> str:
    return bytes(value).decode("utf-8", "replace") if isinstance(value, bytes | memoryview) else str(value)


def test_each_secret_greps_to_nothing(tmp_path: Path, database_url: str) -> None:
    program = tmp_path / "program"
    program.write_text('#!/bin/sh\necho "the key is $KEY"; env; exit 3\n')
    program.chmod(0o755)
    kubeconfig = tmp_path / "kubeconfig"
    repeats = {"DATA": f"451 4.3.0 not now, {base64.b64encode(PASSWORD.encode()).decode()} or {PASSWORD}"}
    with Listener(answer=echo) as listener, MailServer(asks=True, answers=repeats) as mail:
        kubeconfig.write_text(json.dumps({
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": listener.url}}],
            "users": [{"name": "u", "user": {"token": SECRETS["CLUSTER"]}}],
        }))  # fmt: skip
        environment = {f"S_{name.upper().replace('-', '_')}": secret for name, secret in SECRETS.items()}
        text = config(listener.url, program, kubeconfig, mail.port)
        key = [*TAGTRAIL, "audit", "key", "--data", str(tmp_path / "data")]
        known = os.environ | {"DATABASE_URL": database_url}
        subprocess.run(key, check=True, capture_output=True, timeout=60, env=known)
        with running(tmp_path, text, environment | {"DATABASE_URL": database_url}) as system:
            token = system.run("token", "add", "reader", "--role", "read").split()[-1]
            said = list(enumerate(send(system)))
            count = len([line for line in text.splitlines() if line.startswith("  ") and "settle: 0s" in line])
            wait_until("an attempt of each", lambda: _tried(system) >= count)
            wait_until("a checkpoint", lambda: any("/checkpoints/" in heard.path for heard in listener.heard))
            links = wait_until("the link in each channel", lambda: _links(listener))
            secrets = SECRETS | {"token": token} | links | _files(system.data)
            assert len(secrets) > len(SECRETS) + 1
            _nothing_of(secrets, [(f"answer {number}", answer) for number, answer in said])
            _nothing_of(secrets, list(shown(system, database_url)))
            heard = "\n".join(f"{one.path} {one.headers}" for one in listener.heard)
            for name in (*CHATS, "HOOK_PATH", "HOOK_HEADER", "ARGOCD", "FORWARD_HEADER", "CHECKPOINT", "CLUSTER"):
                assert SECRETS[name] in heard, f"{name} was not sent, so nothing is shown"


def _tried(system: System) -> int:
    return len({one["destination"] for one in system.ask("deliveries") if one["attempts"]})


def _links(listener: Listener) -> dict[str, str] | None:
    """The secrets of links that approve, once each channel that speaks HTTP has sent one."""
    found = [(heard.path, one) for heard in listener.heard for one in LINK.findall(heard.body)]
    complete = all(any(SECRETS[name] in path for path, _link in found) for name in CHATS)
    return {f"link {link[:6]}": link.decode() for _path, link in found} if complete else None


def _files(data: Path) -> dict[str, str]:
    """The keys that Tagtrail makes for itself, as text."""
    found: dict[str, str] = {}
    for path in data.rglob("*"):
        if path.is_file() and path.suffix in (".key", ".secret", ".token"):
            content = path.read_bytes().strip()
            found[path.name] = content.decode("latin-1")
            found[f"{path.name} in hex"] = content.hex()
    return found


def _nothing_of(secrets: Mapping[str, str], places: list[tuple[str, str]]) -> None:
    found = {
        (name, where)
        for name, secret in secrets.items()
        for form in forms_of(secret)
        for where, text in places
        if form in text
    }
    assert not found

"""A trigger and a channel that remember, and the configuration that leads to them."""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from listener import Heard, Listener

KEY = b"0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
ENVIRONMENT = {"DEPLOY_SECRET": SECRET}

CONFIG = """\
triggers:
  web-prod: {{kind: webhook, url: "{url}/deploy", secret: "${{env:DEPLOY_SECRET}}", settle: 0s}}
channels:
  ops: {{kind: slack, url: "{url}/chat", settle: 0s}}
rules:
  - name: web
    when: {{registry: {registry}, repository: "shop/*", change: [created, moved, restored]}}
    deploy: [web-prod]
  - name: tell
    when: {{registry: {registry}, repository: "shop/**", change: [created, moved, restored, removed]}}
    alert: [ops]
"""


def config(listener: Listener, registry: str = "local") -> str:
    return CONFIG.format(url=listener.url, registry=registry)


@dataclass(frozen=True)
class Deploy:
    id: str
    tag: str
    before: str
    after: str
    body: bytes


def deploys(listener: Listener) -> list[Deploy]:
    """What the trigger was told, each with a signature computed here to be right."""
    found = [one for one in list(listener.heard) if one.path == "/deploy"]
    return [_deploy(one) for one in found]


def _deploy(one: Heard) -> Deploy:
    headers = {name.lower(): value for name, value in dict(one.headers).items()}
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + one.body
    expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    data = json.loads(one.body)["data"]
    return Deploy(headers["webhook-id"], data["tag"], data["before"], data["after"], one.body)


def alerts(listener: Listener) -> list[Any]:
    return [json.loads(one.body) for one in list(listener.heard) if one.path == "/chat"]

"""A double of the Kubernetes API for one workload: path, bearer, content type, locking, strategic merge.

Written after the API's documentation (kubernetes.io, "API concepts", "Update API Objects in Place Using kubectl patch")
and sharing nothing with what it checks. A rollout is a change of the pods' template, as the controllers see it.
"""

import copy
import json
from typing import Any
from urllib.parse import urlsplit

from listener import Heard, Listener, Reply

TOKEN = "s3rv1ce-acc0unt-t0ken"
PATCH = "application/strategic-merge-patch+json"


class Cluster(Listener):
    """`thing` is the object at `path`; `rollouts` counts how often its pods' template has changed."""

    def __init__(self, path: str, images: dict[str, str], *, cron: bool = False) -> None:
        super().__init__(answer=self._answer)
        self.path = path
        self.rollouts = 0
        env = [{"name": "A", "value": "1"}]
        containers = [{"name": name, "image": image, "env": env} for name, image in images.items()]
        pods = {"template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": containers}}}
        spec = {"schedule": "@daily", "jobTemplate": {"spec": pods}} if cron else {"replicas": 2} | pods
        self.thing: dict[str, Any] = {"metadata": {"name": "web", "resourceVersion": "41"}, "spec": spec}
        self.cron = cron

    @property
    def template(self) -> dict[str, Any]:
        spec = self.thing["spec"]["jobTemplate"]["spec"] if self.cron else self.thing["spec"]
        found: dict[str, Any] = spec["template"]
        return found

    def images(self) -> dict[str, str]:
        return {one["name"]: one["image"] for one in self.template["spec"]["containers"]}

    def touch(self) -> None:
        """Somebody else has written."""
        self.thing["metadata"]["resourceVersion"] = str(int(self.thing["metadata"]["resourceVersion"]) + 1)

    def _answer(self, heard: Heard) -> Reply:
        if heard.headers.get("authorization") != f"Bearer {TOKEN}":
            return _status(401, f"Unauthorized: {heard.headers.get('authorization')}")
        if urlsplit(heard.path).path != self.path:
            return _status(404, "not found")
        if heard.method == "GET":
            return Reply(200, {"Content-Type": "application/json"}, json.dumps(self.thing).encode())
        if heard.method != "PATCH":
            return _status(405, "method not allowed")
        if heard.headers.get("content-type") != PATCH:
            return _status(415, "unsupported media type")
        return self._patched(json.loads(heard.body))

    def _patched(self, patch: dict[str, Any]) -> Reply:
        version = patch.get("metadata", {}).get("resourceVersion")
        if version not in (None, self.thing["metadata"]["resourceVersion"]):
            return _status(409, "the object has been modified")
        before = copy.deepcopy(self.template)
        _merge(self.thing, patch)
        self.rollouts += before != self.template
        self.touch()
        return Reply(200, {"Content-Type": "application/json"}, json.dumps(self.thing).encode())


def _status(code: int, message: str) -> Reply:
    body = json.dumps({"kind": "Status", "message": message})
    return Reply(code, {"Content-Type": "application/json"}, body.encode())


def _merge(thing: dict[str, Any], patch: dict[str, Any]) -> None:
    """Maps deeply; the list of containers by its merge key, `name`; every other value replaces."""
    for key, value in patch.items():
        if key == "containers":
            for wanted in value:
                found = next((one for one in thing[key] if one["name"] == wanted["name"]), None)
                if found is None:
                    thing[key].append(wanted)
                else:
                    _merge(found, wanted)
        elif isinstance(value, dict):
            _merge(thing.setdefault(key, {}), value)
        else:
            thing[key] = value

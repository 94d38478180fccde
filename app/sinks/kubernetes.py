"""Kubernetes: the image of a container set to a digest, or the pods of a workload restarted.

An attempt looks at the object and patches it (kubernetes.io, "Update API Objects in Place Using kubectl patch",
strategic merge) with the `resourceVersion` that it has seen: who was faster makes it a 409, which is tried again. What
is already as it should be is not touched, so that a repeat of a delivery is no second rollout: an image that is set is
set, and a restart leaves the delivery's id in the pods' annotations, beside the `restartedAt` that `kubectl rollout
restart` writes, which is the change's time and not the clock's.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from app.domain.times import rfc3339
from app.domain.told import Told
from app.outbound import Call, Door, Url
from app.sinks.attempt import ACTING_S, ASKING_S, already_so, ask, attempt, nothing_sent
from app.sinks.image import check_present, wanted_image
from app.sinks.sink import Message, Outcome

PLACES: Mapping[str, str] = {
    "deployment": "apis/apps/v1/namespaces/{}/deployments/{}",
    "statefulset": "apis/apps/v1/namespaces/{}/statefulsets/{}",
    "daemonset": "apis/apps/v1/namespaces/{}/daemonsets/{}",
    "cronjob": "apis/batch/v1/namespaces/{}/cronjobs/{}",
}
RESTARTED = "kubectl.kubernetes.io/restartedAt"
DELIVERY = "tagtrail/delivery"
_PERMANENT = (400, 403, 404, 405, 415, 422)
_PATCH = "application/strategic-merge-patch+json"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A bearer token, or the file that has it now; neither where a certificate is shown instead."""

    token: str | None = field(default=None, repr=False)
    token_file: Path | None = None

    def bearer(self) -> str | None:
        """Raise OSError."""
        return self.token_file.read_text(encoding="utf-8").strip() if self.token_file else self.token


@dataclass(frozen=True, slots=True)
class Kubernetes:
    """`workload` is kind/name at `url`; `container`: whose image is set, None to restart."""

    door: Door = field(repr=False)
    url: Url
    credentials: Credentials
    workload: str
    container: str | None
    pull_from: str | None = None

    @property
    def longest_s(self) -> float:
        return ASKING_S + ACTING_S

    def render(self, told: Sequence[Told]) -> Message:
        """Raise RenderError where there is nothing to run."""
        check_present(told)
        if self.container is not None:
            wanted = {"image": wanted_image(told, self.pull_from)}
        else:
            wanted = {"restartedAt": rfc3339(told[-1].time_ns, 0)}
        return Message("application/json", json.dumps(wanted, separators=(",", ":")).encode())

    def send(self, message_id: str, message: Message, now_s: int) -> Outcome:
        try:
            token = self.credentials.bearer()
        except OSError as error:
            return nothing_sent(f"the token can't be read: {error.strerror}", permanent=False)
        shown = {"Authorization": f"Bearer {token}"} if token else {}
        hidden = [token] if token else []
        found = ask(self.door, Call("GET", self.url, shown | {"Accept": "application/json"}), _PERMANENT, now_s, hidden)
        if isinstance(found, Outcome):
            return found
        patch = self._patch(found.body, message_id, message)
        if not isinstance(patch, bytes):
            return replace(patch, status=found.status, duration_ns=found.duration_ns)
        url = replace(self.url, target=f"{self.url.target}?fieldManager=tagtrail")
        outcome = attempt(
            self.door, Call("PATCH", url, shown | {"Content-Type": _PATCH}, patch), _PERMANENT, now_s, hidden
        )
        return replace(outcome, duration_ns=outcome.duration_ns + found.duration_ns)

    def shown(self, message: Message) -> str:
        patch = json.dumps(self._change(json.loads(message.body), "msg_sample"), indent=2)
        return f"PATCH {self.url}\nContent-Type: {_PATCH}\n\n{patch}"

    def _patch(self, found: bytes, message_id: str, message: Message) -> bytes | Outcome:
        """What to send, or how the attempt ends without."""
        wanted = json.loads(message.body)
        try:
            thing = json.loads(found)
            template = self._template(thing)
            images = {one["name"]: one.get("image") for one in template["spec"]["containers"]}
            marks = template.get("metadata", {}).get("annotations") or {}
            version = {"metadata": {"resourceVersion": str(thing["metadata"]["resourceVersion"])}}
        except (ValueError, LookupError, TypeError, AttributeError):
            return nothing_sent("the answer is no such object", permanent=False)
        if self.container is not None and self.container not in images:
            known = ", ".join(images)
            return nothing_sent(f"{self.workload} has no container {self.container!r}; it has {known}", permanent=True)
        done = images[self.container] == wanted["image"] if self.container else marks.get(DELIVERY) == message_id
        if done:
            return already_so(self.workload)
        return json.dumps(version | self._change(wanted, message_id), separators=(",", ":")).encode()

    def _change(self, wanted: Mapping[str, str], message_id: str) -> dict[str, Any]:
        """The part of the object that is to be otherwise."""
        if self.container is not None:
            changed: dict[str, Any] = {"spec": {"containers": [{"name": self.container, "image": wanted["image"]}]}}
        else:
            changed = {"metadata": {"annotations": {RESTARTED: wanted["restartedAt"], DELIVERY: message_id}}}
        spec = {"template": changed}
        return {"spec": {"jobTemplate": {"spec": spec}} if self._is_cron else spec}

    def _template(self, thing: Any) -> Any:
        spec = thing["spec"]["jobTemplate"]["spec"] if self._is_cron else thing["spec"]
        return spec["template"]

    @property
    def _is_cron(self) -> bool:
        return self.workload.startswith("cronjob/")

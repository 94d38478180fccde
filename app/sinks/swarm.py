"""Docker Swarm: the image of a service set to a digest, over the Engine's API (docs.docker.com, "Docker Engine API").

An attempt asks for the API's version and for the service, and sends its whole spec back with another image and the
`version` that it has seen: who was faster makes it "update out of sequence", which is tried again. A service that has
the image already is not touched, so that a repeat of a delivery is no second rollout. Only where the rollout of that
very image was paused by a failure is `ForceUpdate` raised, since Swarm does nothing for a spec that says nothing new.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.domain.told import Told
from app.outbound import Answer, Call, Door, Url
from app.sinks.attempt import ACTING_S, ASKING_S, already_so, ask, attempt, nothing_sent
from app.sinks.image import wanted_image
from app.sinks.sink import Message, Outcome

_PERMANENT = (400, 404)
_OUT_OF_SEQUENCE = b"out of sequence"
_VERSION = re.compile(r"\d+\.\d+")
_STUCK = ("paused", "rollback_paused")


@dataclass(frozen=True, slots=True)
class Swarm:
    """`url` is the Engine's, `service` a name or an id."""

    door: Door = field(repr=False)
    url: Url
    service: str
    pull_from: str | None = None

    @property
    def longest_s(self) -> float:
        return 2 * ASKING_S + ACTING_S

    def render(self, told: Sequence[Told]) -> Message:
        """Raise RenderError where there is nothing to run."""
        image = wanted_image(told, self.pull_from)
        return Message("application/json", json.dumps({"image": image}, separators=(",", ":")).encode())

    def send(self, message_id: str, message: Message, now_s: int) -> Outcome:  # noqa: ARG002 (Swarm takes no id)
        ping = ask(self.door, Call("GET", self._at("/_ping")), _PERMANENT, now_s)
        if isinstance(ping, Outcome):
            return ping
        version = ping.header("api-version") or ""
        if not _VERSION.fullmatch(version):
            return nothing_sent("what answers there is no Docker Engine", permanent=False)
        place = f"/v{version}/services/{self.service}"
        found = ask(self.door, Call("GET", self._at(place)), _PERMANENT, now_s)
        if isinstance(found, Outcome):
            return found
        update = self._update(found, message)
        if isinstance(update, Outcome):
            return update
        index, spec = update
        headers = {"Content-Type": "application/json"}
        url = self._at(f"{place}/update?version={index}")
        outcome = attempt(self.door, Call("POST", url, headers, json.dumps(spec).encode()), _PERMANENT, now_s)
        return replace(outcome, permanent=outcome.permanent and _OUT_OF_SEQUENCE not in outcome.answer)

    def shown(self, message: Message) -> str:
        image = json.loads(message.body)["image"]
        spec = {"…": "as it is", "TaskTemplate": {"ContainerSpec": {"Image": image}}}
        place = f"/services/{self.service}/update?version=…"
        return f"POST {self._at(place)}\n\n{json.dumps(spec, indent=2, ensure_ascii=False)}"

    def _update(self, found: Answer, message: Message) -> tuple[int, Any] | Outcome:
        """The service's version and new spec, or how the attempt ends without."""
        image = json.loads(message.body)["image"]
        try:
            service = json.loads(found.body)
            index, spec = int(service["Version"]["Index"]), service["Spec"]
            task = spec["TaskTemplate"]
            is_so = task["ContainerSpec"]["Image"] == image
        except (ValueError, LookupError, TypeError):
            return nothing_sent("the answer is no service", permanent=False)
        if is_so and (service.get("UpdateStatus") or {}).get("State") not in _STUCK:
            return already_so(f"service {self.service}")
        task["ContainerSpec"]["Image"] = image
        if is_so:
            task["ForceUpdate"] = int(task.get("ForceUpdate") or 0) + 1
        return index, spec

    def _at(self, path: str) -> Url:
        return replace(self.url, target=path)

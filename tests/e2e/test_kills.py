"""Whoever dies, and whenever: each change is in one delivery for each destination, which ends once (issue 4).

Two relays and four workers, two of these by clocks that are an hour off; at each named step a kill, and Redis wiped.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from crew import Crew, Part, joined_by, kill
from destinations import ENVIRONMENT
from listener import Heard, Listener, Reply
from postgres import Postgres
from pushes import an_envelope, digest
from redis import Redis
from system import System, running, wait_until
from valkey import Valkey
from witness import Witness, ends_told, said, tags_told

pytestmark = pytest.mark.e2e

HOUR_S = 3600.0
DESTINATIONS = {"/now": "trigger:now", "/later": "trigger:later", "/people": "channel:people"}
CONFIG = """\
triggers:
  now: {{kind: webhook, url: "{url}/now", secret: "${{env:DEPLOY_SECRET}}", settle: 0s}}
  later: {{kind: webhook, url: "{url}/later", secret: "${{env:DEPLOY_SECRET}}", settle: 500ms}}
channels:
  people: {{kind: webhook, url: "{url}/people", secret: "${{env:DEPLOY_SECRET}}", settle: 500ms}}
registries:
  local: {{url: "{url}"}}
rules:
  - {{name: now, when: {{repository: "shop/*"}}, deploy: [now], alert: [people]}}
  - {{name: later, when: {{repository: "shop/*"}}, deploy: [later], confirm: true}}
"""
STEPS = (
    ("worker.rung", "fan_out.before-commit", "fan_out.committed"),
    ("settle.asked", "settle.before-commit", "settle.closed"),
    ("deliver.claimed", "deliver.confirmed", "deliver.sent", "deliver.written"),
)
"""In turn for one system; it gives up on a part that dies five times within half a minute."""
EACH = 4


@dataclass
class Stand:
    """The whole, with what was pushed so far (digest by tag)."""

    server: Postgres
    system: System
    crew: Crew
    witness: Witness
    listener: Listener
    redis: Redis
    pushed: dict[str, str] = field(default_factory=dict)

    def push(self, name: str) -> None:
        """Some tags, each a digest of its own; told again until it is taken."""
        for number in range(EACH):
            tag, said = f"{name}-{number}", digest(len(self.pushed) + 1)
            self.pushed[tag] = said
            wait_until(f"{tag} is taken", lambda tag=tag, said=said: self._taken(tag, said))

    def _taken(self, tag: str, said: str) -> bool:
        try:
            return self.system.post(an_envelope(f"event-{tag}", said, tag)) == 202
        except OSError:
            return False

    def kill_at(self, step: str) -> None:
        """SIGKILL a process that has come to `step`, and wipe Redis before the others go on."""
        gate = self.system.gate(step)
        gate.close()
        self.push(step)
        pid = gate.wait_reached()
        kill(pid)
        self.redis.flushall()
        gate.open()
        self.witness.end_leases_of_confirmed()
        self.crew.raise_the_dead()
        wait_until("two of each worker", lambda: pid not in self.system.pids("workers"))


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    pushed: dict[str, str] = {}

    def answer(heard: Heard) -> Reply:
        """The registry's own word, for those that ask it first."""
        said = pushed.get(heard.path.rpartition("/")[2], "")
        manifest = {"Docker-Content-Digest": said, "Content-Type": "application/vnd.oci.image.manifest.v1+json"}
        return Reply(200, manifest | {"Content-Length": "7"}) if heard.method == "HEAD" else Reply()

    server = Postgres()
    try:
        with (
            server.database("template0") as url,
            Valkey() as valkey,
            Redis.from_url(valkey.url) as redis,
            Listener(answer=answer) as listener,
            running(
                tmp_path, CONFIG.format(url=listener.url), ENVIRONMENT | {"DATABASE_URL": url, "REDIS_URL": valkey.url}
            ) as system,
            joined_by(system, _parts()) as crew,
        ):
            witness = Witness(url)
            witness.begin()
            yield Stand(server, system, crew, witness, listener, redis, pushed)
    finally:
        server.stop()


def _parts() -> list[Part]:
    return [
        Part("workers", ("fast",), HOUR_S),
        Part("workers", ("deliver",), -HOUR_S),
        Part("workers.relay", (), HOUR_S),
    ]


@pytest.mark.parametrize("steps", STEPS, ids=lambda steps: steps[0].partition(".")[0])
def test_kills_at_every_step_lose_nothing_and_tell_nothing_twice(stand: Stand, steps: tuple[str, ...]) -> None:
    stand.push("before")
    for step in steps:
        stand.kill_at(step)
    stand.push("after")
    wait_until("all has ended", stand.witness.settled, 120)
    check(stand)
    if "deliver.sent" in steps:
        repeated = [
            times
            for _body, times in said(one for one in stand.listener.heard if one.method == "POST").values()
            if times > 1
        ]
        assert repeated, "who was killed after it had sent sends again"


def test_a_postgresql_that_is_restarted_in_mid_work_loses_nothing(stand: Stand) -> None:
    for step in ("fan_out.before-commit", "settle.before-commit", "deliver.sent"):
        gate = stand.system.gate(step)
        gate.close()
        stand.push(step)
        gate.wait_reached()
        stand.server.stop_server()
        gate.open()
        stand.server.start()
        wait_until("pages", stand.system.answers)
        stand.witness.end_leases_of_confirmed()
        stand.crew.raise_the_dead()
    stand.push("after")
    wait_until("all has ended", stand.witness.settled, 120)
    check(stand)


def check(stand: Stand) -> None:
    """The reference: what was pushed, what the rows say, what was heard."""
    once = dict.fromkeys(stand.pushed, 1)
    ended = stand.witness.ended_once()
    for path, destination in DESTINATIONS.items():
        assert stand.witness.deliveries_of(destination) == once, destination
        heard = [one for one in stand.listener.heard if one.path == path]
        messages = said(heard)
        bodies = [body for body, _times in messages.values()]
        assert tags_told(bodies) == once, path
        assert ends_told(bodies) == (stand.witness.ends_of("now") if path == "/people" else {})
        rows = stand.witness.rows(f"SELECT id FROM deliveries WHERE destination = '{destination}'")
        assert {identity for (identity,) in rows} == messages.keys() <= ended
        assert all(abs(int(one.headers["webhook-timestamp"]) - one.time) < 60 for one in heard), "a clock is off"

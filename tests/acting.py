"""What leads from an event to a message, with a real listener at its end."""

import json
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from builders import A, an_event, envelope
from destinations import SECRET
from listener import Heard, Listener
from sqlalchemy import Engine, Row, select, update

from app.domain.deliveries import EXPIRES_NS
from app.domain.limits import Limit
from app.domain.origins import Origin
from app.domain.protected import Protected
from app.domain.rules import Rule, When
from app.domain.settling import Settle
from app.domain.signatures import SigningSecret
from app.domain.times import SECOND_NS, rfc3339_nano
from app.envelopes import Received, parse
from app.outbound import Door, Url
from app.remote.client import RemoteRegistry
from app.sinks.sink import Sink
from app.sinks.slack import Slack
from app.sinks.webhook import Webhook
from app.store import schema
from app.store.engine import reading, writing
from app.usecases.deliver import deliver
from app.usecases.fan import Fan
from app.usecases.fan_out import fan_out
from app.usecases.ingest import Parcel, Policy, ingest
from app.usecases.settle import settle

PROD = Origin("prod", "distribution", ("registry.example:5000",))
LINK_KEY = b"a key of the tests"
MAX_AGE_NS = 3600 * SECOND_NS
DEPLOY, ALERT = "trigger:web", "channel:ops"


def rule(name: str = "web", *, deploy: bool = True, alert: bool = False, **said: Any) -> Rule:
    """One that deploys unless told otherwise; `said` may be anything of a Rule or its When."""
    own = {key: said.pop(key) for key in list(said) if key in Rule.__dataclass_fields__}
    destinations = (DEPLOY,) if deploy else (), (ALERT,) if alert else ()
    return Rule(name, When(**said), *destinations, **{"version": "0123456789ab"} | own)


@dataclass
class Stage:
    """One database, one rule that deploys unless told otherwise, and the listener behind both destinations."""

    engine: Engine
    door: Door
    listener: Listener
    rules: Sequence[Rule] = field(default_factory=lambda: [rule()])
    policy: Policy = field(default_factory=lambda: Policy(MAX_AGE_NS))
    remotes: Mapping[str, RemoteRegistry] = field(default_factory=dict)
    unproven: Collection[str] = ()
    settled: Settle = field(default_factory=Settle)
    following: Collection[str] = ()
    limits: Mapping[str, Limit] = field(default_factory=dict)
    protected: Protected | None = None

    @property
    def sinks(self) -> dict[str, Sink]:
        return {
            DEPLOY: Webhook(self.door, Url.parse(f"{self.listener.url}/deploy"), SigningSecret.parse(SECRET)),
            ALERT: Slack(self.door, Url.parse(f"{self.listener.url}/chat")),
        }

    def happen(self, ago_s: float = 0, **over: Any) -> str:
        """Take in one event, from `ago_s` seconds ago; its id. What `over` may say: `builders.an_event`."""
        now = time.time_ns()
        event = an_event(**{"digest": A} | over) | {"timestamp": rfc3339_nano(now - int(ago_s * SECOND_NS))}
        ingest(self.engine, [Parcel(PROD, parse("distribution", Received(envelope(event))), now)], self.policy)
        return str(event["id"])

    @property
    def fan(self) -> Fan:
        settled = {DEPLOY: self.settled, ALERT: self.settled}
        unproven = self.unproven.__contains__
        return Fan(
            self.rules, self.sinks, "http://tagtrail.example", MAX_AGE_NS, settled, unproven,
            following=self.following, limits=self.limits, link_key=LINK_KEY, protected=self.protected,
        )  # fmt: skip

    def fan_out(self) -> set[str]:
        return fan_out(self.engine, self.fan)

    def settle(self, destination: str = DEPLOY) -> int:
        return settle(self.engine, self.fan, destination, self.remotes)

    def pass_time(self) -> None:
        """Have every window's time come."""
        with writing(self.engine) as connection:
            connection.execute(update(schema.windows).values(closes_ns=1))

    def deliver(self, destination: str = DEPLOY) -> int:
        return deliver(self.engine, self.fan, destination, self.remotes)

    def rows(self, name: str, *order: str) -> list[Row[Any]]:
        table = schema.metadata.tables[name]
        with reading(self.engine) as connection:
            return list(connection.execute(select(table).order_by(*(table.c[column] for column in order))))

    def deliveries(self) -> list[Row[Any]]:
        return self.rows("deliveries", "made_ns", "destination")

    def outcomes(self) -> list[tuple[str, str]]:
        """(kind, what became of its fan-out) of each change in the order of history."""
        return [(row.kind, row.fan_out) for row in self.rows("changes", "time_ns")]

    def change(self, **values: Any) -> None:
        """Set columns of every delivery: the time passes at once."""
        with writing(self.engine) as connection:
            connection.execute(update(schema.deliveries).values(**values))

    def make_due(self) -> None:
        self.change(next_attempt_ns=1)
        self.wait_out()

    def wait_out(self) -> None:
        """Have the time come at which destinations that back off are tried again."""
        with writing(self.engine) as connection:
            connection.execute(update(schema.destinations).values(not_before_ns=1))

    def told(self, path: str = "/deploy") -> list[Heard]:
        return [heard for heard in self.listener.heard if heard.path == path]

    def moves(self) -> list[tuple[str, str, str]]:
        """(type, tag, digest after) of each deploy that was heard."""
        bodies = [json.loads(heard.body) for heard in self.told()]
        return [(body["type"], body["data"]["tag"], body["data"]["after"]) for body in bodies]


LIFE_NS = EXPIRES_NS["deploy"]

"""What becomes of 10,000 changes that come at once, each for two destinations: deliveries a second, and memory."""

import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.domain.fan_out import MAX_AGE_NS
from app.domain.origins import Origin
from app.domain.times import rfc3339_nano
from app.envelopes import Received, parse
from app.store.engine import make_engine
from app.usecases.ingest import Parcel, Policy, ingest
from bench.figures import Report, line, spread
from bench.ingest import described
from bench.listener import Listener, listening
from bench.memory import TOTAL, Samples, parts
from bench.postgres import postgres
from bench.processes import children
from bench.systems import Up, tagtrail_up

CHANGES, REPOSITORIES, AT_ONCE = 10_000, 100, 100
DESTINATIONS = ("a", "b")
WITHIN_S = 180.0
ORIGIN = Origin("bench", "distribution", ("registry.shop.example",))
RULES = """\
triggers:
  a: {{kind: webhook, url: "http://127.0.0.1:{port}/a", settle: 0s}}
  b: {{kind: webhook, url: "http://127.0.0.1:{port}/b", settle: 0s}}
rules:
  - name: bench-a
    when: {{registry: registry.shop.example}}
    deploy: [a]
  - name: bench-b
    when: {{registry: registry.shop.example}}
    deploy: [b]
"""


@dataclass(frozen=True, slots=True)
class Burst:
    """Seconds until the last had arrived, and the PSS of each part in MiB."""

    seconds: float
    before: dict[str, float]
    most: dict[str, float]
    after: dict[str, float]


def run(folder: Path, rounds: int, _seconds: float) -> Iterator[Report]:
    yield _measured(folder, "SQLite", f"sqlite:///{folder}/burst.db", rounds)
    with postgres(("burst",)) as urls:
        yield _measured(folder, "PostgreSQL", urls["burst"], rounds)


def _measured(folder: Path, title: str, url: str, rounds: int) -> Report:
    place = folder / title
    place.mkdir()
    with (
        listening(_told) as listener,
        tagtrail_up(place, listener.port, RULES, {"DATABASE_URL": url}) as up,
    ):
        bursts = [_burst(up, url, listener, number) for number in range(rounds)]
    return _report(title, url, bursts)


def _told(body: bytes) -> str | None:
    data = json.loads(body)["data"]
    return f"{data['rule']} {data['event_id']}"


def _burst(up: Up, url: str, listener: Listener, number: int) -> Burst:
    """Write the changes while nobody looks, then let the relay look."""
    relay = children(up.pid, "workers.relay")[0]
    os.kill(relay, signal.SIGSTOP)
    awaited = _write(url, number)
    before, samples = parts(up.pid), Samples(up.pid, 0.5)
    with samples.taken():
        started = time.monotonic()
        os.kill(relay, signal.SIGCONT)
        listener.wait_for(awaited, WITHIN_S)
        seconds = max(listener.at[name] for name in awaited) - started
    return Burst(seconds, before, samples.most(), parts(up.pid))


def _write(url: str, number: int) -> set[str]:
    """What the listener has to hear of."""
    engine, ids = make_engine(url), [f"{number}-{one}" for one in range(CHANGES)]
    for begin in range(0, CHANGES, AT_ONCE):
        body = json.dumps({"events": [_event(number, one) for one in range(begin, begin + AT_ONCE)]}).encode()
        ingest(engine, [Parcel(ORIGIN, parse("distribution", Received(body)), time.time_ns())], Policy(MAX_AGE_NS))
    engine.dispose()
    return {f"bench-{where} {one}" for where in DESTINATIONS for one in ids}


def _event(number: int, one: int) -> dict[str, object]:
    target = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": f"sha256:{number + 1:032x}{one:032x}",
        "repository": f"shop/app-{one % REPOSITORIES}",
        "tag": f"v{number}-{one}",
    }
    told = {"id": f"{number}-{one}", "timestamp": rfc3339_nano(time.time_ns()), "action": "push", "target": target}
    return told | {"actor": {"name": "ci"}}


def _report(title: str, url: str, bursts: list[Burst]) -> Report:
    sent = CHANGES * len(DESTINATIONS)
    report = Report(f"Burst: {title}", ("part", "PSS MiB before", "most", "after"))
    first, last = bursts[0], bursts[-1]
    most = {part: max(one.most.get(part, 0.0) for one in bursts) for part in first.most}
    report.rows += [
        (part, f"{first.before.get(part, 0):.0f}", f"{most[part]:.0f}", f"{last.after.get(part, 0):.0f}")
        for part in sorted(most, key=lambda part: (part == TOTAL, part))
    ]
    seconds = [one.seconds for one in bursts]
    report.notes += [
        line(described(url)),
        f"{len(bursts)} bursts of {CHANGES:,} changes with {len(DESTINATIONS)} destinations each, no settle time: "
        f"{spread(seconds, 1)} s from the relay's first look to the last request at the listener, "
        f"{spread([sent / one for one in seconds])} deliveries/s.",
    ]
    report.data |= {"seconds": seconds, "before": first.before, "most": most, "after": last.after}
    return report

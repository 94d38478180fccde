"""Events a second committed through `POST /hooks/…`, beside a server of one ORM transaction a request."""

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.envelopes import event_id
from bench.figures import Report, line, percentile, spread
from bench.load import Outcome, Spec
from bench.postgres import postgres
from bench.processes import answers, clean_environment, free_port, program, wait_until

CLIENTS = 16
SIZES = (1, 10)
"""Events in a request."""
WARM_UP_S = 1.0
MOST_EVENTS_A_SECOND = {1: 12_000, 10: 40_000}
"""As many are made beforehand; far more than any server here takes."""
ORIGIN = "bench"
HOOK = f"/hooks/{ORIGIN}"
_CONFIG = f'origins:\n  {ORIGIN}: {{kind: distribution, auth: {{bearer: "${{env:BENCH_BEARER}}"}}}}\n'


class LostError(Exception):
    """Something was acknowledged and is not in the database."""


@dataclass(frozen=True, slots=True)
class Server:
    name: str
    port: int
    bearer: str
    database: str


@dataclass(frozen=True, slots=True)
class Round:
    """One load on one server."""

    events_a_second: float
    p50_ms: float
    p99_ms: float
    refused: int


def run(folder: Path, rounds: int, seconds: float) -> Iterator[Report]:
    sqlite = {name: f"sqlite:///{folder}/{name}.db" for name in ("tagtrail", "naive")}
    yield _compare(folder, "SQLite", sqlite, rounds, seconds)
    with postgres(("tagtrail", "naive")) as urls:
        yield _compare(folder, "PostgreSQL", urls, rounds, seconds)


def _compare(folder: Path, title: str, databases: dict[str, str], rounds: int, seconds: float) -> Report:
    """Both servers stand side by side; the load goes to them in turn, the first one of a round being the other's."""
    report = Report(
        f"Ingest, {title}",
        ("events a request", "server", "events/s", "p50 ms", "p99 ms", "refused", "rate ÷ naive", "p99 ÷ naive"),
    )
    with tagtrail(folder, databases["tagtrail"]) as ours, naive(folder, databases["naive"]) as theirs:
        report.notes.append(line(described(ours.database)))
        for each in SIZES:
            found = _rounds((ours, theirs), each, rounds, seconds)
            report.rows += _rows(each, found)
            report.data[str(each)] = {name: [vars_of(one) for one in taken] for name, taken in found.items()}
    report.notes.append(
        f"{CLIENTS} keep-alive clients, {rounds} rounds of {seconds:g} s on each server in turn; median (least–most). "
        "Every acknowledged event was found in the database afterwards."
    )
    return report


def vars_of(one: Round) -> dict[str, float]:
    return {name: getattr(one, name) for name in Round.__dataclass_fields__}


def _rounds(servers: Sequence[Server], each: int, rounds: int, seconds: float) -> dict[str, list[Round]]:
    for server in servers:
        _load(server, each, WARM_UP_S)
    found: dict[str, list[Round]] = {server.name: [] for server in servers}
    for number in range(rounds):
        for server in servers if number % 2 else reversed(servers):
            found[server.name].append(_load(server, each, seconds))
    return found


def _rows(each: int, found: dict[str, list[Round]]) -> list[Sequence[str]]:
    pairs = list(zip(found["tagtrail"], found["naive"], strict=True))
    rates = [ours.events_a_second / theirs.events_a_second for ours, theirs in pairs]
    tails = [ours.p99_ms / theirs.p99_ms for ours, theirs in pairs]
    return [
        (
            str(each),
            name,
            spread([one.events_a_second for one in taken]),
            spread([one.p50_ms for one in taken], 1),
            spread([one.p99_ms for one in taken], 1),
            str(sum(one.refused for one in taken)),
            spread(rates, 2) if name == "tagtrail" else "1",
            spread(tails, 2) if name == "tagtrail" else "1",
        )
        for name, taken in found.items()
    ]


def _load(server: Server, each: int, seconds: float) -> Round:
    most = int(MOST_EVENTS_A_SECOND[each] * seconds) // each // CLIENTS
    run = secrets.token_hex(6)
    spec = Spec(server.port, HOOK, server.bearer, run, CLIENTS, each, seconds, most)
    fields = {name: getattr(spec, name) for name in Spec.__dataclass_fields__}
    command = [sys.executable, "-m", "bench.load", json.dumps(fields)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 120)
    if told.returncode:
        raise RuntimeError(f"load on {server.name}: {told.stderr}")
    outcome = Outcome(**json.loads(told.stdout))
    if outcome.exhausted:
        raise RuntimeError(f"{server.name} took all that was made for it: raise MOST_EVENTS_A_SECOND")
    _check(server, spec, outcome)
    return Round(
        outcome.in_time * each / outcome.seconds,
        percentile(outcome.latencies_ms, 50),
        percentile(outcome.latencies_ms, 99),
        outcome.refused,
    )


def _check(server: Server, spec: Spec, outcome: Outcome) -> None:
    expected = {
        event_id(spec.run, client, ordinal * spec.each + number)
        for client, ordinals in enumerate(outcome.acknowledged)
        for ordinal in ordinals
        for number in range(spec.each)
    }
    check_kept(server, spec.run, expected)


def check_kept(server: Server, run: str, expected: set[str]) -> None:
    """All that was acknowledged is committed, with a change for each event. Raises LostError."""
    for table in ("events", "changes"):
        query = f"SELECT event_id FROM {table} WHERE event_id > '{run}-' AND event_id < '{run}.'"
        missing = expected - {row[0] for row in _rows_of(server.database, query)}
        if missing:
            raise LostError(f"{server.name}: {len(missing)} of {len(expected)} events are not in {table}")


def _rows_of(url: str, query: str) -> list[Any]:
    from app.store.engine import make_engine, reading

    engine = make_engine(url)
    with reading(engine) as connection:
        found = connection.exec_driver_sql(query).all()
    engine.dispose()
    return list(found)


def described(url: str) -> dict[str, str]:
    from app.store.engine import describe, make_engine

    engine = make_engine(url)
    found = describe(engine)
    engine.dispose()
    return found


@contextmanager
def tagtrail(folder: Path, database: str) -> Iterator[Server]:
    """Tagtrail's web process alone, as `tagtrail web` starts it: nobody keeps the promises of the outbox."""
    data, port, bearer = folder / f"data-{secrets.token_hex(4)}", free_port(), secrets.token_hex(16)
    data.mkdir()
    config = data / "tagtrail.yml"
    config.write_text(_CONFIG)
    environment = clean_environment() | {
        "TAGTRAIL_DATA": str(data),
        "TAGTRAIL_CONFIG": str(config),
        "DATABASE_URL": database,
        "BENCH_BEARER": bearer,
    }
    command = [sys.executable, "-P", "-m", "app"]
    subprocess.run([*command, "migrate"], env=environment, check=True, capture_output=True, timeout=60)
    with program([*command, "web", "--port", str(port)], folder / "tagtrail.log", environment):
        wait_until("Tagtrail answers", lambda: answers(port, "/readyz"))
        yield Server("tagtrail", port, bearer, database)


@contextmanager
def naive(folder: Path, database: str) -> Iterator[Server]:
    from app.store.engine import make_engine
    from app.store.migrate import upgrade

    engine = make_engine(database)
    upgrade(engine)
    engine.dispose()
    port, bearer = free_port(), secrets.token_hex(16)
    environment = clean_environment() | {
        "NAIVE_DATABASE_URL": database,
        "NAIVE_PORT": str(port),
        "NAIVE_BEARER": bearer,
    }
    with program([sys.executable, "-m", "bench.naive"], folder / "naive.log", environment):
        wait_until("the naive server answers", lambda: answers(port, "/readyz"))
        yield Server("naive", port, bearer, database)



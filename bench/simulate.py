"""What it costs to try rules on a history: a million changes of 10,000 tags, 45 plain rules and 5 with expressions."""

import random
import resource
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import yaml

from app.domain.conditions import Condition
from app.domain.rules import Rule
from app.domain.settling import Settle
from app.domain.times import SECOND_NS
from app.domain.told import Told
from app.settings.rules import RuleSection
from app.store.engine import make_engine
from app.store.migrate import upgrade
from app.usecases.simulate import Tried, simulate
from bench.figures import Report

CHANGES, REPOSITORIES, TAGS_OF_EACH = 1_000_000, 100, 100
BEGIN_NS, DAYS = 1_760_000_000 * SECOND_NS, 30
GAP_NS = DAYS * 86_400 * SECOND_NS // CHANGES
HOST = "registry.shop.example:5000"
INDEX, MANIFEST = (f"application/vnd.oci.image.{kind}.v1+json" for kind in ("index", "manifest"))
SETTLE = Settle(2 * SECOND_NS, 30 * SECOND_NS)
EXPRESSIONS = (
    "kind == 'moved' && repository.startsWith('team-0/')",
    "actor != null && actor != 'bot' && tag.endsWith('.0')",
    "['team-1/', 'team-2/'].exists(p, repository.startsWith(p)) && tag.contains('.')",
    "media_type.contains('index') && time > timestamp('2025-10-15T00:00:00Z')",
    "repository.matches('^team-[3-5]/app-[0-9]*5$') || tag == 'stable'",
)


def run(folder: Path, rounds: int, seconds: float) -> Iterator[Report]:  # noqa: ARG001 - one round is long enough
    url = f"sqlite:///{folder}/history.db"
    engine = make_engine(url)
    upgrade(engine)
    _fill(folder / "history.db")
    columns = ("rules", "wall s", "CPU s", "changes/s", "matched", "sent")
    report = Report("Rules tried on a million changes of 10,000 tags", columns)
    for name, rules in (("45 plain", plain_rules()), ("45 plain and 5 with expressions", all_rules())):
        settle = dict.fromkeys((destination for rule in rules for destination in rule.destinations), SETTLE)
        wall, cpu = time.perf_counter(), time.process_time()
        tried = simulate(engine, rules, settle, (None, None), _progress)
        _add(report, name, tried, (time.perf_counter() - wall, time.process_time() - cpu))
    engine.dispose()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    report.notes.append(
        f"SQLite, one process, 30 days, settle windows of 2 s; peak {peak:,.0f} MiB; filling not counted."
    )
    report.notes.append(f"one expression, evaluated: {', '.join(_cost(text) for text in EXPRESSIONS)}")
    yield report


def _add(report: Report, name: str, tried: Tried, took: tuple[float, float]) -> None:
    if tried.changes != CHANGES:
        raise AssertionError(f"{tried.changes} changes were tried, not {CHANGES}")
    sent = sum(would.sent.deliveries for rule in tried.rules for would in rule.destinations)
    matched = sum(rule.matched for rule in tried.rules)
    row = (f"{took[0]:.1f}", f"{took[1]:.1f}", f"{CHANGES / took[0]:,.0f}", f"{matched:,}", f"{sent:,}")
    report.rows.append((name, *row))
    report.data[name] = {"wall_s": took[0], "cpu_s": took[1], "matched": matched, "sent": sent}


def _progress(done: int, time_ns: int) -> None:
    if done % 100_000 == 0:
        print(f"{done:,} changes, day {(time_ns - BEGIN_NS) // (86_400 * SECOND_NS)} of {DAYS}", file=sys.stderr)


def plain_rules() -> list[Rule]:
    """Globs, regular expressions, versions and kinds, in turn; each deploys or alerts somewhere."""
    whens = []
    for number in range(45):
        team = number % 10
        whens.append(
            (
                {"repository": f"team-{team}/*", "tag": {"semver": f">={number % 4} <9", "level": "minor"}},
                {"repository": {"regex": f"(?P<team>team-{team})/app-[0-9]+"}, "tag": "stable"},
                {"registry": HOST, "change": ["removed"], "repository": f"**/app-{number}"},
                {"tag": {"numerical": "asc", "extract": r"build-(\d+)"}, "actor": "user-1*"},
                {"any": [{"repository": f"team-{team}/app-1*"}, {"tag": "v*"}], "not": {"actor": "bot"}},
            )[number % 5]
        )
    return [_rule(number, when) for number, when in enumerate(whens)]


def all_rules() -> list[Rule]:
    return plain_rules() + [_rule(100 + number, {"expr": text}) for number, text in enumerate(EXPRESSIONS)]


def _rule(number: int, when: dict[str, object]) -> Rule:
    where = {"deploy": [f"t{number}"]} if number % 3 else {"alert": [f"c{number}"]}
    return RuleSection.model_validate(
        yaml.safe_load(yaml.safe_dump({"name": f"r{number}", "when": when, **where}))
    ).built()


def _cost(text: str) -> str:
    condition, told = Condition.parse(text), _told()
    began, times = time.perf_counter(), 20_000
    for number in range(times):  # each with a repository of its own: what is remembered costs next to nothing
        condition.mismatch(replace(told, repository=f"team-3/app-{number}"))
    return f"{(time.perf_counter() - began) / times * 1e6:.1f} µs"


def _told() -> Told:
    return Told(
        "0" * 32, "moved", HOST, "team-3/app-15", "v1.2.0", "sha256:" + "0" * 64, "sha256:" + "1" * 64, "user-7",
        "bench", BEGIN_NS, "", "0", None, INDEX, action="push",
    )  # fmt: skip


def _fill(path: Path) -> None:
    """A change every few seconds, of tags of which some are busier than others."""
    chance = random.Random(7)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        for begin in range(0, CHANGES, 50_000):
            lines = [_line(number, chance) for number in range(begin, min(begin + 50_000, CHANGES))]
            connection.executemany(_EVENT, [event for event, _change in lines])
            connection.executemany(_CHANGE, [change for _event, change in lines])
    connection.close()


_EVENT = (
    "INSERT INTO events (seq, origin, event_id, action, scope, registry, repository, tag, digest, media_type, actor,"
    " time_ns, received_ns, sequence, raw) VALUES (?, 'bench', ?, ?, 'tag', ?, ?, ?, ?, ?, ?, ?, ?, 0, x'7b7d')"
)
_CHANGE = (
    "INSERT INTO changes (id, registry, repository, tag, kind, before, after, time_ns, sequence, event_id, origin,"
    " actor, provenance, fan_out, recorded_ns, altered_seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, 'bench', ?,"
    " 'observed', 'done', ?, ?)"
)


def _line(number: int, chance: random.Random) -> tuple[Sequence[object], Sequence[object]]:
    place = min(int(chance.expovariate(4 / (REPOSITORIES * TAGS_OF_EACH))), REPOSITORIES * TAGS_OF_EACH - 1)
    repository, tag = f"team-{place % 10}/app-{place % REPOSITORIES}", _tag(place // REPOSITORIES)
    removed = chance.random() < 0.05
    at, event = BEGIN_NS + number * GAP_NS, f"{number:032x}"
    before, after = f"sha256:{number:064x}", "absent" if removed else f"sha256:{number + 1:064x}"
    actor = chance.choice(("bot", "user-1", "user-7", "user-12"))
    media_type = INDEX if place % 3 else MANIFEST
    told = "delete" if removed else "push"
    digest = None if removed else after
    return (
        (number + 1, event, told, HOST, repository, tag, digest, media_type, actor, at, at),
        (
            event,
            HOST,
            repository,
            tag,
            "removed" if removed else "moved",
            before,
            after,
            at,
            event,
            actor,
            at,
            number + 1,
        ),
    )


def _tag(number: int) -> str:
    names = ("stable", "latest", "edge")
    if number < len(names):
        return names[number]
    return f"build-{number}" if number % 4 == 0 else f"v{number % 3}.{number // 3}.{number % 5}"

"""What auditors ask of a long history: the first page of 100 rows of every question, about much and about little."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from app.domain.access import EVERYTHING
from app.domain.changes import TagKey
from app.store.engine import Connection, Engine, reading
from app.store.queries import activity, diff, digests, events, history, moments, pulls, repositories
from app.store.queries.diff import DiffFilter
from app.store.queries.events import EventFilter
from app.store.queries.history import HistoryFilter
from app.store.queries.moments import MomentFilter
from app.store.queries.paging import Page, Paging
from app.store.queries.pulls import PullFilter
from app.store.queries.repositories import RepositoryFilter
from bench.figures import percentile

DAY_NS = 86_400 * 10**9
FIRST_PAGE = Paging(100)
HOTTEST, COLDEST = 4, 80
"""How many repositories, those of which most and least is told, subjects are taken from."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a question is about. `at_ns` and `known_ns` lie anywhere in the history, up to its last week."""

    registry: str
    repository: str
    tag: str
    digest: str
    pusher: str
    puller: str
    origin: str
    at_ns: int
    known_ns: int

    @property
    def names(self) -> Mapping[str, str]:
        return {"registry": self.registry, "repository": self.repository}

    @property
    def key(self) -> TagKey:
        return TagKey(self.registry, self.repository, self.tag)


Ask = Callable[[Connection, Subject], Any]


@dataclass(frozen=True, slots=True)
class Timing:
    """In ms; `rows` of the first page, at most."""

    p50: float
    p99: float
    rows: int


def _events(**wanted: Any) -> Ask:
    return lambda c, s: events.page(c, EVERYTHING, EventFilter(**_said(wanted, s)), FIRST_PAGE)


def _changes(**wanted: Any) -> Ask:
    return lambda c, s: history.page(c, EVERYTHING, HistoryFilter(**_said(wanted, s)), FIRST_PAGE)


def _pulls(**wanted: Any) -> Ask:
    return lambda c, s: pulls.page(c, EVERYTHING, PullFilter(**_said(wanted, s)), FIRST_PAGE)


def _moments(**wanted: Any) -> Ask:
    return lambda c, s: moments.page(c, EVERYTHING, MomentFilter(**_said(wanted, s)), FIRST_PAGE)


def _moment(**wanted: Any) -> Ask:
    return lambda c, s: moments.one(c, EVERYTHING, s.key, MomentFilter(**_said(wanted, s)))


def _diff(**wanted: Any) -> Ask:
    return lambda c, s: diff.page(c, EVERYTHING, DiffFilter(**_said(wanted, s)), FIRST_PAGE)


def _said(wanted: Mapping[str, Any], subject: Subject) -> dict[str, Any]:
    """A value of `wanted` is a function of the subject, or stands for itself."""
    return {name: value(subject) if callable(value) else value for name, value in wanted.items()}


REGISTRY = {"registry": lambda s: s.registry}
PLACE = REGISTRY | {"repository": lambda s: s.repository}
TAG = PLACE | {"tag": lambda s: s.tag}
AT = {"at_ns": lambda s: s.at_ns}
KNOWN = {"known_ns": lambda s: s.known_ns}
WEEK = {"since_ns": lambda s: s.at_ns, "until_ns": lambda s: s.at_ns + 7 * DAY_NS}
TEAM = {"repository": lambda s: f"{s.repository.partition('/')[0]}/*"}

QUESTIONS: Mapping[str, Ask] = {
    "at, a tag": _moment(**AT),
    "at, a tag, known-at": _moment(**AT, **KNOWN),
    "at, a repository's tags": _moments(**PLACE, **AT),
    "at, a repository's tags, known-at": _moments(**PLACE, **AT, **KNOWN),
    "at, tags of shop/*": _moments(**TEAM, **AT),
    "at, tags of shop/*, known-at": _moments(**TEAM, **AT, **KNOWN),
    "history of a tag": _changes(**TAG),
    "history of a tag, known-at": _changes(**TAG, **KNOWN),
    "history of a repository, known-at": _changes(**PLACE, **KNOWN),
    "history of shop/*": _changes(**TEAM),
    "who, a digest": lambda c, s: digests.story(c, EVERYTHING, s.digest, 100),
    "who, a digest, known-at": lambda c, s: digests.story(c, EVERYTHING, s.digest, 100, s.known_ns),
    "activity of a pusher": lambda c, s: activity.page(c, EVERYTHING, EventFilter(actor=s.pusher), FIRST_PAGE),
    "activity of a puller": lambda c, s: activity.page(c, EVERYTHING, EventFilter(actor=s.puller), FIRST_PAGE),
    "activity in a week": lambda c, s: activity.page(
        c, EVERYTHING, EventFilter(actor=s.pusher, since_ns=s.at_ns, until_ns=s.at_ns + 7 * DAY_NS), FIRST_PAGE
    ),
    "repositories first seen": lambda c, s: repositories.page(
        c, EVERYTHING, RepositoryFilter(first_seen_since_ns=s.at_ns - 30 * DAY_NS), FIRST_PAGE
    ),
    "activity of a pusher, known-at": lambda c, s: activity.page(
        c, EVERYTHING, EventFilter(actor=s.pusher, known_ns=s.known_ns), FIRST_PAGE
    ),
    "repositories, known-at": lambda c, s: repositories.page(
        c, EVERYTHING, RepositoryFilter(known_ns=s.known_ns), FIRST_PAGE
    ),
    "pulls, known-at": _pulls(**KNOWN),
    "pulls of a repository, known-at": _pulls(**PLACE, **KNOWN),
    "events?known_at": _events(**KNOWN),
    "pulls": _pulls(),
    "pulls of a registry": _pulls(**REGISTRY),
    "pulls of a repository": _pulls(**PLACE),
    "pulls of a repository's tag": _pulls(**TAG),
    "pulls of a digest": _pulls(digest=lambda s: s.digest),
    "pulls by an actor": _pulls(actor=lambda s: s.puller),
    "pulls of an origin": _pulls(origin=lambda s: s.origin),
    "stale pulls": _pulls(stale=True),
    "stale pulls of a repository": _pulls(**PLACE, stale=True),
    "diff of a week": _diff(**WEEK),
    "diff of a repository": _diff(**PLACE, **WEEK),
    "diff of a repository, known-at": _diff(**PLACE, **WEEK, **KNOWN),
    "moved releases": _changes(moved_releases=True),
    "moved releases of a repository": _changes(**PLACE, moved_releases=True),
    "moved releases of a repository, known-at": _changes(**PLACE, **KNOWN, moved_releases=True),
    "events": _events(),
    "events?registry": _events(**REGISTRY),
    "events?repository": _events(repository=lambda s: s.repository),
    "events?tag": _events(tag=lambda s: s.tag),
    "events?digest": _events(digest=lambda s: s.digest),
    "events?actor": _events(actor=lambda s: s.puller),
    "events?action=pull": _events(action="pull"),
    "events?action=push": _events(action="push"),
    "events?action=delete": _events(action="delete"),
    "events?action=mount": _events(action="mount"),
    "events?origin": _events(origin=lambda s: s.origin),
    "events?since&until": _events(**WEEK),
    "changes": _changes(),
    "changes?registry": _changes(**REGISTRY),
    "changes?repository": _changes(repository=lambda s: s.repository),
    "changes?tag": _changes(tag=lambda s: s.tag),
    "changes?digest": _changes(digest=lambda s: s.digest),
    "changes?actor": _changes(actor=lambda s: s.pusher),
    "changes?kind=created": _changes(kind="created"),
    "changes?kind=moved": _changes(kind="moved"),
    "changes?kind=removed": _changes(kind="removed"),
    "changes?kind=restored": _changes(kind="restored"),
    "changes?kind=void": _changes(kind="void"),
    "changes?origin": _changes(origin=lambda s: s.origin),
    "changes?since&until": _changes(**WEEK),
    "changes?void": _changes(void=True),
}


def timed(engine: Engine, times: int) -> Iterator[tuple[str, Timing, Timing]]:
    """Each question asked `times` times about hot and about cold subjects, after once about each that only warms up."""
    hot, cold = subjects(engine, HOTTEST), subjects(engine, -COLDEST)
    for name, ask in QUESTIONS.items():
        yield name, _timing(engine, ask, hot, times), _timing(engine, ask, cold, times)


def _timing(engine: Engine, ask: Ask, about: Sequence[Subject], times: int) -> Timing:
    took, most = [], 0
    for number in range(-len(about), times):
        began = perf_counter()
        with reading(engine) as connection:
            found = ask(connection, about[number % len(about)])
        if number >= 0:
            took.append((perf_counter() - began) * 1000)
            most = max(most, len(found.items) if isinstance(found, Page) else int(found is not None))
    return Timing(percentile(took, 50), percentile(took, 99), most)


def subjects(engine: Engine, rank: int) -> list[Subject]:
    """Subjects in the `rank` hottest repositories (negative: coldest), the same in every run."""
    chosen = random.Random(rank)
    with reading(engine) as connection:
        places = _places(connection)
        first_ns, last_ns = connection.exec_driver_sql("SELECT min(time_ns), max(time_ns) FROM events").one()
        some = places[:rank] if rank > 0 else places[rank:]
        return [
            _subject(connection, chosen, place, (first_ns, last_ns - 7 * DAY_NS)) for place in some * (80 // len(some))
        ]


def _places(connection: Connection) -> list[tuple[str, str]]:
    """By the world's own numbers, which go from the hottest to the coldest."""
    found = connection.exec_driver_sql("SELECT registry, repository FROM repositories").all()
    return sorted(((row[0], row[1]) for row in found), key=lambda place: int(place[1].rpartition("-")[2]))


def _subject(connection: Connection, chosen: random.Random, place: tuple[str, str], span: tuple[int, int]) -> Subject:
    where = f"WHERE registry = '{place[0]}' AND repository = '{place[1]}'"
    lines = connection.exec_driver_sql(
        f"SELECT tag, after, actor, origin FROM changes {where} AND after <> 'absent' ORDER BY time_ns DESC LIMIT 200"
    ).all()
    line = chosen.choice(lines)
    tag = line.tag if chosen.random() < 0.5 else "latest"
    at_ns, known_ns = (chosen.randrange(*span) for _ in range(2))
    puller = f"node-{chosen.randrange(30)}{chosen.randrange(6, 10)}"
    return Subject(*place, tag, line.after, line.actor, puller, line.origin, at_ns, known_ns)

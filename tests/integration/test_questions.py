"""The auditor's questions, on both databases: a story told by hand, and known-at against a fold of the test's own."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from builders import HOST, A, B, C, an_event, moment, take_in
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_fold import Line, Told, history
from sqlalchemy import Connection, Engine, delete, select

from app.domain.access import EVERYTHING, AccessScope
from app.domain.changes import TagKey
from app.domain.events import MIN_TIME_NS, Report, Scope
from app.domain.origins import Origin
from app.envelopes import Reading
from app.store import schema
from app.store.engine import reading, writing
from app.store.queries import activity, changes, diff, digests, moments, pulls, repositories
from app.store.queries import history as histories
from app.store.queries.changes import ChangeFilter
from app.store.queries.diff import DiffFilter
from app.store.queries.events import EventFilter
from app.store.queries.history import HistoryFilter
from app.store.queries.moments import MomentFilter
from app.store.queries.paging import Page, Paging, every
from app.store.queries.pulls import PullFilter
from app.store.queries.repositories import RepositoryFilter
from app.usecases.ingest import Parcel, Policy, ingest

HUB = Origin("hub", "distribution", ("docker.io",))
PULL = {"action": "pull", "actor": "puller", "addr": "192.0.2.9:1"}


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """web:v1.0 is A at 10, B at 30; web:latest A at 10, B at 20, gone at 40, C at 50; api:v2.0 A, gone, A, gone, C.

    hub has web:latest since 60. A is pulled at 25 and 70, a layer at 71, C by tag at 72.
    """
    take_in(
        engine,
        an_event(second=10, tag="v1.0"), an_event(second=10, tag="latest"),
        an_event(second=20, tag="latest", digest=B, actor="bob", addr="192.0.2.8:1"),
        an_event(second=25, tag=None, **PULL),
        an_event(second=30, tag="v1.0", digest=B, actor="bob"),
        an_event(second=40, tag="latest", digest=None, action="delete", actor="carol"),
        an_event(second=50, tag="latest", digest=C, actor="bob"),
        an_event(second=11, repository="shop/api", tag="v2.0"),
        an_event(second=12, repository="shop/api", tag="v2.0", digest=None, action="delete"),
        an_event(second=13, repository="shop/api", tag="v2.0"),
        an_event(second=14, repository="shop/api", tag="v2.0", digest=None, action="delete"),
        an_event(second=15, repository="shop/api", tag="v2.0", digest=C, actor="dora"),
        an_event(second=70, tag=None, **PULL),
        an_event(second=71, tag=None, **PULL | {"digest": f"sha256:{'d' * 64}"}),
        an_event(second=72, tag="latest", **PULL | {"digest": C}),
    )
    take_in(engine, an_event(second=60, tag="latest", digest=B, host="docker.io", actor="bob"), origin=HUB)
    with reading(engine) as opened:
        yield opened


def seconds(page: Page[Any]) -> list[float]:
    return [(item.time_ns - moment(0)) / 1e9 for item in page.items]


def told(page: Page[Any]) -> list[tuple[Any, ...]]:
    """Of moments: tag, digest or state, since and until (seconds of the story), by whom."""
    return [
        (f"{one.repository}:{one.tag}", one.digest or one.state,
         one.since_ns and (one.since_ns - moment(0)) / 1e9, one.until_ns and (one.until_ns - moment(0)) / 1e9,
         one.change.actor if one.change else None)
        for one in page.items
    ]


API_AT_35 = ("shop/api:v2.0", C, 15, None, "dora")
HUB_AT_35 = ("shop/web:latest", "not-known", None, 60, None)
LATEST_AT_35, V1_AT_35 = ("shop/web:latest", B, 20, 40, "bob"), ("shop/web:v1.0", B, 30, None, "bob")


@pytest.mark.parametrize("known_ns", [None, moment(200_000)])
@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, [HUB_AT_35, API_AT_35, LATEST_AT_35, V1_AT_35]),
        ({"repository": "shop/*"}, [HUB_AT_35, API_AT_35, LATEST_AT_35, V1_AT_35]),
        ({"repository": "shop/w?b"}, [HUB_AT_35, LATEST_AT_35, V1_AT_35]),
        ({"repository": "*"}, []),
        ({"repository": "**", "tag": "v*"}, [API_AT_35, V1_AT_35]),
        ({"repository": "shop/web", "tag": "v*"}, [V1_AT_35]),
        ({"registry": HOST, "repository": "shop/web"}, [LATEST_AT_35, V1_AT_35]),
        ({"registry": "docker.io", "repository": "s*/*"}, [HUB_AT_35]),
        ({"tag": "latest"}, [HUB_AT_35, LATEST_AT_35]),
        ({"tag": "late"}, []),
    ],
)
def test_moments_of_many_tags(
    connection: Connection, asked: dict[str, str], expected: list[Any], known_ns: int | None
) -> None:
    found = moments.page(connection, EVERYTHING, MomentFilter(moment(35), **asked, known_ns=known_ns), Paging())
    assert (told(found), found.next) == (expected, None)


@pytest.mark.parametrize("second", [5, 10, 12, 12.5, 35, 40, 45, 60, 10**12])
def test_each_moment_is_what_one_tag_alone_is_told(connection: Connection, second: float) -> None:
    for one in moments.page(connection, EVERYTHING, MomentFilter(moment(second)), Paging()).items:
        key = TagKey(one.registry, one.repository, one.tag)
        assert changes.at(connection, EVERYTHING, key, moment(second)) == one
        known = MomentFilter(moment(second), known_ns=moment(200_000))
        assert moments.one(connection, EVERYTHING, key, known) == one


def test_a_moment_with_two_digests_at_one_instant(engine: Engine) -> None:
    take_in(engine, an_event(second=0), an_event(second=0, digest=B), an_event(second=10, digest=C))
    with reading(engine) as connection:
        for known_ns in (None, moment(200_000)):
            asked = [MomentFilter(moment(at), known_ns=known_ns) for at in (0, 5, 10)]
            found = [moments.page(connection, EVERYTHING, one, Paging()).items[0].ambiguous for one in asked]
            assert found == [True, True, False]


@pytest.mark.parametrize("known_ns", [None, moment(200_000)])
@pytest.mark.parametrize(
    ("between", "names", "expected"),
    [
        ((0, 100), {}, [("shop/web:latest", "unknown", B), ("shop/web:latest", "unknown", C),
                      ("shop/web:v1.0", "unknown", B), ("shop/api:v2.0", "unknown", C)]),
        ((35, 45), {}, [("shop/web:latest", B, "absent")]),
        ((11, 13), {}, []),
        ((12, 13), {}, [("shop/api:v2.0", "absent", A)]),
        ((10, 30), {"repository": "shop/web"}, [("shop/web:v1.0", A, B), ("shop/web:latest", A, B)]),
        ((10, 30), {"tag": "v*"}, [("shop/web:v1.0", A, B), ("shop/api:v2.0", "unknown", C)]),
        ((10, 29.9), {"repository": "*/web"}, [("shop/web:latest", A, B)]),
        ((50, 50), {}, []),
    ],
)
def test_differences(
    connection: Connection, between: tuple[float, float], names: dict[str, str], expected: list[Any],
    known_ns: int | None,
) -> None:
    since_ns, until_ns = map(moment, between)
    found = diff.page(connection, EVERYTHING, DiffFilter(since_ns, until_ns, **names, known_ns=known_ns), Paging())
    assert [(f"{one.repository}:{one.tag}", one.before, one.after) for one in found.items] == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (EventFilter(actor="bob"), [60, 50, 30, 20]),
        (EventFilter(actor="bob", since_ns=moment(20), until_ns=moment(50)), [30, 20]),
        (EventFilter(actor="bob", registry="docker.io"), [60]),
        (EventFilter(actor="puller", repository="shop/*"), [72, 71, 70, 25]),
        (EventFilter(actor="puller", tag="la*"), [72]),
        (EventFilter(actor="nobody"), []),
    ],
)
def test_what_somebody_did(connection: Connection, asked: EventFilter, expected: list[int]) -> None:
    assert seconds(activity.page(connection, EVERYTHING, asked, Paging())) == expected


def test_what_came_of_it(engine: Engine) -> None:
    take_in(engine, an_event(second=1, tag="a"), an_event(second=2, tag="b"), an_event(second=2, tag="b"),
            an_event(second=3, tag=None, action="delete"))
    with reading(engine) as connection:
        gone, again, b, a = activity.page(connection, EVERYTHING, EventFilter(actor="alice"), Paging()).items
    assert [(one.tag, one.kind, one.before, one.after) for one in gone.outcome] == [
        ("a", "removed", A, "absent"), ("b", "removed", A, "absent"),
    ]
    made = sorted((len(again.outcome), len(b.outcome)))
    assert made == [0, 1], "what was there already changes nothing"
    assert [(one.tag, one.kind) for one in a.outcome] == [("a", "created")]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, [("docker.io", "shop/web"), (HOST, "shop/api"), (HOST, "shop/web")]),
        ({"first_seen_since_ns": moment(11)}, [("docker.io", "shop/web"), (HOST, "shop/api")]),
        ({"first_seen_until_ns": moment(11)}, [(HOST, "shop/web")]),
        ({"first_seen_since_ns": moment(11), "first_seen_until_ns": moment(60)}, [(HOST, "shop/api")]),
        ({"registry": "docker.io"}, [("docker.io", "shop/web")]),
        ({"repository": "*/api"}, [(HOST, "shop/api")]),
        ({"registry": HOST, "repository": "shop/web"}, [(HOST, "shop/web")]),
    ],
)
def test_repositories_by_when_they_were_first_seen(
    connection: Connection, asked: dict[str, Any], expected: list[Any]
) -> None:
    found = repositories.page(connection, EVERYTHING, RepositoryFilter(**asked), Paging()).items
    assert [(one.registry, one.repository) for one in found] == expected


def test_a_late_event_is_the_first_sight(engine: Engine) -> None:
    take_in(engine, an_event(second=10, actor="bob"), an_event(second=20, actor="carol"))
    take_in(engine, an_event(second=5, **PULL), an_event(second=5, actor="late too"))
    with reading(engine) as connection:
        (one,) = repositories.page(connection, EVERYTHING, RepositoryFilter(), Paging()).items
    assert (one.first_seen_ns, one.actor, one.action, one.first_seq) == (moment(5), "puller", "pull", 3)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (PullFilter(), [72, 71, 70, 25]),
        (PullFilter(digest=A), [70, 25]),
        (PullFilter(tag="latest"), [72]),
        (PullFilter(repository="shop/*", since_ns=moment(71)), [72, 71]),
        (PullFilter(actor="alice"), []),
        (PullFilter(stale=True), [70, 25]),
        (PullFilter(stale=True, until_ns=moment(70)), [25]),
        (PullFilter(stale=True, registry="docker.io"), []),
    ],
)
def test_pulls(connection: Connection, asked: PullFilter, expected: list[int]) -> None:
    """A is on no tag any more; a layer never was on one."""
    found = pulls.page(connection, EVERYTHING, asked, Paging())
    assert seconds(found) == expected
    assert {line.request_addr for line in found.items} <= {"192.0.2.9:1"}


def test_few_that_are_stale_among_many(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page looks at so many rows and no more; those that it leaves out come on the next ones."""
    monkeypatch.setattr("app.store.queries.paging.MOST_LOOKED_AT", 3)
    take_in(engine, an_event(second=0), an_event(second=1, digest=B))
    take_in(engine, *(an_event(second=2 + at, **PULL | {"digest": A if at in (0, 5, 6) else B}) for at in range(9)))
    with reading(engine) as connection:
        cursor, pages = None, []
        for _ in range(9):
            page = pulls.page(connection, EVERYTHING, PullFilter(stale=True), Paging(1, cursor))
            pages.append(seconds(page))
            cursor = page.next
            if cursor is None:
                break
    assert [second for page in pages for second in page] == [8, 7, 2]
    assert [] in pages or len(pages) > 3


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, [("v1.0", 30), ("v2.0", 15)]),
        ({"repository": "*/api"}, [("v2.0", 15)]),
        ({"registry": "docker.io"}, []),
        ({"since_ns": moment(16)}, [("v1.0", 30)]),
        ({"actor": "dora"}, [("v2.0", 15)]),
    ],
)
def test_moved_releases(connection: Connection, asked: dict[str, Any], expected: list[tuple[str, int]]) -> None:
    """That v2.0 came back with the digest it had is no move; that it came back with another one is."""
    for known_ns in (None, moment(200_000)):
        filtered = HistoryFilter(**asked, moved_releases=True, known_ns=known_ns)
        found = histories.page(connection, EVERYTHING, filtered, Paging())
        assert [(line.tag, second) for line, second in zip(found.items, seconds(found), strict=True)] == expected


@pytest.mark.parametrize("tag", ["1.2", "v1.2.3", "10.20.30-rc.1", "v1.0-alpine", "1.2.3_build.7", "1.2.3+build"])
def test_what_looks_like_a_release(engine: Engine, tag: str) -> None:
    assert moved_releases(engine, tag) == [tag]


@pytest.mark.parametrize("tag", ["v1", "latest", "1", "x1.2", "1.2.3.4.5", "v1.x", "1.2 ", "1.2\n", "2024-01-01"])
def test_what_does_not(engine: Engine, tag: str) -> None:
    assert moved_releases(engine, tag) == []


def moved_releases(engine: Engine, tag: str) -> list[str]:
    take_in(engine, an_event(second=0, tag=tag), an_event(second=1, tag=tag, digest=B))
    with reading(engine) as connection:
        found = changes.page(connection, EVERYTHING, ChangeFilter(moved_releases=True), Paging())
    return [line.tag for line in found.items]


LISTS: list[Callable[[Connection, Paging], Page[Any]]] = [
    lambda connection, paging: moments.page(connection, EVERYTHING, MomentFilter(moment(35)), paging),
    lambda connection, paging: moments.page(connection, EVERYTHING, MomentFilter(moment(35), known_ns=2**62), paging),
    lambda connection, paging: diff.page(connection, EVERYTHING, DiffFilter(moment(0), moment(100)), paging),
    lambda connection, paging: diff.page(connection, EVERYTHING, DiffFilter(0, 2**62, known_ns=2**62), paging),
    lambda connection, paging: histories.page(connection, EVERYTHING, HistoryFilter(known_ns=2**62), paging),
    lambda connection, paging: histories.page(connection, EVERYTHING, HistoryFilter(repository="shop/*"), paging),
    lambda connection, paging: activity.page(connection, EVERYTHING, EventFilter(actor="bob"), paging),
    lambda connection, paging: pulls.page(connection, EVERYTHING, PullFilter(), paging),
    lambda connection, paging: pulls.page(connection, EVERYTHING, PullFilter(stale=True), paging),
    lambda connection, paging: repositories.page(connection, EVERYTHING, RepositoryFilter(), paging),
    lambda connection, paging: repositories.page(connection, EVERYTHING, RepositoryFilter(known_ns=2**62), paging),
    lambda connection, paging: activity.page(connection, EVERYTHING, EventFilter(known_ns=2**62), paging),
    lambda connection, paging: pulls.page(connection, EVERYTHING, PullFilter(known_ns=2**62), paging),
]


@pytest.mark.parametrize("ask", LISTS)
def test_pages_join_to_the_whole_list(
    connection: Connection, engine: Engine, ask: Callable[[Connection, Paging], Page[Any]]
) -> None:
    whole = ask(connection, Paging(1000))
    assert whole.next is None
    assert len(whole.items) >= 2
    for limit in (1, 2, 3):
        assert tuple(every(engine, ask, Paging(limit))) == whole.items
    second = ask(connection, Paging(1))
    assert tuple(every(engine, ask, Paging(2, second.next))) == whole.items[1:]


def test_nothing_is_told_of_what_is_out_of_scope(connection: Connection) -> None:
    """Of two registries and three places, one."""
    seen = AccessScope.parse([f"{HOST}/shop/web"])
    here, elsewhere = (HOST, "shop/web"), AccessScope.parse(["docker.io/**"])
    asked: list[tuple[Any, Any]] = [
        (moments.page, MomentFilter(moment(100))), (moments.page, MomentFilter(moment(100), known_ns=2**62)),
        (moments.page, MomentFilter(moment(100), None, "**")), (repositories.page, RepositoryFilter()),
        (diff.page, DiffFilter(0, 2**62)), (diff.page, DiffFilter(0, 2**62, None, "*/*", known_ns=2**62)),
        (histories.page, HistoryFilter(moved_releases=True)), (histories.page, HistoryFilter(known_ns=2**62)),
        (histories.page, HistoryFilter(None, "shop/*")), (activity.page, EventFilter(actor="bob")),
        (repositories.page, RepositoryFilter(known_ns=2**62)), (pulls.page, PullFilter(known_ns=2**62)),
        (activity.page, EventFilter(known_ns=2**62)),
        (pulls.page, PullFilter()), (pulls.page, PullFilter(stale=True)), (pulls.page, PullFilter(None, "**")),
    ]
    for page, filtered in asked:
        assert {(one.registry, one.repository) for one in page(connection, seen, filtered, Paging()).items} == {here}
        assert page(connection, AccessScope(()), filtered, Paging()).items == ()
    key = TagKey(HOST, "shop/web", "latest")
    for known_ns in (None, 2**62):
        assert moments.one(connection, elsewhere, key, MomentFilter(moment(100), known_ns=known_ns)) is None


def test_a_tag_that_may_not_be_seen_keeps_nothing_current(engine: Engine) -> None:
    take_in(engine, an_event(second=1), an_event(second=2, digest=B), an_event(second=3, repository="secret/vault"),
            an_event(second=4, tag=None, **PULL))
    with reading(engine) as connection:
        seen = AccessScope.parse([f"{HOST}/shop/*"])
        assert seconds(pulls.page(connection, seen, PullFilter(stale=True), Paging())) == [4]
        assert seconds(pulls.page(connection, EVERYTHING, PullFilter(stale=True), Paging())) == []


def test_what_is_known_now_was_not_always_known(engine: Engine) -> None:
    """The move to B at 20 is told late: until then, A was all that anybody knew, and its rule fired for that."""
    take_in(engine, an_event(second=10), received=11)
    take_in(engine, an_event(second=30, digest=C), received=31)
    take_in(engine, an_event(second=20, digest=B), received=40)
    key = TagKey(HOST, "shop/web", "stable")
    with reading(engine) as connection:
        lines = {second: histories.page(connection, EVERYTHING, HistoryFilter(known_ns=moment(second)), Paging()).items
                 for second in (5, 11, 35, 40)}
        then, now = (moments.one(connection, EVERYTHING, key, MomentFilter(moment(25), known_ns=known))
                     for known in (moment(35), moment(40)))
        assert moments.one(connection, EVERYTHING, key, MomentFilter(moment(25), known_ns=moment(5))) is None
    assert {second: [(line.before, line.after) for line in found] for second, found in lines.items()} == {
        5: [], 11: [("unknown", A)], 35: [(A, C), ("unknown", A)], 40: [(B, C), (A, B), ("unknown", A)],
    }
    assert lines[35][0].fan_out == lines[40][0].fan_out == "pending"
    assert lines[35][0].request_addr == "192.0.2.7:40112"
    assert then is not None
    assert now is not None
    assert (then.digest, then.until_ns, now.digest) == (A, moment(30), B)


def test_what_confirmed_a_removal_did_so_until_something_came_between(engine: Engine) -> None:
    """The manifest goes at 10, the tag's own delete follows at 20; that it had come back at 15 is told late."""
    take_in(engine, an_event(second=0), an_event(second=10, action="delete", tag=None),
            an_event(second=20, action="delete", digest=None), received=21)
    take_in(engine, an_event(second=15), received=40)
    with reading(engine) as connection:
        then, now = (histories.page(connection, EVERYTHING, HistoryFilter(known_ns=moment(second)), Paging()).items
                     for second in (30, 40))
        asked = MomentFilter(moment(12), known_ns=moment(30))
        one = moments.one(connection, EVERYTHING, TagKey(HOST, "shop/web", "stable"), asked)
    assert [(line.kind, line.provenance) for line in then] == [("removed", "observed"), ("created", "observed")]
    assert [(line.kind, line.provenance) for line in now] == [
        ("removed", "observed"), ("restored", "observed"), ("removed", "derived"), ("created", "observed"),
    ]  # fmt: skip
    assert one is not None
    assert one.change is not None
    assert one.change.provenance == "observed"


ORIGIN = Origin("prod", "distribution", ("registry.example",))
BASE = MIN_TIME_NS + 10**18
DIGESTS = [A, B, C]
SCOPES = {"set": Scope.TAG, "drop": Scope.TAG, "kill": Scope.MANIFEST, "wipe": Scope.REPOSITORY}


@st.composite
def worlds(draw: st.DrawFn) -> list[tuple[Told, int]]:
    """Events, and when each is received: late and early ones, several at once."""
    world = []
    for number in range(draw(st.integers(1, 12))):
        what = draw(st.sampled_from(["set", "set", "set", "drop", "kill", "wipe"]))
        one = Told(
            time=draw(st.integers(0, 6)),
            sequence=draw(st.sampled_from([0, 0, 0, number + 1])),
            id=f"e{draw(st.integers(0, 99)):02d}-{number}",
            origin="prod",
            repository=draw(st.sampled_from(["a", "a", "b"])),
            what=what,
            tag=draw(st.sampled_from(["t", "t", "u"])) if what in ("set", "drop") else "",
            digest=draw(st.sampled_from(DIGESTS)) if what in ("set", "kill") else "",
        )
        world.append((one, draw(st.integers(0, 3))))
    return world


def have_received(
    engine: Engine, world: list[tuple[Told, int]], unit_ns: int, after: Callable[[int], None] = lambda _: None
) -> None:
    """`after` is called with the time of each receipt, when all of it is in."""
    with writing(engine) as connection:
        for table in reversed(schema.metadata.sorted_tables):
            if table.name in ("events", "changes", "tags", "outbox", "origins", "repositories"):
                connection.execute(delete(table))
    for received in range(4):
        reports = [
            Report(
                raw=f'"{one.id}"'.encode(), action="push" if one.what == "set" else "delete", scope=SCOPES[one.what],
                repository=one.repository, id=one.id, time_ns=BASE + one.time * unit_ns, tag=one.tag or None,
                digest=one.digest or None, sequence=one.sequence or None,
            )
            for one, when in world if when == received
        ]
        if reports:
            parcel = Parcel(ORIGIN, Reading(tuple(reports)), BASE + (3 + received) * unit_ns)
            ingest(engine, [parcel], Policy(max_age_ns=10**9))
        after(BASE + (3 + received) * unit_ns)


def at(lines: list[Line], times: dict[str, int], key: tuple[str, str], second: int) -> str:
    """Where the lines say that a tag pointed at a moment."""
    mine = [line for line in lines if (line.repository, line.tag) == key and times[line.event] <= second]
    return mine[-1].after if mine else "unknown"


@settings(max_examples=60)
@given(world=worlds(), unit_ns=st.sampled_from([1, 40 * 10**9]))
def test_known_at_is_a_fold_of_what_had_been_received(
    engine: Engine, world: list[tuple[Told, int]], unit_ns: int
) -> None:
    """Whether all comes within a minute, or some of it later than that."""
    have_received(engine, world, unit_ns)
    times = {one.id: one.time for one, _ in world}
    with reading(engine) as connection:
        for known in range(4):
            known_ns = BASE + (3 + known) * unit_ns
            lines, present = history({one for one, received in world if received <= known})
            page = histories.page(connection, EVERYTHING, HistoryFilter(known_ns=known_ns), Paging(1000))
            found = [Line(one.repository, one.tag, one.kind, one.before, one.after, one.event_id, one.provenance)
                     for one in reversed(page.items)]
            assert sorted(found, key=repr) == sorted(lines, key=repr)
            _compare(connection, (known_ns, unit_ns), (lines, times, present))
        everything = Paging(1000)
        for second in (-1, 2, 6):
            now = moments.page(connection, EVERYTHING, MomentFilter(BASE + second * unit_ns), everything)
            asked = MomentFilter(BASE + second * unit_ns, known_ns=BASE + 200 * unit_ns)
            assert moments.page(connection, EVERYTHING, asked, everything) == now
        stored = changes.page(connection, EVERYTHING, ChangeFilter(), everything)
        asked_all = HistoryFilter(known_ns=BASE + 200 * unit_ns)
        assert histories.page(connection, EVERYTHING, asked_all, everything) == stored


def _compare(
    connection: Connection, when: tuple[int, int],
    expected: tuple[list[Line], dict[str, int], dict[tuple[str, str], tuple[str, bool]]],
) -> None:
    """Moments and differences as they were known, with what the reference's lines say."""
    (known_ns, unit_ns), (lines, times, present) = when, expected
    keys = {(line.repository, line.tag) for line in lines}
    states: dict[int, dict[tuple[str, str], str]] = {}
    for second in (-1, 2, 6):
        states[second] = {key: at(lines, times, key, second) for key in keys}
        asked = MomentFilter(BASE + second * unit_ns, known_ns=known_ns)
        found = moments.page(connection, EVERYTHING, asked, Paging(1000)).items
        shown = {(one.repository, one.tag): one.digest or one.state.replace("not-known", "unknown") for one in found}
        assert shown == states[second]
        if second == 6:
            assert {(one.repository, one.tag): one.ambiguous for one in found} == {
                key: ambiguous for key, (_, ambiguous) in present.items() if key in keys
            }
    for since, until in ((-1, 6), (-1, 2), (2, 6)):
        asked_diff = DiffFilter(BASE + since * unit_ns, BASE + until * unit_ns, known_ns=known_ns)
        differences = diff.page(connection, EVERYTHING, asked_diff, Paging(1000)).items
        assert {(one.repository, one.tag): (one.before, one.after) for one in differences} == {
            key: (states[since][key], states[until][key])
            for key in keys if states[since][key] != states[until][key]
        }


NAME = st.text(st.sampled_from("ab/.é\n"), min_size=1, max_size=8)
PATTERN = st.text(st.sampled_from("ab/.é\n*?"), min_size=1, max_size=8)


def matches(pattern: str, text: str) -> bool:
    """What a pattern means, told by recursion."""
    if not pattern:
        return not text
    if pattern.startswith("**"):
        return any(matches(pattern[2:], text[at:]) for at in range(len(text) + 1))
    if pattern[0] == "*":
        stop = text.find("/") if "/" in text else len(text)
        return any(matches(pattern[1:], text[at:]) for at in range(stop + 1))
    fits = bool(text) and (text[0] == pattern[0] or (pattern[0] == "?" and text[0] != "/"))
    return fits and matches(pattern[1:], text[1:])


@settings(max_examples=40)
@given(names=st.lists(NAME, min_size=1, max_size=6, unique=True), patterns=st.lists(PATTERN, min_size=1, max_size=10))
def test_patterns_mean_the_same_everywhere(engine: Engine, names: list[str], patterns: list[str]) -> None:
    table = schema.repositories
    with writing(engine) as connection:
        connection.execute(delete(table))
        connection.execute(table.insert(), [
            {"registry": HOST, "repository": name, "first_ns": at, "first_seq": at} for at, name in enumerate(names)
        ])
        assert len(connection.execute(select(table)).all()) == len(names)
        for pattern in patterns:
            found = repositories.page(connection, EVERYTHING, RepositoryFilter(repository=pattern), Paging()).items
            assert {one.repository for one in found} == {name for name in names if matches(pattern, name)}, pattern


@settings(max_examples=60)
@given(world=worlds(), unit_ns=st.sampled_from([1, 40 * 10**9]))
def test_each_question_is_answered_as_it_would_have_been_then(
    engine: Engine, world: list[tuple[Told, int]], unit_ns: int
) -> None:
    answered: dict[int, Any] = {}

    def ask(received_ns: int) -> None:
        with reading(engine) as connection:
            answered[received_ns] = _answers(connection, None)

    have_received(engine, world, unit_ns, ask)
    with reading(engine) as connection:
        for known_ns, answers in answered.items():
            assert _answers(connection, known_ns) == answers


def _answers(connection: Connection, known_ns: int | None) -> list[Any]:
    did = activity.page(connection, EVERYTHING, EventFilter(known_ns=known_ns), Paging(1000))
    deeds = [replace(deed, outcome=tuple(one for one in deed.outcome if one.kind != "void")) for deed in did.items]
    told = [digests.story(connection, EVERYTHING, digest, 2, known_ns) for digest in DIGESTS]
    seen = [repositories.page(connection, EVERYTHING, RepositoryFilter(None, one, known_ns=known_ns), Paging()).items
            for one in (None, "a")]
    return [deeds, *told, *seen]

"""What people ask of the store, on both databases."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import HOST, A, B, C, an_event, moment, take_in
from sqlalchemy import Connection, Engine
from sqlalchemy.event import listens_for

from app.domain.access import EVERYTHING
from app.domain.changes import TagKey
from app.domain.origins import Origin
from app.envelopes import Received
from app.store import quarantine as quarantined
from app.store.engine import make_engine, reading, writing
from app.store.migrate import upgrade
from app.store.queries import changes, deliveries, digests, events, moments, quarantine, tags
from app.store.queries.changes import ChangeFilter
from app.store.queries.conditions import registries_with
from app.store.queries.deliveries import DeliveryFilter
from app.store.queries.events import EventFilter
from app.store.queries.moments import MomentFilter
from app.store.queries.paging import CursorError, Page, Paging, encode
from app.store.queries.quarantine import QuarantineFilter
from app.store.queries.tags import TagFilter
from app.usecases.ingest import reject

HUB = Origin("hub", "distribution", ("docker.io",))
STABLE = TagKey(HOST, "shop/web", "stable")


def stable(second: float, digest: str | None = A, **over: Any) -> dict[str, Any]:
    """A push of stable, or its delete where `digest` is None."""
    return an_event(second=second, digest=digest, action="push" if digest else "delete", **over)


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """After a story: A at 10 by alice, B at 20 by bob, gone at 30, A again at 40; api:v1 is B; hub has B too."""
    take_in(
        engine,
        stable(10),
        stable(20, B, actor="bob", addr="192.0.2.8:1"),
        an_event(second=25, action="pull", digest=B, actor="puller"),
        stable(30, None, actor="carol"),
        stable(40, A),
        an_event(second=50, repository="shop/api", tag="v1", digest=B, actor=None),
    )
    take_in(engine, an_event(second=60, tag="latest", digest=B, host="docker.io", actor="bob"), origin=HUB)
    with reading(engine) as opened:
        yield opened


def seconds(page: Page[Any]) -> list[float]:
    return [(item.time_ns - moment(0)) / 1e9 for item in page.items]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (EventFilter(), [60, 50, 40, 30, 25, 20, 10]),
        (EventFilter(registry="docker.io"), [60]),
        (EventFilter(repository="shop/web"), [60, 40, 30, 25, 20, 10]),
        (EventFilter(registry=HOST, repository="shop/web"), [40, 30, 25, 20, 10]),
        (EventFilter(repository="shop/api", tag="v1"), [50]),
        (EventFilter(digest=B), [60, 50, 25, 20]),
        (EventFilter(actor="bob"), [60, 20]),
        (EventFilter(action="pull"), [25]),
        (EventFilter(origin="hub"), [60]),
        (EventFilter(since_ns=moment(30), until_ns=moment(50)), [40, 30]),
        (EventFilter(since_ns=-(10**30), until_ns=10**30), [60, 50, 40, 30, 25, 20, 10]),
        (EventFilter(repository="nobody/knows"), []),
        (EventFilter(actor="nul\0 and \ud800"), []),
    ],
)
def test_events_are_filtered(connection: Connection, asked: EventFilter, expected: list[int]) -> None:
    assert seconds(events.page(connection, EVERYTHING, asked, Paging())) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (ChangeFilter(), [60, 50, 40, 30, 20, 10]),
        (ChangeFilter(registry=HOST), [50, 40, 30, 20, 10]),
        (ChangeFilter(repository="shop/web"), [60, 40, 30, 20, 10]),
        (ChangeFilter(tag="stable"), [40, 30, 20, 10]),
        (ChangeFilter(digest=A), [40, 20, 10]),
        (ChangeFilter(digest=B), [60, 50, 30, 20]),
        (ChangeFilter(digest=C), []),
        (ChangeFilter(actor="carol"), [30]),
        (ChangeFilter(kind="restored"), [40]),
        (ChangeFilter(kind="void"), []),
        (ChangeFilter(origin="prod", until_ns=moment(20)), [10]),
        (ChangeFilter(repository="shop/web", since_ns=moment(20), until_ns=moment(41)), [40, 30, 20]),
    ],
)
def test_changes_are_filtered(connection: Connection, asked: ChangeFilter, expected: list[int]) -> None:
    assert seconds(changes.page(connection, EVERYTHING, asked, Paging())) == expected


def test_a_change_says_where_its_event_came_from(connection: Connection) -> None:
    (line,) = changes.page(connection, EVERYTHING, ChangeFilter(kind="moved"), Paging()).items
    assert (line.before, line.after, line.actor) == (A, B, "bob")
    assert (line.request_addr, line.user_agent) == ("192.0.2.8:1", "docker/28.1.1 go/go1.24")


def test_void_lines_only_when_asked(engine: Engine) -> None:
    take_in(engine, stable(0, A), stable(20, B), stable(10, B))
    with reading(engine) as connection:
        assert seconds(changes.page(connection, EVERYTHING, ChangeFilter(), Paging())) == [10, 0]
        assert seconds(changes.page(connection, EVERYTHING, ChangeFilter(void=True), Paging())) == [20, 10, 0]
        assert seconds(changes.page(connection, EVERYTHING, ChangeFilter(kind="void"), Paging())) == [20]
        assert seconds(changes.page(connection, EVERYTHING, ChangeFilter(digest=B, void=True), Paging())) == [20, 10]


def test_an_event_with_its_bytes(connection: Connection) -> None:
    newest = events.page(connection, EVERYTHING, EventFilter(), Paging(1)).items[0]
    found = events.one(connection, EVERYTHING, newest.seq)
    assert found is not None
    line, raw = found
    assert line == newest
    assert b'"tag": "latest"' in raw
    assert [events.one(connection, EVERYTHING, seq) for seq in (0, 999, -1, 2**63)] == [None] * 4


LISTS: list[Callable[[Connection, Paging], Page[Any]]] = [
    lambda connection, paging: events.page(connection, EVERYTHING, EventFilter(), paging),
    lambda connection, paging: events.page(connection, EVERYTHING, EventFilter(repository="shop/web"), paging),
    lambda connection, paging: changes.page(connection, EVERYTHING, ChangeFilter(), paging),
    lambda connection, paging: changes.page(connection, EVERYTHING, ChangeFilter(digest=B), paging),
    lambda connection, paging: tags.page(connection, EVERYTHING, TagFilter(removed=True), paging),
    lambda connection, paging: digests.periods(connection, EVERYTHING, A, paging),
]


@pytest.mark.parametrize("ask", LISTS)
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_join_to_the_whole_list(
    connection: Connection, ask: Callable[[Connection, Paging], Page[Any]], limit: int
) -> None:
    whole = ask(connection, Paging(1000))
    assert whole.next is None
    assert len(whole.items) >= 2
    joined: list[Any] = []
    cursor = None
    for _ in range(len(whole.items)):
        page = ask(connection, Paging(limit, cursor))
        assert len(page.items) <= limit
        joined += page.items
        cursor = page.next
        if cursor is None:
            break
    assert tuple(joined) == whole.items


def test_one_instant_is_paged_without_loss(engine: Engine) -> None:
    """One manifest delete at one instant takes many tags: the key must tell its changes apart."""
    take_in(engine, *(an_event(second=0, tag=f"t{number}") for number in range(5)))
    take_in(engine, an_event(second=1, action="delete", tag=None))
    with reading(engine) as connection:
        cursor, found = None, []
        for _ in range(10):
            page = changes.page(connection, EVERYTHING, ChangeFilter(kind="removed"), Paging(2, cursor))
            found += [line.tag for line in page.items]
            cursor = page.next
            if cursor is None:
                break
    assert sorted(found) == ["t0", "t1", "t2", "t3", "t4"]


@pytest.mark.parametrize(
    "cursor",
    ["", "!", "ä", "AAAA", "W10", encode([1]), encode(["1", 2]), encode([1, 2, 3]), encode([True, 1]),
     encode([2**63, 1]), encode([1.5, 2]), encode({"a": 1, "b": 2})],  # type: ignore[arg-type]  what must be refused
)
def test_a_foreign_cursor_is_refused(connection: Connection, cursor: str) -> None:
    with pytest.raises(CursorError, match="not a cursor"):
        events.page(connection, EVERYTHING, EventFilter(), Paging(cursor=cursor))


def test_a_cursor_with_nul_is_refused(connection: Connection) -> None:
    with pytest.raises(CursorError):
        tags.page(connection, EVERYTHING, TagFilter(), Paging(cursor=encode(["a\0", "b", "c"])))


def test_tags_and_tombstones(engine: Engine) -> None:
    take_in(engine, stable(10), stable(20, None), an_event(second=5, tag="kept", digest=B))
    with reading(engine) as connection:
        (kept,) = tags.page(connection, EVERYTHING, TagFilter(), Paging()).items
        assert (kept.tag, kept.digest, kept.since_ns) == ("kept", B, moment(5))
        assert (kept.actor, kept.kind, kept.origin) == ("alice", "created", "prod")
        both = tags.page(connection, EVERYTHING, TagFilter(repository="shop/web", removed=True), Paging()).items
        assert [(line.tag, line.digest) for line in both] == [("kept", B), ("stable", None)]
        assert tags.page(connection, EVERYTHING, TagFilter(digest=A), Paging()).items == ()


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (9.999999999, ("not-known", None, None, 10, None)),
        (10, ("present", A, 10, 20, "alice")),
        (19.999999999, ("present", A, 10, 20, "alice")),
        (20, ("present", B, 20, 30, "bob")),
        (35, ("absent", None, 30, 40, "carol")),
        (40, ("present", A, 40, None, "alice")),
        (10**12, ("present", A, 40, None, "alice")),
    ],
)
def test_a_tag_at_a_moment(connection: Connection, second: float, expected: tuple[Any, ...]) -> None:
    state, digest, since, until, actor = expected
    found = changes.at(connection, EVERYTHING, STABLE, moment(second))
    assert found is not None
    assert (found.state, found.digest, found.ambiguous) == (state, digest, False)
    assert found.since_ns == (None if since is None else moment(since))
    assert found.until_ns == (None if until is None else moment(until))
    assert (found.change.actor if found.change else None) == actor


def test_a_tag_without_history_has_no_moment(connection: Connection) -> None:
    assert changes.at(connection, EVERYTHING, TagKey(HOST, "shop/web", "never"), moment(10)) is None
    assert changes.at(connection, EVERYTHING, TagKey("docker.io", "shop/web", "stable"), moment(10)) is None


STEPS = {
    "a": {"digest": A},
    "b": {"digest": B},
    "numbered": {"digest": C, "sequence": 7},
    "drop": {"digest": None, "action": "delete"},
    "wipe": {"digest": None, "action": "delete", "tag": None},
}


def test_ambiguity_agrees_with_the_fold(engine: Engine) -> None:
    """Whatever follows an instant of two digests, `at` finds from events what the fold noted as the tag's present."""
    cases = list(itertools.product(STEPS, STEPS, (0, 1)))
    for number, (first, second, apart) in enumerate(cases):
        here = {"repository": f"case/{number}"}
        take_in(engine, stable(0, A, **here), stable(0, B, **here), an_event(**here | STEPS[first]),
                an_event(second=apart, **here | STEPS[second]))
    with reading(engine) as connection:
        present = tags.page(connection, EVERYTHING, TagFilter(removed=True), Paging(1000)).items
        assert len(present) == len(cases)
        assert {line.ambiguous for line in present} == {True, False}
        for line in present:
            found = changes.at(connection, EVERYTHING, TagKey(HOST, line.repository, "stable"), moment(100))
            assert found is not None
            case = cases[int(line.repository.removeprefix("case/"))]
            assert (case, found.digest, found.ambiguous) == (case, line.digest, line.ambiguous)


def test_ambiguity_of_the_past(engine: Engine) -> None:
    take_in(engine, stable(0, A), stable(0, B), stable(10, C))
    with reading(engine) as connection:
        found = [changes.at(connection, EVERYTHING, STABLE, moment(second)) for second in (0, 5, 10)]
    assert [moment and moment.ambiguous for moment in found] == [True, True, False]


def test_registries_that_know_a_repository(connection: Connection) -> None:
    assert registries_with(connection, EVERYTHING, "shop/web") == ["docker.io", HOST]
    assert registries_with(connection, EVERYTHING, "shop/api") == [HOST]
    assert registries_with(connection, EVERYTHING, "nobody/knows") == []


def test_the_story_of_a_digest(connection: Connection) -> None:
    found = digests.story(connection, EVERYTHING, B, 100)
    assert found is not None
    assert found.first_push is not None
    assert (found.first_push.actor, found.first_push.time_ns) == ("bob", moment(20))
    assert seconds(found.pushes) == [60, 50, 20]
    assert [(line.registry, line.repository, line.tag) for line in found.tags_now.items] == [
        ("docker.io", "shop/web", "latest"), (HOST, "shop/api", "v1"),
    ]
    assert [(line.tag, line.since_ns, line.until_ns) for line in found.periods.items] == [
        ("latest", moment(60), None), ("v1", moment(50), None), ("stable", moment(20), moment(30)),
    ]
    places = [(place.registry, place.repository) for place in found.repositories]
    assert places == [("docker.io", "shop/web"), (HOST, "shop/api"), (HOST, "shop/web")]
    assert digests.story(connection, EVERYTHING, C, 100) is None


def test_a_digest_twice_on_one_tag_has_two_periods(connection: Connection) -> None:
    found = digests.periods(connection, EVERYTHING, A, Paging())
    assert [(line.since_ns, line.until_ns) for line in found.items] == [(moment(40), None), (moment(10), moment(20))]


def test_a_void_line_ends_no_period(engine: Engine) -> None:
    take_in(engine, stable(0, A), stable(20, B), stable(10, B))
    with reading(engine) as connection:
        (found,) = digests.periods(connection, EVERYTHING, B, Paging()).items
    assert (found.since_ns, found.until_ns) == (moment(10), None)


def test_a_period_within_one_instant(engine: Engine) -> None:
    take_in(engine, stable(0, A, id="1"), stable(0, B, id="2"))
    with reading(engine) as connection:
        (found,) = digests.periods(connection, EVERYTHING, A, Paging()).items
    assert (found.since_ns, found.until_ns) == (moment(0), moment(0))


def test_digests_by_their_beginning(connection: Connection) -> None:
    assert digests.starting_with(connection, EVERYTHING, "sha256:bbbbbb", 5) == [B]
    assert digests.starting_with(connection, EVERYTHING, "sha256:", 5) == [A, B]
    assert digests.starting_with(connection, EVERYTHING, "sha256:", 1) == [A]
    assert digests.starting_with(connection, EVERYTHING, "sha256:abc", 5) == []


def test_the_quarantine(engine: Engine) -> None:
    first, second = (reject("prod", Received(body), moment(at), ("unreadable", "not JSON"), "text/plain")
                     for at, body in enumerate((b"one", b"two")))
    with writing(engine) as connection:
        quarantined.add(connection, [first, second])
        quarantined.resolve(connection, first.id, moment(5))
    with reading(engine) as connection:
        open_ones = quarantine.page(connection, EVERYTHING, QuarantineFilter(), Paging()).items
        assert [line.id for line in open_ones] == [second.id]
        every = quarantine.page(connection, EVERYTHING, QuarantineFilter(resolved=True), Paging()).items
        assert [line.resolved_ns for line in every] == [None, moment(5)]
        assert quarantine.page(connection, EVERYTHING, QuarantineFilter(origin="hub"), Paging()).items == ()
        found = quarantine.one(connection, EVERYTHING, first.id)
        assert found is not None
        assert (found[0].length, found[1]) == (3, b"one")
        assert quarantine.one(connection, EVERYTHING, "nul\0") is None


def plans_of(path: Path, ask: Callable[[Connection], object]) -> list[str]:
    """SQLite's plans, which without statistics depend on nothing but the schema."""
    engine = make_engine(f"sqlite:///{path}/plans.db")
    upgrade(engine)
    take_in(engine, stable(10), stable(20, B))
    plans: list[str] = []

    @listens_for(engine, "before_cursor_execute")
    def explain(_connection: Any, cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        rows = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
        plans.extend(f"{row[3]}: {' '.join(statement.split())}" for row in rows)

    with reading(engine) as connection:
        ask(connection)
    engine.dispose()
    return plans


def test_a_page_of_what_was_known_ends_with_its_last_tag(tmp_path: Path) -> None:
    """Neither sorted nor told apart among all that the repositories of a pattern were told."""
    asked = MomentFilter(moment(20), repository="shop/*", known_ns=moment(20))
    plans = plans_of(tmp_path, lambda connection: moments.page(connection, EVERYTHING, asked, Paging(10)))
    tags_told = [plan for plan in plans if "SELECT DISTINCT" in plan]
    assert tags_told
    assert [plan for plan in tags_told if "TEMP B-TREE" in plan] == []


def test_no_question_reads_a_whole_table(tmp_path: Path) -> None:
    plans = plans_of(tmp_path, ask_everything)
    assert any("USING INDEX ix_events_digest" in plan for plan in plans)
    tables = ("events", "changes", "tags", "deliveries", "quarantine", "attempts", "delivery_changes")
    assert [plan for plan in plans if plan.startswith(tuple(f"SCAN {table}:" for table in tables))] == []


def ask_everything(connection: Connection) -> None:
    event_cursor = events.page(connection, EVERYTHING, EventFilter(), Paging(1)).next
    for asked in (EventFilter(), EventFilter(repository="shop/web"), EventFilter(digest=B), EventFilter(actor="bob")):
        events.page(connection, EVERYTHING, asked, Paging(10))
        events.page(connection, EVERYTHING, asked, Paging(10, event_cursor))
    change_cursor = changes.page(connection, EVERYTHING, ChangeFilter(), Paging(1)).next
    for about in (ChangeFilter(), ChangeFilter(repository="shop/web", tag="stable"), ChangeFilter(digest=B)):
        changes.page(connection, EVERYTHING, about, Paging(10))
        changes.page(connection, EVERYTHING, about, Paging(10, change_cursor))
    tags.page(connection, EVERYTHING, TagFilter(repository="shop/web"), Paging(10))
    tags.page(connection, EVERYTHING, TagFilter(digest=B), Paging(10))
    changes.at(connection, EVERYTHING, STABLE, moment(20))
    digests.story(connection, EVERYTHING, B, 10)
    digests.starting_with(connection, EVERYTHING, "sha256:bbbbbb", 5)
    deliveries.page(connection, EVERYTHING, DeliveryFilter(), Paging(10))
    quarantine.page(connection, EVERYTHING, QuarantineFilter(), Paging(10))
    registries_with(connection, EVERYTHING, "shop/web")


def test_tags_that_only_add_to_a_manifest_say_to_which(engine: Engine) -> None:
    tag = f"{A.replace(':', '-')}.sig"
    take_in(engine, an_event(tag=tag, digest=B), an_event())
    with reading(engine) as connection:
        told = changes.page(connection, EVERYTHING, ChangeFilter(), Paging()).items
        now = tags.page(connection, EVERYTHING, TagFilter(), Paging()).items
    assert {line.tag: line.referrer for line in told} == {line.tag: line.referrer for line in now} == {
        tag: A, "stable": None
    }

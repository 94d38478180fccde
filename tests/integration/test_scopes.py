"""Scopes as SQL: on both databases the conditions say what `AccessScope.allows` says, and both what a glob means."""

import inspect
import itertools
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib import import_module
from typing import Any, get_type_hints

import pytest
from builders import HOST, A, B, C, add_delivery, an_event, moment, take_in
from hypothesis import example, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.event import listens_for

from app.domain.access import EVERYTHING, AccessScope
from app.store import deliveries as delivered
from app.store import queries, rule_texts, schema
from app.store.deliveries import Link
from app.store.engine import make_engine, reading, writing
from app.store.migrate import upgrade
from app.store.queries import changes, deliveries, digests, events, tags
from app.store.queries.changes import ChangeFilter
from app.store.queries.conditions import registries_with
from app.store.queries.deliveries import DeliveryFilter
from app.store.queries.events import EventFilter
from app.store.queries.paging import Paging
from app.store.queries.tags import TagFilter

SHOP = AccessScope.parse([f"{HOST}/shop/*"])
SHAPES = {
    "one repository": [f"{HOST}/shop/web"],
    "two repositories": [f"{HOST}/shop/web", f"{HOST}/shop/api"],
    "a folder": [f"{HOST}/shop/*"],
    "a tree": [f"{HOST}/shop/**"],
    "any registry": ["*/shop/w?b"],
}


def glob_means(pattern: str, text: str) -> bool:
    """What docs/rules.md says of patterns, letter by letter."""
    if not pattern:
        return not text
    if pattern.startswith("**"):
        return any(glob_means(pattern[2:], text[at:]) for at in range(len(text) + 1))
    if pattern[0] == "*":
        ends = itertools.takewhile(lambda at: "/" not in text[:at], range(len(text) + 1))
        return any(glob_means(pattern[1:], text[at:]) for at in ends)
    if not text or (pattern[0] == "?" and text[0] == "/"):
        return False
    return pattern[0] in ("?", text[0]) and glob_means(pattern[1:], text[1:])


def scope_means(globs: list[str], registry: str, repository: str) -> bool:
    halves = [glob.split("/", 1) for glob in globs]
    return any(glob_means(first, registry) and glob_means(second, repository) for first, second in halves)


TEXTS = st.text("ab/.-\\[]^$%_|(){}+\n\té", min_size=1, max_size=7)
PIECES = ["a", "b", "/", "*", "**", "?", ".", "\\", "[", "%", "_", "$", "é", "{1}"]
PARTS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join)
GLOBS = st.lists(st.tuples(PARTS.filter(lambda text: "/" not in text), PARTS).map("/".join), max_size=3)


@contextmanager
def rolled_back(engine: Engine) -> Iterator[Connection]:
    with writing(engine) as connection:
        yield connection
        connection.rollback()


@examples(max_examples=150)
@given(places=st.lists(st.tuples(TEXTS, TEXTS), unique=True, max_size=8), globs=GLOBS, limit=st.integers(1, 4))
@example(places=[("a", "b"), ("a", "b\n"), ("a\n", "b")], globs=["a/b"], limit=1)
@example(places=[("a", "b\n"), ("a", "b/\n"), ("a", "b/c")], globs=["a/?", "a/*/?"], limit=1)
@example(places=[("a", "a%"), ("a", "ab"), ("a", "a_")], globs=["a/a%*"], limit=2)
def test_the_conditions_agree_with_allows(
    engine: Engine, places: list[tuple[str, str]], globs: list[str], limit: int
) -> None:
    scope = AccessScope.parse(globs)
    expected = {place for place in places if scope_means(globs, *place)}
    assert {place for place in places if scope.allows(*place)} == expected
    rows = [
        {"registry": registry, "repository": repository, "tag": "t", "digest": A, "change_id": "c", "ambiguous": False,
         "since_ns": 1, "last_ns": 1}
        for registry, repository in places
    ]
    with rolled_back(engine) as connection:
        if rows:
            connection.execute(insert(schema.tags), rows)
        found = []
        cursor = None
        while True:
            page = tags.page(connection, scope, TagFilter(), Paging(limit, cursor))
            found += [(line.registry, line.repository) for line in page.items]
            cursor = page.next
            if cursor is None:
                break
            assert len(page.items) == limit, "a page is short only at the end"
    assert len(found) == len(set(found))
    assert set(found) == expected


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """shop/web: A, then B; secret/vault: B before everybody, then C; a blob that came from the vault."""
    mounted = an_event(second=50, action="mount", digest="sha256:" + "d" * 64, tag=None)
    mounted["target"]["fromRepository"] = "secret/vault"
    take_in(
        engine,
        an_event(second=5, repository="secret/vault", digest=B, actor="mallory"),
        an_event(second=10),
        an_event(second=20, digest=B, actor="bob"),
        an_event(second=30, repository="secret/vault", digest=C, actor="mallory"),
        an_event(second=40, repository="shop/web/deep", digest=C),
        mounted,
    )
    with reading(engine) as opened:
        yield opened


def places(items: Any) -> set[tuple[str, str]]:
    return {(item.registry, item.repository) for item in items}


def test_lists(connection: Connection) -> None:
    for page, asked in ((events.page, EventFilter()), (changes.page, ChangeFilter()), (tags.page, TagFilter())):
        assert places(page(connection, SHOP, asked, Paging()).items) == {(HOST, "shop/web")}  # type: ignore[operator]
        assert page(connection, AccessScope(()), asked, Paging()).items == ()  # type: ignore[operator]
        assert len(places(page(connection, EVERYTHING, asked, Paging()).items)) == 3  # type: ignore[operator]
    assert changes.page(connection, SHOP, ChangeFilter(digest=C), Paging()).items == ()
    assert events.page(connection, SHOP, EventFilter(repository="secret/vault"), Paging()).items == ()
    assert changes.page(connection, SHOP, ChangeFilter(actor="mallory"), Paging()).items == ()


def test_single_things(connection: Connection) -> None:
    assert changes.at(connection, SHOP, changes.TagKey(HOST, "shop/web", "stable"), moment(100)) is not None
    assert changes.at(connection, SHOP, changes.TagKey(HOST, "secret/vault", "stable"), moment(100)) is None
    assert registries_with(connection, SHOP, "shop/web") == [HOST]
    assert registries_with(connection, SHOP, "secret/vault") == []
    visible = [seq for seq in range(1, 8) if events.one(connection, SHOP, seq) is not None]
    assert visible == [2, 3]


def test_a_digest_has_only_what_may_be_seen(connection: Connection) -> None:
    found = digests.story(connection, SHOP, B, 100)
    assert found is not None
    assert found.first_push is not None
    assert (found.first_push.actor, found.first_push.repository) == ("bob", "shop/web"), "the first in scope"
    for lines in (found.pushes.items, found.tags_now.items, found.periods.items, found.repositories):
        assert places(lines) == {(HOST, "shop/web")}
    assert digests.story(connection, SHOP, B, 100, 2**62) == found, "also as it was known"
    whole = digests.story(connection, EVERYTHING, B, 100)
    assert whole is not None
    assert whole.first_push is not None
    assert whole.first_push.actor == "mallory"
    assert digests.story(connection, SHOP, C, 100) is None, "as if nobody had told of it"
    assert digests.starting_with(connection, SHOP, "sha256:", 5) == [A, B, "sha256:" + "d" * 64]


def test_where_a_blob_came_from(connection: Connection) -> None:
    (line,) = events.page(connection, SHOP, EventFilter(action="mount"), Paging()).items
    assert line.from_repository is None
    assert events.one(connection, SHOP, line.seq) is None, "its bytes name the repository"
    (whole,) = events.page(connection, EVERYTHING, EventFilter(action="mount"), Paging()).items
    assert whole.from_repository == "secret/vault"
    both = AccessScope.parse([f"{HOST}/shop/*", f"{HOST}/secret/vault"])
    shown = events.one(connection, both, line.seq)
    assert shown is not None
    assert shown[0].from_repository == "secret/vault"


def test_a_delivery_is_seen_if_all_that_it_tells_is(engine: Engine) -> None:
    add_delivery(engine, "inside", 1)
    add_delivery(engine, "outside", 2, repository="secret/vault")
    add_delivery(engine, "both", 3)
    add_delivery(engine, "nothing", 4)
    with writing(engine) as connection:
        link = Link("change-x", "trigger:web", "both", HOST, "secret/vault", "stable", "moved", A, B, "web", "1")
        connection.execute(insert(schema.delivery_changes).values(asdict(link)))
        connection.execute(schema.delivery_changes.delete().where(schema.delivery_changes.c.delivery_id == "nothing"))
        for number, name in enumerate(("inside", "outside", "both")):
            delivered.copy(connection, name, f"{name} again", moment(10 + number), moment(900))
            delivered.copy(connection, f"{name} again", f"{name} and again", moment(20 + number), moment(900))
        version = connection.execute(select(schema.deliveries.c.rule_version).limit(1)).scalar_one()
        rule_texts.keep(connection, {version: "when: {repository: secret/*}"})
    with reading(engine) as connection:
        told = [deliveries.one(connection, scope, "inside") for scope in (SHOP, EVERYTHING)]
        assert [one and one.rule_text for one in told] == [None, "when: {repository: secret/*}"]
        seen = [line.id for line in deliveries.page(connection, SHOP, DeliveryFilter(), Paging()).items]
        assert seen == ["inside and again", "inside again", "inside"]
        every = [line.id for line in deliveries.page(connection, EVERYTHING, DeliveryFilter(), Paging()).items]
        assert len(every) == 10
        assert [one for one in every if deliveries.one(connection, SHOP, one) is not None] == seen
        first = deliveries.page(connection, SHOP, DeliveryFilter(), Paging(2))
        rest = deliveries.page(connection, SHOP, DeliveryFilter(), Paging(2, first.next))
        assert [line.id for line in (*first.items, *rest.items)] == seen


@pytest.mark.parametrize("shape", SHAPES)
def test_no_scope_makes_a_page_sort_or_read_everything(sqlite_url: str, shape: str) -> None:
    """The access path is the question's, or better: the order comes from an index, and LIMIT ends the reading."""
    engine = make_engine(sqlite_url)
    upgrade(engine)
    plans: list[str] = []

    @listens_for(engine, "before_cursor_execute")
    def explain(_connection: Any, cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        rows = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
        plans.extend(row[3] for row in rows)

    scope = AccessScope.parse(SHAPES[shape])
    with reading(engine) as connection:
        events.page(connection, scope, EventFilter(), Paging(10))
    engine.dispose()
    assert plans
    assert not [step for step in plans if "TEMP B-TREE" in step], plans
    assert all("USING INDEX" in step for step in plans), plans
    if shape == "one repository":
        assert "ix_events_repository_time (registry=? AND repository=?)" in plans[0]


CONDITIONS = {"in_repository", "wanted"}
NO_QUESTIONS = {"paging", "known"}
"""Modules: one knows no tables, the other answers about the tags that a question has found in scope."""


def test_every_question_wants_a_scope() -> None:
    """A function of the queries that reads the database takes the scope of whoever asks as its second argument."""
    asked = 0
    for found in pkgutil.iter_modules(queries.__path__):
        module = import_module(f"{queries.__name__}.{found.name}")
        if found.name in NO_QUESTIONS:
            continue
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("_") or function.__module__ != module.__name__:
                continue
            hints = list(get_type_hints(function).items())
            if hints[0][1] is Connection and name not in CONDITIONS:
                asked += 1
                assert hints[1] == ("scope", AccessScope), f"{module.__name__}.{name} takes no scope"
    assert asked >= 12

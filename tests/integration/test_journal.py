"""Our registry loses no event and tells no false one (decision 13)."""

import json
import threading
from collections.abc import Iterator

import pytest
from journalling import CAUSE, Place, place
from sqlalchemy import Engine
from sqlalchemy.event import listen
from system import wait_until

from app.domain.digests import Digest
from app.domain.events import Scope
from app.envelopes import Received, parse
from app.envelopes.distribution import dump, envelope, with_ours
from app.registry import manifests
from app.registry.notify import Fact, Silent
from app.registry.storage.driver import StorageError
from app.store import journal
from app.store.engine import UnavailableError, make_engine, reading, writing
from app.usecases import record
from app.usecases.group_commit import GroupCommit
from app.usecases.record import dump_fact, load_fact
from app.usecases.settle_leftovers import OLD_NS, settle_leftovers

ONE, OTHER = b"one", b"other"
__all__ = ["place"]


class BrokenError(Exception):
    pass


@pytest.fixture
def broken_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Names of the moments at which the registry fails."""
    names: list[str] = []

    def pause(name: str) -> None:
        if name in names:
            raise BrokenError(name)

    monkeypatch.setattr(manifests, "pause", pause)
    return names


def tag_fact(place: Place, repository: str, tag: str, content: bytes) -> Fact:
    """What pushing `content` there would announce, without doing it."""
    other = Place(place.engine)
    pushed = other.push(repository, tag, content, Silent())
    return Fact("push", "manifest", repository, pushed, tag=tag)


def test_each_write_is_one_numbered_event_in_its_order(place: Place) -> None:
    blob = place.push_blob("shop/web", ONE)
    web = place.push("shop/web", "stable", ONE)
    place.registry.delete_tag("shop/web", "stable", place.listener)
    place.registry.delete_manifest("shop/web", web.digest, place.listener)
    assert place.told() == [
        (1, "push", None, str(blob.digest)),
        (2, "push", "stable", str(web.digest)),
        (3, "delete", "stable", None),
        (4, "delete", None, str(web.digest)),
    ]
    assert place.rings == 4


def test_a_commit_whose_answer_is_lost_doubles_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A group whose COMMIT fails is tried again, one by one; the database may have done it all the same."""

    def twice(commits: GroupCommit[record.Step], step: record.Step) -> None:
        commits._commit([step])
        commits._commit([step])

    blob = place.push_blob("shop/web", ONE)
    stable = place.push("shop/web", "stable", ONE)
    monkeypatch.setattr(GroupCommit, "submit", twice)
    place.push_blob("shop/web", ONE)
    place.push("shop/web", "stable", ONE)
    place.registry.delete_manifest("shop/web", stable.digest, place.listener)
    assert place.told() == [
        (1, "push", None, str(blob.digest)),
        (2, "push", "stable", str(stable.digest)),
        (3, "push", None, str(blob.digest)),
        (4, "push", "stable", str(stable.digest)),
        (5, "delete", None, str(stable.digest)),
        (6, "delete", "stable", None),
    ]
    with reading(place.engine) as connection:
        assert journal.unsettled(connection) == []


def test_pulls_whose_answer_is_lost_are_told_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    stable = place.push("shop/web", "stable", ONE)
    commit = GroupCommit.submit

    def lost(commits: GroupCommit[record.Step], step: record.Step) -> None:
        commit(commits, step)
        raise UnavailableError

    for submit in (lost, commit, commit):
        monkeypatch.setattr(GroupCommit, "submit", submit)
        place.listener.pulled(Fact("pull", "manifest", "shop/web", stable, tag="stable"))
        place.recorder.flush()
    assert [(seq, action) for seq, action, _tag, _digest in place.told()] == [
        (1, "push"), (2, "pull"), (3, "pull"), (4, "pull"),
    ]
    assert len({row.event for row in place.rows()}) == 4


def test_a_manifest_delete_tells_of_its_tags_behind_it(place: Place) -> None:
    web = place.push("shop/web", "stable", ONE)
    place.push("shop/web", "latest", ONE)
    place.registry.delete_manifest("shop/web", web.digest, place.listener)
    assert [(action, tag) for _seq, action, tag, _digest in place.told()[2:]] == [
        ("delete", None), ("delete", "latest"), ("delete", "stable"),
    ]
    operations = {row.operation for row in place.rows() if row.action == "delete"}
    assert len(operations) == 1


def test_an_event_says_what_the_request_did(place: Place) -> None:
    pushed = place.push("shop/web", "stable", ONE)
    (row,) = place.rows()
    (report,) = parse("distribution", Received(dump([json.loads(row.event)]))).reports
    assert (report.digest, report.tag, report.media_type, report.size) == (
        str(pushed.digest), "stable", pushed.media_type, pushed.size
    )
    assert (report.request_id, report.request_addr, report.host, report.user_agent) == (
        CAUSE.request_id, CAUSE.addr, CAUSE.host, CAUSE.user_agent
    )
    assert (report.actor, report.time_ns) == (None, row.opened_ns)
    assert "references" not in json.loads(row.event)["target"]


def test_references_are_told_where_configured(engine: Engine) -> None:
    place = Place(engine, references=True)
    place.push("shop/web", "stable", ONE)
    references = json.loads(place.rows()[0].event)["target"]["references"]
    assert [one["digest"] for one in references] == [str(Digest.of(b"{}")), str(Digest.of(ONE))]


def test_the_intent_stands_before_anything_moves(place: Place) -> None:
    seen = []
    with place.listener.writing([Fact("delete", "tag", "shop/web", tag="stable")]):
        seen = [(row.seq, row.action) for row in place.rows()]
    assert seen == [(None, "delete")]
    assert [row.seq for row in place.rows()] == [1]


@pytest.mark.parametrize(
    ("moment", "told"),
    [("registry.manifest.intent", False), ("registry.manifest.stored", False), ("registry.manifest.tagged", True)],
)
def test_after_a_failure_storage_says_what_is_told(
    place: Place, broken_at: list[str], moment: str, told: bool
) -> None:
    broken_at.append(moment)
    with pytest.raises(BrokenError):
        place.push("shop/web", "stable", ONE)
    assert [(action, tag) for _seq, action, tag, _digest in place.told()] == ([("push", "stable")] if told else [])
    assert len(place.rows()) == int(told), "no intent stays"
    assert place.rings == 1


@pytest.mark.parametrize("moved", [False, True])
def test_after_a_crash_storage_says_what_is_told(place: Place, moved: bool) -> None:
    fact = tag_fact(place, "shop/web", "stable", ONE)
    place.crash([fact], (lambda: place.push("shop/web", "stable", ONE, Silent())) if moved else None)
    assert settle_leftovers(place.engine, place.locks, place.registry.holds, at_start=True) == 1
    assert [tag for _seq, _action, tag, _digest in place.told()] == ["stable"] * moved
    assert settle_leftovers(place.engine, place.locks, place.registry.holds, at_start=True) == 0


def test_what_its_request_settled_meanwhile_keeps_its_number(place: Place) -> None:
    """A request that stood still, and who takes it for dead, may look at its intent at the same time (PostgreSQL)."""
    place.push("shop/web", "stable", ONE)
    place.crash([Fact("push", "blob", "shop/web", place.push_blob("shop/web", OTHER, Silent()))])
    with writing(place.engine) as connection:
        for _ in range(2):
            journal.settle_rows(connection, [row.id for row in place.rows()])
    assert [(seq, action) for seq, action, *_ in place.told()] == [(1, "push"), (2, "push")]
    with reading(place.engine) as connection:
        assert journal.head(connection)[1] == 2


def test_what_storage_can_not_show_now_is_settled_later(place: Place) -> None:
    for repository in ("shop/api", "shop/web"):
        place.crash([tag_fact(place, repository, "stable", ONE)])

    def holds(fact: Fact) -> bool:
        if fact.repository == "shop/api":
            raise StorageError("away")
        return place.registry.holds(fact)

    assert settle_leftovers(place.engine, place.locks, holds, at_start=True) == 1
    assert [row.repository for row in place.rows()] == ["shop/api"]
    assert settle_leftovers(place.engine, place.locks, place.registry.holds, at_start=True) == 1
    assert place.rows() == []


def test_of_a_delete_cut_in_two_only_what_happened_is_told(place: Place) -> None:
    web = place.push("shop/web", "stable", ONE)
    facts = [Fact("delete", "manifest", "shop/web", web), Fact("delete", "tag", "shop/web", tag="stable")]
    place.crash(facts, lambda: place.registry.delete_tag("shop/web", "stable", Silent()))
    settle_leftovers(place.engine, place.locks, place.registry.holds, at_start=True)
    assert place.told()[1:] == [(2, "delete", "stable", None)]
    assert len(place.rows()) == 2


def test_an_intent_that_is_young_may_have_a_request_behind_it(place: Place) -> None:
    place.crash([tag_fact(place, "shop/web", "stable", ONE)])
    assert settle_leftovers(place.engine, place.locks, place.registry.holds) == 0
    with writing(place.engine) as connection:
        connection.execute(record.journal.journal.update().values(opened_ns=place.rows()[0].opened_ns - OLD_NS))
    assert settle_leftovers(place.engine, place.locks, place.registry.holds) == 1
    assert place.rows() == []


def test_at_a_start_a_blob_that_another_machine_is_pushing_is_waited_for(place: Place) -> None:
    """A journal in PostgreSQL may have more of them."""
    alone = place.engine.dialect.name == "sqlite"
    place.crash([Fact("push", "blob", "shop/web", place.push_blob("shop/web", ONE, Silent()))])
    place.crash([tag_fact(place, "shop/web", "stable", ONE)])
    assert settle_leftovers(place.engine, place.locks, place.registry.holds, at_start=True) == 1 + alone
    assert [load_fact(row.fact).kind for row in place.rows()] == ["blob"]
    assert (place.rows()[0].seq is not None) == alone


def test_nobody_waits_for_the_journal_while_storage_is_asked(place: Place) -> None:
    place.crash([tag_fact(place, "shop/web", "stable", ONE)])
    pushed: list[bool] = []

    def holds(fact: Fact) -> bool:
        pushing = threading.Thread(target=place.push, args=("shop/api", "stable", OTHER))
        pushing.start()
        pushing.join(5)
        pushed.append(not pushing.is_alive())
        return place.registry.holds(fact)

    assert settle_leftovers(place.engine, place.locks, holds, at_start=True) == 1
    assert pushed == [True]


def test_whoever_holds_the_repository_is_waited_for(place: Place) -> None:
    place.crash([tag_fact(place, "shop/web", "stable", ONE)])
    with place.locks.repository("shop/web"):
        settling = threading.Thread(
            target=settle_leftovers,
            args=(place.engine, place.locks, place.registry.holds),
            kwargs={"at_start": True},
        )
        settling.start()
        settling.join(0.2)
        assert settling.is_alive()
        assert len(place.rows()) == 1
    settling.join(10)
    assert place.rows() == []


def test_the_next_write_of_a_repository_settles_what_a_dead_one_left(place: Place) -> None:
    """Else it would cover its traces, and a push that clients saw would never be told."""
    place.crash(
        [tag_fact(place, "shop/web", "stable", ONE)], lambda: place.push("shop/web", "stable", ONE, Silent())
    )
    place.crash([tag_fact(place, "shop/api", "stable", ONE)])
    place.push("shop/web", "stable", OTHER)
    assert [(seq, tag) for seq, _action, tag, _digest in place.told()] == [(1, "stable"), (2, "stable")]
    assert len({digest for *_, digest in place.told()}) == 2
    assert [row.repository for row in place.rows() if row.seq is None] == ["shop/api"], "its lock is not held"


def test_a_blob_under_way_is_not_taken_for_left(place: Place) -> None:
    """Blobs are written without the repository's lock."""
    fact = Fact("push", "blob", "shop/web", place.push_blob("shop/web", ONE, Silent()))
    with place.listener.writing([fact]):
        place.push("shop/web", "stable", OTHER)
    assert [(action, tag) for _seq, action, tag, _digest in place.told()] == [("push", "stable"), ("push", None)]


def test_pulls_are_written_in_groups(place: Place) -> None:
    pushed = place.push("shop/web", "stable", ONE)
    for _ in range(3):
        place.listener.pulled(Fact("pull", "manifest", "shop/web", pushed, tag="stable"))
    assert len(place.rows()) == 1
    place.recorder.flush()
    assert [(seq, action) for seq, action, _tag, _digest in place.told()[1:]] == [(2, "pull"), (3, "pull"), (4, "pull")]
    rings = place.rings
    place.recorder.flush()
    assert (place.rings, len(place.rows())) == (rings, 4), "nothing to write, nobody to wake"


def test_pulls_wait_while_the_database_is_away(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    pushed = place.push("shop/web", "stable", ONE)

    def away(*_arguments: object) -> None:
        raise UnavailableError("away")

    place.listener.pulled(Fact("pull", "manifest", "shop/web", pushed))
    with monkeypatch.context() as patch:
        patch.setattr(journal, "append", away)
        place.recorder.flush()
    assert len(place.rows()) == 1
    place.recorder.flush()
    assert [action for _seq, action, _tag, _digest in place.told()] == ["push", "pull"]


def test_pulls_that_can_not_be_written_keep_none_back_that_follow(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "PULLS_EVERY_S", 0.01)
    pushed = place.push("shop/web", "stable", ONE)
    tried = threading.Event()

    def spoilt(*_: object) -> None:
        tried.set()
        raise BrokenError

    with monkeypatch.context() as patched:
        patched.setattr(journal, "append", spoilt)
        place.listener.pulled(Fact("pull", "manifest", "shop/web", pushed))
        assert tried.wait(5)
    place.listener.pulled(Fact("pull", "manifest", "shop/web", pushed, tag="stable"))
    wait_until("the pull is told", lambda: place.told()[-1][1:3] == ("pull", "stable"))


def test_if_the_intent_cannot_be_written_nothing_moves(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_arguments: object) -> None:
        raise UnavailableError("away")

    monkeypatch.setattr(journal, "open_intents", away)
    with pytest.raises(UnavailableError):
        place.push("shop/web", "stable", ONE)
    assert place.registry.tags("shop/web", "", None) == ([], False) if place.rows() else True
    assert place.rows() == []


def test_many_writers_number_their_events_without_gaps(place: Place) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for count in range(5):
                place.push(f"shop/r{number % 3}", f"t{number}", b"%d" % count)
        except BaseException as error:  # noqa: BLE001 - reported below
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [seq for seq, *_ in place.told()] == list(range(1, 41))
    with reading(place.engine) as connection:
        assert journal.head(connection)[1] == 40


@pytest.mark.parametrize("named", [False, True])
def test_a_fact_is_read_back_as_far_as_storage_needs_it(place: Place, named: bool) -> None:
    descriptor = place.push_blob("shop/web", ONE, Silent()) if named else None
    fact = Fact("delete", "tag", "shop/web", descriptor, tag=None if named else "stable")
    found = load_fact(dump_fact(fact))
    assert (found.action, found.kind, found.repository, found.tag) == ("delete", "tag", "shop/web", fact.tag)
    assert (found.descriptor and found.descriptor.digest) == (descriptor and descriptor.digest)


def beside(place: Place) -> list[tuple[str, dict[str, object]]]:
    """(action, what only we tell) of each event that has any."""
    return [(row.action, json.loads(row.extra)) for row in place.rows() if row.extra is not None]


def test_a_push_says_where_the_tag_pointed(place: Place) -> None:
    one = place.push("shop/web", "stable", ONE)
    place.push("shop/web", "stable", OTHER)
    place.push("shop/web", one.digest, ONE)
    assert beside(place) == [("push", {"before": None}), ("push", {"before": str(one.digest)})]


def test_a_delete_says_what_exactly_went(place: Place) -> None:
    web = place.push("shop/web", "stable", ONE)
    place.registry.delete_tag("shop/web", "stable", place.listener)
    place.push("shop/web", "stable", ONE)
    place.registry.delete_manifest("shop/web", web.digest, place.listener)
    place.registry.delete_blob("shop/web", Digest.of(ONE), place.listener)
    place.push("shop/web", "stable", ONE)
    place.registry.delete_repository("shop/web", place.listener)
    image = {"mediaType": web.media_type, "digest": str(web.digest), "size": web.size}
    blob = {"mediaType": "application/octet-stream", "digest": str(Digest.of(ONE)), "size": len(ONE)}
    assert [told for action, told in beside(place) if action == "delete"] == [
        image, image | {"tags": ["stable"]}, image, blob, {"tags": ["stable"]},
    ]


def test_our_receiver_reads_what_a_delete_took(place: Place) -> None:
    web = place.push("shop/web", "stable", ONE)
    place.registry.delete_tag("shop/web", "stable", place.listener)
    row = place.rows()[-1]
    (report,) = parse("distribution", Received(envelope([with_ours(row.event, json.loads(row.extra))]))).reports
    assert (report.scope, report.tag, report.digest) == (Scope.TAG, "stable", None), "history goes by tags"
    assert (report.media_type, report.size) == (web.media_type, web.size)


def test_what_is_open_is_found_without_reading_all_that_was_told(sqlite_url: str) -> None:
    engine = make_engine(sqlite_url)
    said: list[str] = []
    listen(engine, "before_cursor_execute", lambda _, __, statement, *___: said.append(statement))
    with reading(engine) as connection:
        journal.unsettled(connection)
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {said[-1]}", (0,)).all()
    assert "ix_journal_open" in plan[0].detail
    engine.dispose()

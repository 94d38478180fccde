"""What the store promises: on disk when acknowledged, and more of everything than a statement has room for."""

from pathlib import Path

import pytest
from builders import HOST, PROD, an_event, envelope, moment, take_in
from sqlalchemy import Engine

from app.domain.changes import ABSENT, TagKey, TagState
from app.envelopes import Received, parse
from app.store import events, tags
from app.store.engine import UnavailableError, describe, make_engine, reading, writing
from app.usecases.ingest import same_content

MANY = 70_000
"""SQLite takes 32,766 parameters, PostgreSQL 65,535."""


def test_acknowledged_means_on_disk(engine: Engine) -> None:
    """PostgreSQL's own fsync is off for the tests only; what we could spoil is the setting of our session."""
    found = describe(engine)
    if engine.dialect.name == "sqlite":
        assert (found["synchronous"], found["journal_mode"], found["foreign_keys"]) == ("2", "wal", "1")
    else:
        assert found["synchronous_commit"] == "on"


def test_without_locks_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_arguments: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    engine = make_engine(f"sqlite:///{tmp_path}/own.db")
    with pytest.raises(UnavailableError, match="No locks available"), writing(engine):
        raise AssertionError("entered")
    engine.dispose()


def test_any_number_of_ids_is_looked_up(engine: Engine) -> None:
    take_in(engine, an_event(id="e69999"))
    with reading(engine) as connection:
        known = events.known(connection, {PROD.name: [f"e{n}" for n in range(MANY)]})
    assert set(known) == {(PROD.name, "e69999")}


def test_any_number_of_tags_has_its_present(engine: Engine) -> None:
    keys = [TagKey(HOST, "shop/web", f"t{n}") for n in range(25_000)]
    with writing(engine) as connection:
        tags.save(connection, {key: TagState(ABSENT, seen=True, change_id="c") for key in keys[::5000]})
    with reading(engine) as connection:
        assert set(tags.load(connection, keys)) == set(keys[::5000])


def test_any_number_of_digests_may_have_been_deleted(engine: Engine) -> None:
    digests = [f"sha256:{n:064x}" for n in range(MANY)]
    take_in(engine, an_event(action="delete", tag=None, digest=digests[-1]))
    take_in(engine, an_event(action="delete", tag=None, digest=None, second=1))
    with reading(engine) as connection:
        found = events.wide(connection, HOST, ["shop/web"], digests)
    assert sorted(event.order.time_ns for event in found["shop/web"]) == [moment(0), moment(1)], "each once"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (b'{"a": 1}', b'{"a":1}', True),
        (b'{"a": 1, "b": 2}', b'{"b": 2, "a": 1}', True),
        (b'{"a": 1}', b'{"a": 2}', False),
        (b"[" * 2000, b"[" * 2001, False),
        (b"[" * 2000, b"[" * 2000, True),
    ],
)
def test_what_counts_as_the_same_content(one: bytes, other: bytes, same: bool) -> None:
    assert same_content(one, other) is same


def test_the_longest_names_fit_into_every_index(engine: Engine) -> None:
    """A row that PostgreSQL can't index would be refused for ever."""
    long = "".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(341))
    event = an_event(tag=long, repository=long, actor=long, id=long[:85])
    assert len(long.encode()) == 1023
    take_in(engine, event)
    (report,) = parse("distribution", Received(envelope(event))).reports
    with reading(engine) as connection:
        (found,) = tags.load(connection, [TagKey(HOST, long, long)]).values()
    assert found.points_to == report.digest

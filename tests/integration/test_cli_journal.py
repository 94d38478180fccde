"""`tagtrail journal`: what endpoints were told, what waits, and what is sent once more."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from journalling import Place
from listener import Listener
from notifying import Wire

from app.cli import main
from app.domain.times import SECOND_NS
from app.outbound import Door, Url
from app.store import cursors
from app.store.engine import make_engine, writing
from app.store.migrate import upgrade
from app.usecases.notify import Receiver

SECRET = "s3cret-of-the-receiver"
CONFIG = """
registry:
  notifications:
    endpoints:
      - {name: audit, url: "%s/hooks/path-secret", headers: {Authorization: ["Bearer %s"]}}
      - {name: other, url: "http://127.0.0.1:9/"}
"""


@pytest.fixture
def wire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """An endpoint that refused one of four events, and has two more to come."""
    for name in ("TAGTRAIL_DATA", "TAGTRAIL_CONFIG"):  # the commands set them, and they are put back
        monkeypatch.setenv(name, str(tmp_path))
    engine = make_engine(f"sqlite:///{tmp_path}/journal.db")
    upgrade(engine)
    with Listener() as listener, Door() as door:
        receiver = Receiver("audit", Url.parse(f"{listener.url}/hooks"), (), SECOND_NS, SECOND_NS, park_after=1)
        made = Wire(Place(engine), listener, door, receiver)
        (tmp_path / "tagtrail.yml").write_text(CONFIG % (listener.url, SECRET), encoding="utf-8")
        made.happen("a", "bad", "c", "d")
        made.refuse("bad", 400)
        made.send()
        made.listener.answer = None
        made.happen("e", "f")
        with writing(engine) as connection:
            cursors.begin(connection, "forward:chat", 0)  # where both share a database
        yield made
    engine.dispose()


@pytest.fixture
def folder(wire: Wire, tmp_path: Path) -> Path:
    assert len(wire.parked) == 1
    return tmp_path


def run(folder: Path, *arguments: str, status: int = 0) -> Result:
    where = ("--data", str(folder), "--config", str(folder / "tagtrail.yml"))
    done = CliRunner().invoke(main, ["journal", *arguments, *where])
    assert done.exit_code == status, done.output
    return done


def test_status(folder: Path) -> None:
    audit, other = json.loads(run(folder, "status", "--json").stdout)
    assert 0 <= audit.pop("seconds") < 60
    assert audit == {
        "endpoint": "audit", "state": "open", "at": 4, "behind": 2, "failures": 0, "answer": None, "parked": 1,
        "again": 0,
    }
    assert (other["endpoint"], other["at"], other["behind"]) == ("other", 0, 6)
    shown = run(folder, "status").stdout
    assert shown.splitlines()[1].split()[0] == "audit"
    assert SECRET not in shown
    assert "path-secret" not in shown


def test_tail(folder: Path) -> None:
    lines = [json.loads(line) for line in run(folder, "tail", "--limit", "2", "--json").stdout.splitlines()]
    assert [(one["tagtrail"]["sequence"], one["target"]["tag"]) for one in lines] == [(5, "e"), (6, "f")]
    shown = run(folder, "tail").stdout.splitlines()
    assert len(shown) == 7
    assert shown[1].split()[0] == "1"


def test_parked(wire: Wire, folder: Path) -> None:
    (one,) = json.loads(run(folder, "parked", "list", "--json").stdout)
    assert (one["endpoint"], one["seq"], one["reason"]) == ("audit", 2, "answered 400")
    assert "answered 400" in run(folder, "parked", "list", "--endpoint", "audit").stdout
    assert json.loads(run(folder, "parked", "list", "--endpoint", "other", "--json").stdout) == []
    run(folder, "parked", "retry", "audit", "2")
    assert wire.send() == 3
    assert wire.send() == 0
    assert wire.tags[-3:] == ["e", "f", "bad"]
    refused = run(folder, "parked", "retry", "audit", "2", status=1)
    assert "audit has no event 2 set aside" in refused.stderr


def test_parked_is_dropped_for_a_reason(wire: Wire, folder: Path) -> None:
    run(folder, "parked", "drop", "audit", "2", status=2)
    run(folder, "parked", "drop", "audit", "2", "--reason", "known")
    assert wire.parked == []
    assert wire.send() == 2
    assert wire.ours[-2]["previous"] == 4, "who was never told of it sees the gap all the same"


def test_replay(wire: Wire, folder: Path) -> None:
    dry = json.loads(run(folder, "replay", "--since", "1h", "--endpoint", "audit", "--dry-run", "--json").stdout)
    assert dry == [{"endpoint": "audit", "events": 4, "first": 1, "last": 4}]
    assert len(wire.parked) == 1
    run(folder, "replay", "--since", "1h", "--endpoint", "audit")
    assert [row.seq for row in wire.parked if row.again] == [1, 3, 4], "what is parked stays so"
    before = len(wire.tags)
    wire.send()
    assert wire.tags[before:] == ["e", "f", "a", "c", "d"]
    again = [(ours["sequence"], ours["previous"]) for ours in wire.ours[-3:]]
    assert again == [(1, 0), (3, 2), (4, 3)]
    assert [row.seq for row in wire.parked] == [2]
    run(folder, "replay", status=2)
    assert "known are audit, other" in run(folder, "replay", "--since", "1h", "--endpoint", "x", status=1).stderr


def test_what_is_ignored_by_now_is_not_replayed(wire: Wire, folder: Path) -> None:
    from dataclasses import replace

    from app.domain.endpoints import Ignore

    run(folder, "replay", "--since", "1h", "--endpoint", "audit")
    before = len(wire.tags)
    wire.send(replace(wire.receiver, ignore=Ignore(tags=["c", "e", "f"])))
    assert wire.tags[before:] == ["a", "d"]
    assert wire.ours[-1]["previous"] == 2, "what the ignored one followed"
    assert [row.seq for row in wire.parked] == [2]


def test_without_a_journal_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TAGTRAIL_DATA", "TAGTRAIL_CONFIG"):
        monkeypatch.setenv(name, str(tmp_path))
    (tmp_path / "tagtrail.yml").write_text("{}")
    assert "there is no journal in" in run(tmp_path, "status", status=1).stderr


def test_where_the_configuration_names_none_all_known_are_meant(folder: Path) -> None:
    (folder / "tagtrail.yml").write_text("registry: {notifications: {endpoints: []}}")
    found = json.loads(run(folder, "replay", "--since", "1h", "--dry-run", "--json").stdout)
    assert [one["endpoint"] for one in found] == ["audit"]

"""A backup holds everything, and what is restored from it is the same and goes on (issue 3, item 7)."""

import json
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import HOST, B, add_delivery, an_event, take_in, try_delivery
from click.testing import CliRunner, Result
from postgres import Postgres
from sqlalchemy import Engine, select

from app.cli import main
from app.store import schema
from app.store.engine import make_engine, reading
from app.store.migrate import check, revisions, upgrade
from app.usecases.verify import verify

WRITTEN = ("actions", "links", "head")
"""What an operator's action goes into."""
HOSTILE = "a\x00\ud800\u202e\r\nc"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine, database_url: str) -> Path:
    """A folder as use leaves it: an origin with its secret, a key, and what a start makes anew."""
    folder = tmp_path / "data"
    _here(monkeypatch, folder, database_url)
    journal = make_engine(f"sqlite:///{folder}/journal.db")
    upgrade(journal)
    journal.dispose()
    run("origin", "add", "prod", "--registry", HOST)
    (folder / "access.token").write_text("secret")
    for made_anew in ("locks/x", "valkey/aof", "registry/docker/blob", "up.lock", "ingest.turn", "address"):
        (folder / made_anew).parent.mkdir(parents=True, exist_ok=True)
        (folder / made_anew).write_text("no")
    return folder


@pytest.fixture
def story(engine: Engine, data: Path) -> Engine:
    take_in(engine, an_event(second=10), an_event(second=20, digest=B, actor=HOSTILE), an_event(id=None, tag=HOSTILE))
    add_delivery(engine, "msg_1", body=bytes(range(256)))
    try_delivery(engine, "trigger:web", 31, (503, "HTTP 503", b"\x00\xff"))
    return engine


def _here(monkeypatch: pytest.MonkeyPatch, folder: Path, url: str) -> None:
    folder.mkdir(exist_ok=True)
    monkeypatch.chdir(folder.parent)
    monkeypatch.delenv("TAGTRAIL_CONFIG", raising=False)
    monkeypatch.setenv("TAGTRAIL_DATA", str(folder))
    monkeypatch.setenv("DATABASE_URL", url)


def run(*arguments: str, status: int = 0) -> Result:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == status, result.output
    return result


def rows(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    with reading(engine) as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
            for table in schema.metadata.sorted_tables
        }


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of either kind without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/restored.db"
        return
    server: Postgres = request.getfixturevalue("postgres")
    with server.database(template="template0") as url:
        yield url


def test_all_of_it_comes_back_in_either_kind_of_database_and_goes_on(
    story: Engine, data: Path, empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows(story)
    said = run("backup", "kept.tar.gz").output
    assert "tagtrail restore kept.tar.gz" in said
    secret = (data / "origins.d" / "prod.secret").read_text()
    _here(monkeypatch, tmp_path / "elsewhere", empty_url)
    run("restore", str(tmp_path / "kept.tar.gz"))
    restored = make_engine(empty_url)
    try:
        after = rows(restored)
        (written,) = (action for action in after["actions"] if action not in before["actions"])
        assert written[3:5] == ("backup.restore", "kept.tar.gz"), "and nothing else is new"
        for name in ("actions", "links"):
            assert [row for row in after[name] if row[0] != written[0]] == before[name]
        assert {name: after[name] for name in after if name not in WRITTEN} == {
            name: before[name] for name in before if name not in WRITTEN
        }
        assert verify(restored, lambda *_: None).findings == ()
        assert len(before["events"]) == 3
        check(restored)
        take_in(restored, an_event(second=40), received=40)
        with reading(restored) as connection:
            ids = connection.execute(select(schema.outbox.c.id).order_by(schema.outbox.c.id)).scalars().all()
        assert len(ids) == len(before["outbox"]) + 1
    finally:
        restored.dispose()
    elsewhere = tmp_path / "elsewhere"
    files = {str(path.relative_to(elsewhere)) for path in elsewhere.rglob("*") if path.is_file()}
    assert {name for name in files if not name.startswith("journal.db")} == {
        "access.token", "endpoints/prod.yml", "origins.d/prod.yml", "origins.d/prod.secret",
    }
    assert (elsewhere / "origins.d" / "prod.secret").read_text() == secret
    assert stat.S_IMODE((elsewhere / "origins.d" / "prod.secret").stat().st_mode) == 0o600
    assert json.loads(run("origin", "list", "--json").output)[0]["events"] == 4


def test_it_is_its_owners_alone_and_overwrites_nothing(story: Engine, data: Path, tmp_path: Path) -> None:
    run("backup", "kept.tar.gz")
    assert stat.S_IMODE((tmp_path / "kept.tar.gz").stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.glob(".*")) == [], "nothing is left lying about"
    first = (tmp_path / "kept.tar.gz").read_bytes()
    assert "is there already" in run("backup", "kept.tar.gz", status=1).output
    assert (tmp_path / "kept.tar.gz").read_bytes() == first


def test_a_database_in_use_is_left_alone(story: Engine, data: Path) -> None:
    run("backup", "kept.tar.gz")
    before = rows(story)
    assert "is in use" in run("restore", "kept.tar.gz", status=1).output
    assert rows(story) == before


def _repacked(source: Path, target: Path, name: str, change: Any) -> None:
    """`source` with the bytes of one member changed, or the member left out."""
    with tarfile.open(source) as old, tarfile.open(target, "w:gz") as new:
        for member in old.getmembers():
            file = old.extractfile(member)
            assert file is not None
            content = file.read()
            if member.name == name:
                content = change(content)
                if content is None:
                    continue
                member.size = len(content)
            place = target.parent / "part"
            place.write_bytes(content)
            with place.open("rb") as part:
                new.addfile(member, part)


@pytest.mark.parametrize(
    ("name", "change", "why"),
    [
        ("audit/events.jsonl", lambda content: content.replace(b"shop/web", b"shop/wob", 1), "not what was packed"),
        ("audit/events.jsonl", lambda content: content[: content.rindex(b"[")], "not what was packed"),
        ("audit/events.jsonl", lambda content: content + content[: content.index(b"]") + 1], "not what was packed"),
        ("audit/events.jsonl", lambda content: None, "is missing"),
        ("journal/journal_head.jsonl", lambda content: content.replace(b"1", b"2", 1), "not what was packed"),
        ("tagtrail.json", lambda content: content[:-5], "damaged"),
        ("tagtrail.json", lambda content: content.replace(b'"format": 1', b'"format": 2'), "format 2"),
        ("tagtrail.json", lambda content: content.replace(b'"revision": "0', b'"revision": "9'), "is newer"),
    ],
)
def test_what_is_damaged_is_put_nowhere(  # noqa: PLR0917 - fixtures and parameters
    story: Engine, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, change: Any, why: str
) -> None:
    run("backup", "kept.tar.gz")
    _repacked(tmp_path / "kept.tar.gz", tmp_path / "damaged.tar.gz", name, change)
    url = f"sqlite:///{tmp_path}/restored.db"
    _here(monkeypatch, tmp_path / "elsewhere", url)
    assert why in run("restore", str(tmp_path / "damaged.tar.gz"), status=1).output
    restored = make_engine(url)
    with reading(restored) as connection:
        assert connection.dialect.get_table_names(connection) == []
    restored.dispose()
    assert [path.name for path in (tmp_path / "elsewhere").rglob("*") if not path.name.startswith("journal.db")] == []


@pytest.mark.parametrize("content", [b"", b"no tar", b"\x1f\x8b\x08\x00"])
def test_another_file_is_no_backup(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    (tmp_path / "other").write_bytes(content)
    _here(monkeypatch, tmp_path / "elsewhere", f"sqlite:///{tmp_path}/restored.db")
    assert "damaged, or no backup" in run("restore", str(tmp_path / "other"), status=1).output


def test_a_database_that_is_behind_is_migrated_first(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/old.db"
    old = make_engine(url)
    upgrade(old, "0001")
    assert revisions(old)[0] == "0001"
    old.dispose()
    monkeypatch.setenv("DATABASE_URL", url)
    assert "first: tagtrail migrate" in run("backup", "kept.tar.gz", status=1).output


def test_a_backup_does_not_go_where_it_would_be_packed_itself(story: Engine, data: Path) -> None:
    assert "outside" in run("backup", str(data / "kept.tar.gz"), status=1).output
    (data / "archive").mkdir()
    (data / "archive" / ".events-1-2.jsonl.gz.77").write_text("half")
    run("backup", "kept.tar.gz")
    with tarfile.open("kept.tar.gz") as tar:
        assert [name for name in tar.getnames() if "/." in name] == []


def test_one_that_was_stopped_can_be_begun_again(
    story: Engine, data: Path, empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of its transaction is there, but the tables are."""
    run("backup", "kept.tar.gz")
    before = rows(story)
    restored = make_engine(empty_url)
    upgrade(restored)
    _here(monkeypatch, tmp_path / "elsewhere", empty_url)
    run("restore", str(tmp_path / "kept.tar.gz"))
    after = rows(restored)
    assert {name: after[name] for name in after if name not in WRITTEN} == {
        name: before[name] for name in before if name not in WRITTEN
    }
    restored.dispose()


def test_files_that_are_there_are_not_overwritten(
    story: Engine, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("backup", "kept.tar.gz")
    _here(monkeypatch, tmp_path / "elsewhere", f"sqlite:///{tmp_path}/restored.db")
    (tmp_path / "elsewhere" / "access.token").write_text("another")
    assert "is there already" in run("restore", str(tmp_path / "kept.tar.gz"), status=1).output
    (tmp_path / "elsewhere" / "access.token").unlink()
    run("restore", str(tmp_path / "kept.tar.gz"))

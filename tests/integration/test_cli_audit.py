"""`tagtrail audit`, called as a user calls it, and what operators do in its log."""

import json
import os
import pwd
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from builders import A, B, add_delivery, an_event, take_in
from click.testing import CliRunner, Result
from listener import Listener, Reply
from sqlalchemy import Engine, delete, update

from app.bootstrap import make_export
from app.cli import main
from app.domain.access import EVERYTHING, AccessScope, LimitedScopeError
from app.domain.checkpoints import PublicKey, read_checkpoints
from app.settings import ConfigurationError, load
from app.settings.fingerprint import fingerprint
from app.settings.operator import operator
from app.store import schema
from app.store.engine import reading, writing
from app.store.queries import actions
from app.store.queries.actions import ActionFilter
from app.store.queries.paging import Paging
from app.usecases.checkpoint import ExportError
from app.usecases.note_configuration import note_configuration
from workers.relay import Relay

ME = f"os:{pwd.getpwuid(os.getuid()).pw_name}"


@pytest.fixture(autouse=True)
def data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: str) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("TAGTRAIL_CONFIG", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TAGTRAIL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DATABASE_URL", database_url)
    return tmp_path / "data"


def run(*arguments: str, status: int = 0) -> Result:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == status, result.output
    return result


def log(engine: Engine) -> list[tuple[str, str, str, dict[str, Any]]]:
    with reading(engine) as connection:
        found = actions.page(connection, EVERYTHING, ActionFilter(), Paging()).items
    return [(one.actor, one.verb, one.subject, dict(one.detail)) for one in reversed(found)]


def test_a_whole_database_says_what_that_proves(engine: Engine, data: Path) -> None:
    take_in(engine, an_event(), an_event(second=3, digest=B))
    alone = run("audit", "verify").stdout
    assert "The chain from seq 1 to 2 is whole" in alone
    assert "this shows that the database agrees with itself, not that" in alone
    key = run("audit", "key").stdout.strip()
    run("audit", "checkpoint", "--out", "kept.jsonl")
    run("audit", "checkpoint", "--out", "kept.jsonl")
    for whose in ((), ("--public", key)):
        checked = run("audit", "verify", "--checkpoint", "kept.jsonl", *whose).stdout
        assert "It agrees with 1 checkpoints." in checked
        assert "agrees with itself" not in checked
    said = json.loads(run("audit", "verify", "--json").stdout)
    assert (said["first"], said["last"], said["findings"], said["proves"]) == (1, 3, [], "internal consistency")


def test_where_nothing_was_written_down_there_is_no_chain(engine: Engine) -> None:
    assert run("audit", "verify").stdout.startswith("There is no chain yet.")
    take_in(engine, an_event())
    assert run("audit", "verify", "--since-seq", "1").stdout.splitlines()[1].startswith("Nothing was")


def test_what_is_found_is_named_and_is_the_status(engine: Engine) -> None:
    take_in(engine, an_event(), an_event(second=3))
    with writing(engine) as connection:
        connection.execute(update(schema.events).where(schema.events.c.seq == 2).values(actor="mallory"))
    told = run("audit", "verify", status=1)
    assert told.stdout == "FOUND  events 2: changed (actor)\n"
    (finding,) = json.loads(run("audit", "verify", "--json", status=1).stdout)["findings"]
    assert finding == {"table": "events", "key": "2", "what": "changed", "columns": ["actor"]}
    assert run("audit", "verify", "--since-seq", "9", status=1).stderr.startswith("Error: there is no link 9")


def test_a_cut_tail_is_found_with_the_checkpoint(engine: Engine) -> None:
    take_in(engine, an_event(action="pull"), an_event(action="pull"))
    run("audit", "key")
    run("audit", "checkpoint", "--out", "kept.jsonl")
    with writing(engine) as connection:
        for table in (schema.events, schema.actions, schema.links):
            connection.execute(delete(table).where(table.c.seq > 1))
        first = connection.execute(schema.links.select()).one()
        connection.execute(update(schema.head).values(seq=1, chain=first.chain))
    run("audit", "verify")
    assert run("audit", "verify", "--checkpoint", "kept.jsonl", status=1).stdout == "FOUND  links 3: removed\n"


def test_the_key_is_its_owners_alone_and_stays(engine: Engine, data: Path) -> None:
    public = run("audit", "key").stdout
    path = data / "checkpoint.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().strip() not in public
    assert run("audit", "key").stdout == public
    assert log(engine) == [(ME, "audit.key", PublicKey.parse(public).id, {"public": public.strip()})]


def test_checkpoints_are_checked_without_a_database(
    engine: Engine, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in(engine, an_event())
    public = run("audit", "key").stdout.strip()
    Path("public").write_text(public)
    line = run("audit", "checkpoint").stdout
    Path("kept.jsonl").write_text(line)
    monkeypatch.setenv("DATABASE_URL", "sqlite:////nowhere/at/all.db")
    for key in (public, "public"):
        assert "1 checkpoints are signed" in run("audit", "verify-checkpoint", "kept.jsonl", "--public", key).stdout
    Path("kept.jsonl").write_text(line.replace('"seq": 2', '"seq": 1'))
    forged = run("audit", "verify-checkpoint", "kept.jsonl", "--public", public, status=1)
    assert "checkpoint in line 1: it is not signed with the key" in forged.stderr
    Path("kept.jsonl").write_text("\n")
    assert "no checkpoint" in run("audit", "verify-checkpoint", "kept.jsonl", "--public", public, status=1).stderr
    assert "not a key" in run("audit", "verify-checkpoint", "kept.jsonl", "--public", "x", status=2).stderr


def test_what_an_earlier_key_signed_counts_as_long_as_it_is_listed(engine: Engine, data: Path) -> None:
    take_in(engine, an_event(action="pull"), an_event(second=3, digest=B))
    earlier = run("audit", "key").stdout.strip()
    run("audit", "checkpoint", "--out", "kept.jsonl")
    run("archive", "cut")
    (data / "checkpoint.key").unlink()
    later = run("audit", "key").stdout.strip()
    assert run("audit", "verify", status=1).stdout == "FOUND  events 1: removed\n"
    both = ("--public", later, "--public", earlier)
    assert "is whole" in run("audit", "verify", *both, "--checkpoint", "kept.jsonl").stdout
    run("audit", "checkpoint", "--out", "kept.jsonl")
    assert "2 checkpoints are signed" in run("audit", "verify-checkpoint", "kept.jsonl", *both).stdout
    Path("tagtrail.yml").write_text(f"audit: {{keys: ['{earlier}']}}\n")
    told = run("audit", "verify", "--checkpoint", "kept.jsonl").stdout
    assert "It agrees with 2 checkpoints" in told
    Path("tagtrail.yml").write_text("audit: {keys: ['ed25519:abc']}\n")
    assert "audit.keys.0" in run("audit", "verify", status=1).stderr


def test_without_a_key_or_anything_to_sign_nothing_is_signed(engine: Engine, data: Path) -> None:
    assert "make one with: tagtrail audit key" in run("audit", "checkpoint", status=1).stderr
    data.mkdir()
    run("audit", "key")
    with writing(engine) as connection:
        for table in (schema.actions, schema.links):
            connection.execute(delete(table))
        connection.execute(update(schema.head).values(seq=0, chain=None))
    assert "nothing has been written down yet" in run("audit", "checkpoint", status=1).stderr
    (data / "checkpoint.key").write_text("spoilt")
    spoilt = run("audit", "checkpoint", status=1).stderr
    assert "not a key" in spoilt
    assert "spoilt" not in spoilt


def test_what_operators_do_is_in_the_log(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "somebody-else")
    add_delivery(engine, "msg_1")
    run("redeliver", "msg_1")
    run("origin", "add", "prod", "--registry", "registry.example:5000")
    run("origin", "remove", "prod")
    run("origin", "remove", "prod", status=1)
    assert log(engine) == [
        (ME, "delivery.redeliver", "msg_1", {"sent": "msg_1"}),
        (ME, "origin.add", "prod",
         {"kind": "distribution", "registries": ["registry.example:5000"], "proof": "bearer"}),
        (ME, "origin.remove", "prod", {}),
    ]
    assert "delivery.redeliver" in run("audit", "log").stdout
    newest = json.loads(run("audit", "log", "--json", "--limit", "1").stdout)
    assert [(one["seq"], one["verb"], one["subject"]) for one in newest] == [(3, "origin.remove", "prod")]
    added = json.loads(run("audit", "log", "--jsonl", "--verb", "origin.add", "--actor", ME).stdout)
    assert added["detail"]["registries"] == ["registry.example:5000"]
    assert run("audit", "log", "--csv", "--actor", "os:nobody-else").stdout.splitlines() == [
        '"seq","time","actor","verb","subject","detail"'
    ]
    with reading(engine) as connection, pytest.raises(LimitedScopeError):
        actions.page(connection, AccessScope.parse(["local/**"]), ActionFilter(), Paging())
    run("audit", "verify")


def start() -> None:
    settings = load()
    note_configuration(settings.database_url, operator(), fingerprint(settings))


def test_a_configuration_is_noted_when_it_is_another_one(engine: Engine) -> None:
    config = Path("tagtrail.yml")
    for text in ("max_age: 1h\n", "max_age: 1h\n", "max_age: 2h\n", "max_age: 2h\nrules: [{name: a}]\n"):
        config.write_text(text)
        start()
    noted = log(engine)
    assert [(actor, verb) for actor, verb, _subject, _detail in noted] == [(ME, "configuration.seen")] * 3
    assert len({detail["config"] for *_who, detail in noted}) == 3
    assert list(noted[-1][3]["rules"]) == ["a"]


def test_processes_that_start_at_once_note_it_once(engine: Engine) -> None:
    starting = [threading.Thread(target=start) for _ in range(6)]
    for thread in starting:
        thread.start()
    for thread in starting:
        thread.join()
    assert len(log(engine)) == 1


def test_a_rebuild_says_what_it_would_do_and_then_does_it(engine: Engine) -> None:
    take_in(engine, an_event())
    with writing(engine) as connection:
        connection.execute(delete(schema.tags))
    missing = "tags registry.example:5000/shop/web:stable: removed"
    assert run("audit", "rebuild", "--dry-run").stdout.splitlines() == [missing]
    assert run("audit", "rebuild").stdout.splitlines() == [missing]
    assert json.loads(run("audit", "rebuild", "--json").stdout) == {"repositories": 1, "findings": []}
    run("audit", "verify")


def configured(text: str) -> None:
    Path("tagtrail.yml").write_text(text)


def test_checkpoints_go_where_the_configuration_says(engine: Engine) -> None:
    take_in(engine, an_event(digest=A))
    public = PublicKey.parse(run("audit", "key").stdout)
    with Listener([Reply(204)]) as listener:
        configured(f'audit: {{checkpoints: {{every: 10ms, file: kept.jsonl, url: "{listener.url}/here"}}}}\n')
        export = make_export(load())
        assert export is not None
        relay = Relay(
            engine=engine, journal=engine, bell=_Silent(), endpoints=(), forwards={}, leftovers=None, export=export
        )
        relay.round()
        (heard,) = listener.wait_for(1)
        relay.lanes.close()
    assert (heard.method, heard.path, heard.headers["content-type"]) == ("POST", "/here", "application/json")
    (sent,) = read_checkpoints(heard.body.decode(), public)
    assert sent.seq == 2
    assert read_checkpoints(Path("kept.jsonl").read_text(), public) == [sent]


class _Silent:
    def ring(self, lane: object) -> None:
        raise AssertionError(f"nothing is due: {lane}")


def test_one_place_that_fails_keeps_none_from_the_other(engine: Engine) -> None:
    take_in(engine, an_event())
    run("audit", "key")
    with Listener([Reply(500)]) as listener:
        configured(f'audit: {{checkpoints: {{file: nowhere/kept.jsonl, url: "{listener.url}/secret-path"}}}}\n')
        export = make_export(load())
        assert export is not None
        with pytest.raises(ExportError) as failed:
            export.once(engine)
        assert len(listener.wait_for(1)) == 1
    assert "kept.jsonl: No such file" in str(failed.value)
    assert "answered 500" in str(failed.value)
    assert "secret-path" not in str(failed.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("audit: {checkpoints: {every: 1h}}", "name a file: or a url:"),
        ("audit: {checkpoints: {file: a, url: 'ftp://x'}}", "audit.checkpoints.url"),
        ("audit: {checkpoints: {file: a}}", "make one with: tagtrail audit key"),
        ("audit: {checkpoint: {file: a}}", "did you mean 'checkpoints'"),
    ],
)
def test_mistakes_in_the_configuration_are_named(text: str, complaint: str) -> None:
    configured(text)
    with pytest.raises(ConfigurationError, match=complaint):
        make_export(load())

"""What no history needs goes into files after a time, and the chain still holds (issue 3, item 7)."""

import gzip
import hashlib
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from acting import Stage
from builders import HOST, POLICY, PROD, B, an_event, envelope, moment, take_in
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from listener import Listener, Reply
from pydantic import ValidationError
from reading_app import client_of
from sqlalchemy import Engine, delete, select, update

from app.cli import main
from app.domain.checkpoints import SigningKey
from app.domain.cuts import CUT, Cut, Runs, taken_out
from app.domain.settling import Settle
from app.domain.times import SECOND_NS, rfc3339
from app.envelopes import Received, parse
from app.outbound import Door
from app.remote.client import RemoteRegistry
from app.remote.image import MANIFEST
from app.settings.sections import File
from app.store import actions, outbox, retention, schema, windows
from app.store.engine import now_ns, reading, writing
from app.store.windows import Place, Waiting
from app.usecases import retain
from app.usecases.fan import Fan
from app.usecases.fan_out import fan_out
from app.usecases.ingest import Parcel, Policy, ingest
from app.usecases.resolve import resolve
from app.usecases.retain import ArchiveError, Keeping
from app.usecases.verify import Trust, verify

KEY = SigningKey.generate()
DAY_NS = 86_400 * SECOND_NS


@pytest.fixture
def keeping(tmp_path: Path) -> Keeping:
    return Keeping({"pull": DAY_NS, "push": DAY_NS, "delete": DAY_NS}, tmp_path / "archive", KEY)


@pytest.fixture
def told(engine: Engine) -> Engine:
    """Received long ago: 1 and 4 move a tag, 6 removes one; the rest reaches none. 7 is of a kind that is kept."""
    take_in(
        engine,
        an_event(second=1), an_event(second=2, action="pull"), an_event(second=3, tag=None),
        an_event(second=4, digest=B), an_event(second=5, action="pull", digest=B),
        an_event(second=6, action="delete", digest=None), an_event(second=7, action="mount", tag=None),
    )
    return engine


def seqs(engine: Engine) -> list[int]:
    with reading(engine) as connection:
        return list(connection.execute(select(schema.events.c.seq).order_by(schema.events.c.seq)).scalars())


def findings(engine: Engine, *keys: SigningKey) -> list[str]:
    trust = Trust(keys=[key.public for key in keys])
    return [str(one) for one in verify(engine, lambda *_: None, trust=trust).findings]


def test_what_reaches_no_tag_goes_and_all_else_stays(told: Engine, keeping: Keeping) -> None:
    assert retain.due(told, keeping) == 3
    pulls, pushes = retain.cut(told, keeping, "os:ann")
    assert (str(pulls.seqs), pulls.archive) == ("2,5", "events-2-5.jsonl.gz")
    assert (str(pushes.seqs), pushes.archive) == ("3", "events-3-3.jsonl.gz")
    assert seqs(told) == [1, 4, 6, 7]
    assert retain.cut(told, keeping, "os:ann") == []
    with reading(told) as connection:
        written, _ = actions.all_of(connection, CUT)
    assert (written.actor, written.subject, written.detail["rows"]) == ("os:ann", pulls.archive, 2)
    assert len(gzip.decompress((keeping.folder / pulls.archive).read_bytes()).splitlines()) == 2
    assert (keeping.folder / pulls.archive).stat().st_mode & 0o777 == 0o600


def test_what_came_lately_stays(engine: Engine, keeping: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    take_in(engine, an_event(action="pull"), received=0)
    take_in(engine, an_event(action="pull"), received=100)
    monkeypatch.setattr(retain, "now_ns", lambda _connection: moment(50) + DAY_NS)
    retain.cut(engine, keeping, "x")
    assert seqs(engine) == [2]


# What somebody waits for


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """So long after now, as far as retention knows."""
    monkeypatch.setattr(retain, "now_ns", lambda connection: now_ns(connection) + round(seconds * SECOND_NS))


def promises(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        return list(connection.execute(select(schema.outbox.c.subject).order_by(schema.outbox.c.id)).scalars())


def test_a_push_whose_digest_is_being_asked_for_stays_until_it_is_known(
    engine: Engine, keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch, 90_000)
    with Door() as door, Listener([Reply(503)]) as listener:
        stage = Stage(engine, door, listener, rules=[])
        stage.happen(digest=None)
        stage.happen(digest=None, tag=None)
        remote = RemoteRegistry(door, listener.url)
        for _ in range(2):
            make_due(engine)
            resolve(engine, HOST, remote, stage.policy)
            retain.cut(engine, keeping, "x")
        assert (seqs(engine), promises(engine)) == ([1], ["event:1"])
        listener.reply(Reply(200, {"Docker-Content-Digest": B, "Content-Type": MANIFEST, "Content-Length": "7"}))
        make_due(engine)
        resolve(engine, HOST, remote, stage.policy)
    with reading(engine) as connection:
        assert connection.execute(select(schema.tags.c.digest)).scalars().all() == [B]
    assert promises(engine)[0] != "event:1"
    retain.cut(engine, keeping, "x")
    assert 1 not in seqs(engine), "nobody needs it any more"
    assert findings(engine, KEY) == []


def make_due(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(update(schema.outbox).values(not_before_ns=0))


def test_what_says_that_a_tag_moved_on_stays_while_an_older_push_of_it_waits(
    engine: Engine, keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or what the registry says now would be taken for what it had when the older push was made."""
    take_in(
        engine,
        an_event(second=1, digest=None), an_event(second=2, digest=None),
        an_event(second=3, digest=None, tag="other"), an_event(second=4, tag=None),
    )
    with writing(engine) as connection:
        connection.execute(delete(schema.outbox).where(schema.outbox.c.subject != "event:1"))
    later(monkeypatch, 90_000)
    retain.cut(engine, keeping, "x")
    assert seqs(engine)[:2] == [1, 2], "3 is another tag's, 4 none's"
    assert 3 not in seqs(engine)
    assert 4 not in seqs(engine)


def test_a_pull_that_a_rule_may_tell_of_stays_until_it_did(engine: Engine, keeping: Keeping) -> None:
    reading_ = parse(PROD.kind, Received(envelope(an_event(action="pull"), an_event(action="pull"))))
    ingest(engine, [Parcel(PROD, reading_, moment(100_000))], Policy(3600 * SECOND_NS, pulls_fan_out=True))
    with writing(engine) as connection:
        connection.execute(delete(schema.outbox).where(schema.outbox.c.subject == "event:2"))
    retain.cut(engine, keeping, "x")
    assert seqs(engine)[0] == 1
    assert 2 not in seqs(engine)
    fan_out(engine, Fan([], {}, "", 1))
    retain.cut(engine, keeping, "x")
    assert 1 not in seqs(engine)


def test_a_pull_that_waits_in_a_window_stays_until_that_is_closed(told: Engine, keeping: Keeping) -> None:
    place, waiting = Place("channel:ops"), Waiting("event:5", "quiet", "0123456789ab")
    with writing(told) as connection:
        windows.join(connection, place, [waiting], 0, Settle(1, 1))
    retain.cut(told, keeping, "x")
    assert seqs(told) == [1, 4, 5, 6, 7]
    with writing(told) as connection:
        opened = windows.due(connection, place.destination, 2)
        assert opened is not None
        windows.close(connection, opened)
    retain.cut(told, keeping, "x")
    assert seqs(told) == [1, 4, 6, 7]


def test_what_is_promised_while_it_is_archived_stays(
    told: Engine, keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = retain._write

    def meanwhile(*told_of: Any) -> str:
        with writing(told) as connection:
            outbox.add(connection, outbox.FAN_OUT, ["event:5"], 0)
        return written(*told_of)

    monkeypatch.setattr(retain, "_write", meanwhile)
    with pytest.raises(ArchiveError, match="nothing was cut"):
        retain.cut(told, keeping, "x")
    assert seqs(told) == [1, 2, 3, 4, 5, 6, 7]


# From when on it is complete


def test_it_is_known_since_when_pulls_are_complete(
    engine: Engine, keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By when they happened: neither what came late nor what a fast clock sent is missing behind that moment."""
    since = moment(1000)
    for second, received in ((10, 20), (999, 999), (990, 1001), (1001, 998), (1002, 1003)):
        take_in(engine, an_event(second=second, action="pull"), received=received)
    with reading(engine) as connection:
        assert retention.kept_since(connection, "pull") is None
    for moment_ns in (since, since - 500 * SECOND_NS):
        monkeypatch.setattr(retain, "now_ns", lambda _connection, at=moment_ns: at + DAY_NS)
        retain.cut(engine, keeping, "x")
        take_in(engine, an_event(second=100, action="pull"), received=101)
    with reading(engine) as connection:
        assert retention.kept_since(connection, "pull") == since, "what is gone is gone"
        assert retention.kept_since(connection, "push") is None
        columns = (schema.events.c.time_ns, schema.events.c.received_ns)
        left = connection.execute(select(*columns).where(schema.events.c.action == "pull")).all()
    assert sorted((row.time_ns - moment(0)) // SECOND_NS for row in left) == [100, 990, 1001, 1002]


def test_the_list_of_pulls_and_the_page_of_a_digest_say_so(
    told: Engine, keeping: Keeping, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with client_of(monkeypatch, tmp_path, database_url) as client:
        asked = client.get("/api/v1/pulls").json
        assert (len(asked["items"]), asked["complete_since"]) == (2, None)
        assert "Pulls are complete since" not in client.get(f"/digests/{B}").text
        (cut, _) = retain.cut(told, keeping, "x")
        answer = client.get("/api/v1/pulls").json
        assert (answer["items"], answer["complete_since"]) == ([], rfc3339(cut.since_ns))
        assert "Pulls are complete since" in client.get(f"/digests/{B}").text


def test_pulls_stay_90_days_and_all_else_for_ever_unless_told_otherwise() -> None:
    day = 86_400 * SECOND_NS
    assert File().spans == {"pull": 90 * day}
    assert File(keep={"mount": "365d"}).spans == {"pull": 90 * day, "mount": 365 * day}
    assert File(keep={"pull": "forever", "mount": "1h30m"}).spans == {"mount": 5400 * SECOND_NS}
    for wrong in ("0s", "soon", "-1d", "", None, True):
        with pytest.raises(ValidationError):
            File(keep={"pull": wrong})


def test_a_signed_cut_is_no_finding_and_nothing_else_may_be_missing(told: Engine, keeping: Keeping) -> None:
    retain.cut(told, keeping, "x")
    assert findings(told, KEY) == []
    assert "2" in findings(told)[0], "nobody's word"
    assert "2" in findings(told, SigningKey.generate())[0], "another's word"
    with writing(told) as connection:
        connection.execute(delete(schema.events).where(schema.events.c.seq == 7))
    (found,) = findings(told, KEY)
    assert "events" in found
    assert "7" in found
    assert "removed" in found


def test_cuts_at_once_take_each_row_once(
    told: Engine, keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second begins while the first has written its file, and one more row is due by then."""
    write, began, made = retain._write, threading.Event(), []

    def slow(place: Path, lines: list[bytes]) -> str:
        began.set()
        time.sleep(0.2)
        return write(place, lines)

    monkeypatch.setattr(retain, "_write", slow)

    def cut() -> None:
        made.extend(retain.cut(told, keeping, "os:ann"))

    threads = [threading.Thread(target=cut) for _ in range(3)]
    threads[0].start()
    assert began.wait(5)
    for one in threads[1:]:
        one.start()
    for one in threads:
        one.join(10)
    assert sorted(seq for one in made for seq in one.seqs) == [2, 3, 5]
    assert findings(told, KEY) == []
    for one in made:
        assert hashlib.sha256((keeping.folder / one.archive).read_bytes()).hexdigest() == one.sha256


def test_commands_that_cut_at_once_take_each_row_once(database_url: str, engine: Engine, tmp_path: Path) -> None:
    take_in(engine, *[an_event(second=number, action="pull") for number in range(300)])
    (tmp_path / "tagtrail.yml").write_text("keep: {pull: 1d}\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TAGTRAIL_", "REDIS_"))}
    environment |= {"DATABASE_URL": database_url, "TAGTRAIL_DATA": str(tmp_path / "data")}
    command = [sys.executable, "-P", "-m", "app"]
    subprocess.run([*command, "audit", "key"], cwd=tmp_path, env=environment, check=True, capture_output=True)
    cuts = [
        subprocess.Popen([*command, "archive", "cut"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    told = sorted(one.communicate(timeout=60)[0].decode() for one in cuts)
    assert [one.returncode for one in cuts] == [0, 0]
    assert told[0] == ""
    assert told[1].endswith("events-1-300.jsonl.gz: 300 events\n")
    done = subprocess.run([*command, "audit", "verify"], cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 0


def test_a_cut_that_somebody_widened_is_found(told: Engine, keeping: Keeping) -> None:
    retain.cut(told, keeping, "x")
    with writing(told) as connection:
        written, _ = actions.all_of(connection, CUT)
        connection.execute(delete(schema.events).where(schema.events.c.seq == 7))
        wider = str(written.detail).replace("2,5", "2,5,7").replace("'", '"')
        connection.execute(update(schema.actions).where(schema.actions.c.seq == written.seq).values(detail=wider))
    assert findings(told, KEY) != []


def test_an_archive_goes_back_to_where_it_was(told: Engine, keeping: Keeping) -> None:
    with reading(told) as connection:
        before = connection.execute(select(schema.events).order_by(schema.events.c.seq)).all()
    cuts = retain.cut(told, keeping, "x")
    assert [retain.put_back(told, keeping.folder / cut.archive, "os:ann") for cut in cuts] == [2, 1]
    with reading(told) as connection:
        assert connection.execute(select(schema.events).order_by(schema.events.c.seq)).all() == before
    assert findings(told) == []
    assert retain.put_back(told, keeping.folder / cuts[0].archive, "os:ann") == 0, "it is there already"
    assert retain.cut(told, keeping, "x") == [], "somebody wants to look at it"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda it: gzip.compress(gzip.decompress(it).replace(b"shop/web", b"shop/wob", 1)), "not what was cut"),
        (lambda content: content[:-9], "damaged"),
        (lambda content: gzip.compress(b"{}\n"), "damaged"),
        (lambda content: gzip.compress(b"[" * 99_999), "damaged"),
        (lambda _content: b"", "nothing"),
    ],
)
def test_what_was_changed_goes_nowhere(told: Engine, keeping: Keeping, change: object, why: str) -> None:
    cut, _ = retain.cut(told, keeping, "x")
    file = keeping.folder / cut.archive
    file.write_bytes(change(file.read_bytes()))  # type: ignore[operator]
    if why == "nothing":
        assert retain.put_back(told, file, "x") == 0
    else:
        with pytest.raises(ArchiveError, match=why):
            retain.put_back(told, file, "x")
    assert seqs(told) == [1, 4, 6, 7]


def put_back_all(engine: Engine, files: list[Path]) -> int:
    """How many rows of these archives went back."""
    return sum(retain.put_back(engine, file, "os:ann") for file in files)


def test_what_was_put_back_may_not_be_missing_again_until_it_is_cut_again(
    told: Engine, keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [keeping.folder / one.archive for one in retain.cut(told, keeping, "x")]
    put_back_all(told, files)
    with writing(told) as connection:
        connection.execute(delete(schema.events).where(schema.events.c.seq == 5))
    assert findings(told, KEY) == ["events 5: removed"]
    put_back_all(told, files)
    assert findings(told, KEY) == []
    monkeypatch.setattr(retain, "PUT_BACK_STAYS_NS", -DAY_NS)
    assert str(Runs.union(one.seqs for one in retain.cut(told, keeping, "x"))) == "2-3,5"
    assert findings(told, KEY) == []


def test_the_first_word_of_a_repository_may_have_been_taken_out(engine: Engine, keeping: Keeping) -> None:
    take_in(engine, an_event(action="pull"), an_event(second=3), an_event(action="pull", repository="pulled"))
    retain.cut(engine, keeping, "x")
    assert findings(engine, KEY) == []
    with writing(engine) as connection:
        connection.execute(update(schema.repositories).values(first_seq=2))
    assert findings(engine, KEY) == [f"repositories {HOST}/pulled: added"]


def test_what_was_told_again_since_is_not_put_back_beside_it(told: Engine, keeping: Keeping) -> None:
    again = an_event(action="pull")
    take_in(told, again)
    files = [keeping.folder / one.archive for one in retain.cut(told, keeping, "x")]
    take_in(told, again)
    assert put_back_all(told, files) == 3
    assert seqs(told) == [1, 2, 3, 4, 5, 6, 7, 11]
    assert findings(told, KEY) == []


def test_archives_that_were_joined_go_back_once(told: Engine, keeping: Keeping) -> None:
    files = [keeping.folder / one.archive for one in retain.cut(told, keeping, "x")]
    for file in files:
        file.write_bytes(file.read_bytes() * 2)
    assert put_back_all(told, files) == 3
    assert findings(told) == []


def test_an_archive_of_many_runs_goes_back_and_stays(engine: Engine, keeping: Keeping) -> None:
    """SQLite takes no condition of more than a thousand parts."""
    pairs = ((an_event(action="pull"), an_event(tag=f"t{number}")) for number in range(1100))
    told_at_once(engine, *(event for pair in pairs for event in pair))
    (cut,) = retain.cut(engine, keeping, "x")
    assert len(cut.seqs.runs) == 1100
    retain.put_back(engine, keeping.folder / cut.archive, "x")
    assert retain.due(engine, keeping) == 0
    assert retain.cut(engine, keeping, "x") == []


def test_a_cut_whose_words_were_spoilt_is_named(told: Engine, keeping: Keeping) -> None:
    retain.cut(told, keeping, "x")
    with writing(told) as connection:
        connection.execute(update(schema.actions).values(detail="no json"))
    assert findings(told, KEY) == ["events 2: removed"]


def told_at_once(engine: Engine, *events: dict[str, Any]) -> None:
    ingest(engine, [Parcel(PROD, parse(PROD.kind, Received(envelope(*events))), moment(0))], POLICY)


def run(*arguments: str, status: int = 0) -> Result:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == status, result.output
    return result


def test_the_commands(
    told: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TAGTRAIL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DATABASE_URL", database_url)
    (tmp_path / "tagtrail.yml").write_text("keep: {pull: forever}\n")
    assert "everything is kept for ever" in run("archive", "cut", status=1).output
    (tmp_path / "tagtrail.yml").write_text("keep: {pull: 1d}\n")
    assert "tagtrail audit key" in run("archive", "cut", status=1).output
    run("audit", "key")
    assert "2 events would go" in run("archive", "cut", "--dry-run").output
    assert seqs(told) == [1, 2, 3, 4, 5, 6, 7]
    assert "complete since" not in run("pulls").output
    said = run("archive", "cut").output
    file = tmp_path / "data" / "archive" / "events-2-5.jsonl.gz"
    assert f"{file}: 2 events" in said
    assert "events-2-5.jsonl.gz" in run("archive", "list").output
    assert "(pulls are complete since 20" in run("pulls").output
    run("audit", "verify")
    assert f"{file}: 2 events" in run("archive", "import", str(file)).output
    assert seqs(told) == [1, 2, 3, 4, 5, 6, 7]


@given(st.sets(st.integers(1, 300), max_size=80), st.sets(st.integers(1, 300), max_size=80))
def test_runs_are_sets(one: set[int], other: set[int]) -> None:
    runs = Runs.of(one)
    assert {number for number in range(302) if number in runs} == one
    assert len(runs) == len(one)
    assert Runs.parse(str(runs)) == runs
    assert Runs.union([runs, Runs.of(other)]) == Runs.of(one | other)
    assert runs.without(Runs.of(other)) == Runs.of(one - other)
    assert set(runs) == one


@given(st.text(alphabet="0123456789,-x ", max_size=12))
def test_strange_runs_are_refused_or_read_as_written(text: str) -> None:
    try:
        assert str(Runs.parse(text)) == text
    except ValueError:
        return


def test_only_a_signature_of_ours_proves_a_cut() -> None:
    cut = Cut("pull", moment(1), Runs.of([1, 2]), "a", "00").signed(KEY)
    assert str(taken_out([cut], [KEY.public])) == "1-2"
    other = replace(cut, seqs=Runs.of([1, 2, 3]))
    assert str(taken_out([other], [KEY.public])) == ""
    assert Cut.read("a", cut.detail) == cut

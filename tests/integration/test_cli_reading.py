"""The commands that read, called as a user calls them; the database is one that ingest has filled."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from builders import HOST, A, B, C, add_delivery, an_event, moment, take_in, try_delivery
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from app.cli import main
from app.cli.tables import When, print_table, with_progress
from app.domain.origins import Origin
from app.envelopes import Received
from app.store import quarantine as quarantined
from app.store.engine import make_engine, writing
from app.usecases.ingest import reject

HOSTILE = "a[red]b\x00\x1b[31m\u202e\r\nc\x9b\ud800"
SHOWN = "a[red]b\\u0000\\u001b[31m\\u202e\\u000d\\u000ac\\u009b\\ud800"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TAGTRAIL_CONFIG", raising=False)
    monkeypatch.setenv("TAGTRAIL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DATABASE_URL", database_url)


@pytest.fixture
def story(engine: Engine) -> Engine:
    take_in(
        engine, an_event(second=10), an_event(second=20, digest=B, actor="bob"),
        an_event(second=30, digest=None, action="delete", actor=None),
    )
    return engine


def run(*arguments: str, status: int = 0) -> Result:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == status, result.output
    return result


def table(*arguments: str) -> list[list[str]]:
    """The cells of what a command prints where no terminal is."""
    return [line.split() for line in run(*arguments).stdout.splitlines()]


def parsed(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json").stdout)


def refused(*arguments: str, status: int) -> str:
    result = run(*arguments, status=status)
    assert result.stdout == ""
    said = result.stderr
    assert "Traceback" not in said
    return said


def test_history(story: Engine) -> None:
    lines = table("history", "shop/web:stable")
    assert lines[0] == ["TIME", "KIND", "TAG", "BEFORE", "AFTER", "WHO", "FROM", "ORIGIN", "KNOWN"]
    assert [line[:6] for line in lines[1:]] == [
        ["2026-05-09T09:47:10Z", "removed", "stable", B, "absent", "-"],
        ["2026-05-09T09:47:00Z", "moved", "stable", A, B, "bob"],
        ["2026-05-09T09:46:50Z", "created", "stable", "unknown", A, "alice"],
    ]
    assert [line["kind"] for line in parsed("history", f"{HOST}/shop/web")] == ["removed", "moved", "created"]
    assert [line["after"] for line in parsed("history", f"shop/web@{A}")] == [B, A]


def test_history_is_limited_and_says_so(story: Engine) -> None:
    result = run("history", "shop/web:stable", "--limit", "1", "--json")
    assert len(json.loads(result.stdout)) == 1
    assert "--limit shows more" in result.stderr
    assert run("history", "shop/web:stable").stderr == ""


def test_void_lines_only_with_all(story: Engine) -> None:
    take_in(story, an_event(second=15, digest=B))
    assert [line["kind"] for line in parsed("history", "shop/web")] == ["removed", "moved", "created"]
    assert [line["kind"] for line in parsed("history", "shop/web", "--all")] == ["removed", "void", "moved", "created"]


@pytest.mark.parametrize(
    ("at", "says"),
    [
        ("2026-05-09T09:47:01Z", ["points to:", B]),
        ("2026-05-09T09:47:01Z", ["until:", "2026-05-09T09:47:10Z"]),
        ("2026-05-09T09:47:01Z", ["before that:", A]),
        ("2026-05-09T09:47:11Z", ["points to:", "absent"]),
        ("2026-05-09T09:47:11Z", ["until:", "still"]),
        ("2026-05-09T09:47:11Z", ["by:", "unnamed"]),
        ("2020-01-01", ["not known before:", "2026-05-09T09:46:50Z"]),
    ],
)
def test_history_at_a_moment(story: Engine, at: str, says: list[str]) -> None:
    lines = [" ".join(line.split()) for line in run("history", "shop/web:stable", "--at", at).stdout.splitlines()]
    assert " ".join(says) in lines


def test_every_tag_at_a_moment(story: Engine) -> None:
    take_in(story, an_event(second=15, tag="v1.0", actor="dora"))
    take_in(story, an_event(second=25, repository="shop/api", tag="v2.0"))
    for wide in ("shop/*", "shop/*:*", f"{HOST}/**"):
        assert table("history", wide, "--at", "2026-05-09T09:47:01Z") == [
            ["REGISTRY", "REPOSITORY", "TAG", "POINTS", "TO", "SINCE", "UNTIL", "WHO", "ORIGIN"],
            [HOST, "shop/api", "v2.0", "not", "known", "before", "2026-05-09T09:47:05Z", "-", "-", "-", "-"],
            [HOST, "shop/web", "stable", B, "2026-05-09T09:47:00Z", "2026-05-09T09:47:10Z", "bob", "prod"],
            [HOST, "shop/web", "v1.0", A, "2026-05-09T09:46:55Z", "still", "dora", "prod"],
        ]
    asked = ("--at", "2026-05-09T09:47:01Z")
    assert [one["tag"] for one in parsed("history", "shop/web", *asked)] == ["stable", "v1.0"]
    assert [one["tag"] for one in parsed("history", "shop/web:v?.*", *asked)] == ["v1.0"]
    assert [one["tag"] for one in parsed("history", "shop/*:v*")] == ["v2.0", "v1.0"]


def test_history_as_it_was_known(engine: Engine) -> None:
    take_in(engine, an_event(second=10), received=11)
    take_in(engine, an_event(second=20, digest=B), received=200)
    then, now = ("--known-at", "2026-05-09T09:47:30Z"), ("--known-at", "2026-05-09T09:50:00Z")
    assert [one["after"] for one in parsed("history", "shop/web", *then)] == [A]
    assert [one["after"] for one in parsed("history", "shop/web", *now)] == [B, A]
    at = ("--at", "2026-05-09T09:47:10Z")
    assert [parsed("history", "shop/web:stable", *at, *known)["digest"] for known in (then, now)] == [A, B]
    assert [one["digest"] for one in parsed("history", "shop/*", *at, *then)] == [A]
    assert parsed("diff", "shop/web", "--since", "2026-05-09T09:46:55Z", *then) == []
    assert [one["after"] for one in parsed("diff", "--since", "2026-05-09T09:46:55Z", *now)] == [B]


def test_what_somebody_did_as_it_was_known(engine: Engine) -> None:
    take_in(engine, an_event(second=10), received=11)
    take_in(engine, an_event(second=20, digest=B, actor="bob"), an_event(second=21, action="pull"), received=22)
    take_in(engine, an_event(second=30, action="delete", digest=B, tag=None, actor="bob"), received=31)
    late = an_event(second=15, digest=C, actor="carol"), an_event(second=16, action="pull", actor="carol")
    take_in(engine, *late, an_event(second=25, digest=C, actor="carol"), received=200)
    then, now = ("--known-at", "2026-05-09T09:47:30Z"), ("--known-at", "2026-05-09T09:50:30Z")
    outcome = {
        known: [
            (deed["action"], [(one["kind"], one["before"], one["after"]) for one in deed["outcome"]])
            for deed in parsed("activity", "bob", *known)
        ]
        for known in (then, now, ())
    }
    assert outcome[then] == [("delete", [("removed", B, "absent")]), ("push", [("moved", A, B)])]
    assert outcome[now] == [("delete", []), ("push", [("moved", C, B)])]
    assert outcome[()] == [("delete", [("void", B, "absent")]), ("push", [("moved", C, B)])]
    assert parsed("activity", "carol", *then) == []
    assert [len(parsed("events", *known)) for known in (then, now, ())] == [4, 7, 7]
    assert [one["actor"] for one in parsed("pulls", *then)] == ["alice"]
    assert [one["actor"] for one in parsed("pulls", *now)] == ["alice", "carol"]
    story = parsed("who", B, *then)
    assert [one["until"] is None for one in story["periods"]["items"]] == [False]
    assert "nobody has told of this digest" in refused("who", C, *then, status=1)
    assert parsed("who", C, *now)["first_push"]["actor"] == "carol"
    assert [one["first_seq"] for one in parsed("repositories", "--known-at", "2026-05-09T09:46:00Z")] == []
    assert [one["first_seq"] for one in parsed("repositories", *then)] == [1]
    assert "either --stale or --known-at" in refused("pulls", "--stale", *now, status=2)


def test_the_other_questions(story: Engine) -> None:
    take_in(story, an_event(second=40, tag=None, action="pull", actor="puller", digest=A),
            an_event(second=41, repository="shop/api", tag="v1.0", actor="bob"),
            an_event(second=42, repository="shop/api", tag="v1.0", actor="bob", digest=B))
    assert [line[:5] for line in table("activity", "bob", "--since", "2026-05-09T09:47:22Z")[1:]] == [
        ["2026-05-09T09:47:22Z", "push", HOST, "shop/api", "v1.0"],
    ]
    assert [one["outcome"] for one in parsed("activity", "bob", "--until", "2026-05-09T09:47:21Z")] == [
        [{"tag": "stable", "kind": "moved", "before": A, "after": B}],
    ]
    assert table("diff", "--since", "2026-05-09T09:46:55Z", "--until", "2026-05-09T09:47:00Z")[1:] == [
        [HOST, "shop/web", "stable", A, B, "2026-05-09T09:47:00Z", "bob", "prod"],
    ]
    assert [one["tag"] for one in parsed("diff", "*/api", "--since", "2026-05-09")] == ["v1.0"]
    assert [line[3:6] for line in table("moved-releases")[1:]] == [["shop/api", "v1.0", A]]
    assert parsed("moved-releases", "shop/web") == []
    assert [line[2:6] for line in table("pulls")[1:]] == [["shop/web", "-", A, "puller"]]
    assert [one["digest"] for one in parsed("pulls", "--stale")] == [A]
    assert [line[2] for line in table("repositories", "--first-seen-since", "2026-05-09T09:47:00Z")[1:]] == ["shop/api"]
    assert [one["repository"] for one in parsed("repositories", "*/w*")] == ["shop/web"]


READING = (["events"], ["history", "shop/web"], ["history", "shop/*", "--at", "2026-06-01"], ["activity", "alice"],
           ["diff", "--since", "2026-01-01"], ["repositories"], ["pulls"], ["moved-releases"], ["deliveries"],
           ["quarantine", "list"])


@pytest.mark.parametrize("arguments", READING)
def test_forms_for_machines(story: Engine, arguments: list[str]) -> None:
    """The three say the same, have every line unless --limit is given, and CSV has its names even where nothing is."""
    take_in(story, *(an_event(second=100 + at, tag=f"t{at}") for at in range(60)),
            an_event(second=300, tag="=1+1", actor="@x", addr="-1\x1b", digest=None, action="delete"))
    array = parsed(*arguments)
    assert [json.loads(line) for line in run(*arguments, "--jsonl").stdout.splitlines()] == array
    rows = list(csv.DictReader(io.StringIO(run(*arguments, "--csv").stdout, newline="")))
    assert len(rows) == len(array)
    for row, item in zip(rows, array, strict=True):
        assert {name.partition(".")[0] for name in row} == set(item)
        assert not [cell for cell in row.values() if cell[:1] in "=+-@\t\r" and cell and not cell.isdigit()]
        assert row.get("registry", HOST) == item.get("registry", HOST)
    if arguments[0] in ("events", "activity"):
        assert len(array) > 60
    limited = run(*arguments, "--limit", "1", "--jsonl")
    assert len(limited.stdout.splitlines()) == min(1, len(array))
    assert ("--limit shows more" in limited.stderr) is (len(array) > 1)


def test_one_moment_in_forms_for_machines(story: Engine) -> None:
    asked = ("history", "shop/web:stable", "--at", "2026-05-09T09:47:01Z")
    found = parsed(*asked)
    assert [json.loads(line) for line in run(*asked, "--jsonl").stdout.splitlines()] == [found]
    (row,) = csv.DictReader(io.StringIO(run(*asked, "--csv").stdout, newline=""))
    assert (row["digest"], row["change.actor"], row["ambiguous"]) == (B, "bob", "false")


def test_progress_only_where_a_terminal_shows_nothing_else(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr("app.cli.tables.PROGRESS_S", -1)
    for err, out, said in ((False, False, ""), (True, True, ""), (True, False, "\r3 lines in ")):
        monkeypatch.setattr("sys.stderr.isatty", lambda is_it=err: is_it)
        monkeypatch.setattr("sys.stdout.isatty", lambda is_it=out: is_it)
        assert list(with_progress(range(3))) == [0, 1, 2]
        shown = capsys.readouterr().err
        assert said in shown
        assert bool(shown) is bool(said)


def test_an_ambiguous_moment_is_shown(engine: Engine) -> None:
    take_in(engine, an_event(second=10), an_event(second=10, digest=B))
    assert "ambiguous:" in run("history", "shop/web:stable", "--at", "2026-05-09T10:00:00Z").stdout
    assert parsed("history", "shop/web:stable", "--at", "2026-05-09T10:00:00Z")["ambiguous"] is True


def test_several_registries_are_named(story: Engine) -> None:
    take_in(story, an_event(host="docker.io"), origin=Origin("hub", "distribution", ("docker.io",)))
    said = refused("history", "shop/web:stable", status=2)
    assert f"docker.io/shop/web, {HOST}/shop/web" in said
    assert len(parsed("history", "docker.io/shop/web")) == 1


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["history", "nobody/knows"], 1, "no registry has told of nobody/knows"),
        (["history", f"{HOST}/nobody/knows"], 1, "no such history"),
        (["history", f"{HOST}/shop/web:never", "--at", "now"], 1, "no history"),
        (["history", "Shop/Web"], 2, "not a repository name"),
        (["history", "shop/web:stable", "--at", "soon"], 2, "write 2026-03-01"),
        (["history", f"shop/web@{A}", "--at", "now"], 2, "takes no digest"),
        (["history", "Shop/*"], 2, "not a repository name"),
        (["history", "shop/*-*-*-*-*"], 2, "at most 4 stars"),
        (["history", "hop/*"], 1, "no such history"),
        (["history", "hop/*", "--at", "now"], 1, "no such history"),
        (["history", "shop/web:stable", "--at", "now", "--known-at", "2020-01-01"], 1, "nobody knew this tag then"),
        (["diff"], 2, "--since"),
        (["diff", f"shop/web@{A}", "--since", "1h"], 2, "no digest"),
        (["activity"], 2, "ACTOR"),
        (["history", "shop/web:stable", "--limit", "0"], 2, "--limit"),
        (["who", "abcdef"], 1, "begins with abcdef"),
        (["who", C], 1, "nobody has told"),
        (["who", "abc"], 2, "at least six hex characters"),
        (["events", "--raw", "999"], 1, "no event 999"),
        (["events", "--raw", "x"], 2, "--raw"),
        (["deliveries", "none\x1b"], 1, "no delivery 'none\\x1b'"),
        (["deliveries", "--status", "lost"], 2, "--status"),
        (["quarantine", "show", "none"], 1, "no entry"),
    ],
)
def test_refusals(story: Engine, arguments: list[str], status: int, says: str) -> None:
    assert says in refused(*arguments, status=status)


def test_who(story: Engine) -> None:
    take_in(story, an_event(second=40, tag="next", digest=B, actor="dora"))
    for wanted in (B, "bbbbbb", "sha256:BBBBBBBB"):
        said = run("who", wanted).stdout
        assert f"digest:        {B}" in said
        assert "first pushed:  2026-05-09T09:47:00Z\nby:            bob\n" in said
    assert ["2026-05-09T09:47:20Z", "now", HOST, "shop/web", "next", "dora"] in table("who", B)
    assert [one["tag"] for one in parsed("who", B)["periods"]["items"]] == ["next", "stable"]


def test_a_beginning_that_several_digests_have(story: Engine) -> None:
    other = f"sha256:{'a' * 63}0"
    take_in(story, an_event(tag="other", digest=other))
    assert f"{other}, {A}" in refused("who", "aaaaaa", status=2)
    assert parsed("who", A)["digest"] == A, "a whole digest is no beginning"


def test_events(story: Engine) -> None:
    assert [line[:3] for line in table("events")] == [
        ["SEQ", "TIME", "ACTION"],
        ["3", "2026-05-09T09:47:10Z", "delete"],
        ["2", "2026-05-09T09:47:00Z", "push"],
        ["1", "2026-05-09T09:46:50Z", "push"],
    ]
    asked = {"registry": HOST, "repository": "shop/web", "tag": "stable", "digest": B, "actor": "bob", "action": "push",
             "origin": "prod", "since": "2026-05-09T09:47:00Z", "until": "2026-05-09T09:47:01Z"}
    options = [part for name, value in asked.items() for part in (f"--{name}", value)]
    assert [line["seq"] for line in parsed("events", *options)] == [2]
    assert parsed("events", "--actor", "nobody") == []
    assert run("events", "--actor", "nobody").stderr == "(nothing)\n"


def test_the_bytes_of_an_event(engine: Engine) -> None:
    told = an_event(actor="zoë\u202e")
    take_in(engine, told)
    assert run("events", "--raw", "1").stdout_bytes == json.dumps(told).encode()


def test_deliveries(engine: Engine) -> None:
    add_delivery(engine, "msg_1", 0)
    add_delivery(engine, "msg_2", 5, destination="channel:ops", tag=None)
    try_delivery(engine, "trigger:web", 1, (503, "HTTP 503", b"busy\n"))
    lines = run("deliveries").stdout.splitlines()
    assert lines[1].split()[1:4] == ["msg_2", "pending", "channel:ops"]
    assert lines[2].split()[-3:] == ["1", "HTTP", "503"]
    assert [one["id"] for one in parsed("deliveries", "--destination", "trigger:web")] == ["msg_1"]
    assert len(parsed("deliveries", "--status", "pending")) == 2
    assert [one["id"] for one in parsed("deliveries", "--since", "2026-05-09T09:46:41Z")] == ["msg_2"]
    one = run("deliveries", "msg_1").stdout
    assert f"tells:         moved {HOST}/shop/web:stable {A} → {B}" in one
    assert "HTTP 503  busy\\u000a" in one
    assert one.endswith('Message, application/json\n{"type":"tag.moved"}\n')
    assert parsed("deliveries", "msg_1")["attempts"][0]["answer"] == "busy\n"


def test_the_quarantine(engine: Engine) -> None:
    entries = [
        reject("prod", Received(f"body {at}\x1b".encode()), moment(at), ("unreadable", "not JSON")) for at in range(2)
    ]
    with writing(engine) as connection:
        quarantined.add(connection, entries)
        quarantined.resolve(connection, entries[0].id, moment(9))
    assert [one["id"] for one in parsed("quarantine", "list")] == [entries[1].id]
    assert [one["id"] for one in parsed("quarantine", "list", "--all")] == [entries[1].id, entries[0].id]
    assert len(table("quarantine", "list", "--all")) == 3
    shown = run("quarantine", "show", entries[0].id).stdout
    assert shown.endswith("resolved:      2026-05-09T09:46:49Z\n\nbody 0\\u001b\n")
    assert parsed("quarantine", "show", entries[0].id)["body"] == "body 0\x1b"


def test_hostile_text_moves_no_cursor(engine: Engine) -> None:
    take_in(engine, an_event(tag=HOSTILE, actor=HOSTILE, addr=HOSTILE, useragent=HOSTILE))
    add_delivery(engine, "msg_1", 0, rule=HOSTILE[:4], tag="x\u202e\x1b", body=b"\x1b[2J\xff")
    for arguments in (["history", "shop/web"], ["who", A], ["events"], ["deliveries"], ["deliveries", "msg_1"]):
        said = run(*arguments).stdout
        assert not set(said.replace("\n", "")) & set("\x1b\u202e\r\x9b\x00"), arguments
        assert ("x\\u202e\\u001b" if "deliveries" in arguments else SHOWN) in said
        assert json.loads(run(*arguments, "--json").stdout)
        assert run(*arguments, "--json").stdout.isascii()


def test_a_terminal_gets_a_table_of_short_digests(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    print_table([{"time": When(moment(0.5)), "after": A, "who": HOSTILE}])
    said = re.sub(r"\x1b\[\d+m", "", capsys.readouterr().out)
    assert "2026-05-09 09:46:40Z" in said
    assert A[7:19] in said
    assert A[7:20] not in said
    assert "[red]" in said
    assert not set(said) & set("\x1b\u202e\r\x9b\x00")
    assert max(len(line) for line in said.splitlines()) <= 80


def test_where_nothing_is_set_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DATABASE_URL")
    for arguments in (["history", "a"], ["who", A], ["events"], ["deliveries"], ["quarantine", "list"]):
        assert "start with: tagtrail up" in refused(*arguments, status=1)
    assert not (tmp_path / "data").exists(), "looking makes nothing"
    engine = make_engine(f"sqlite:///{tmp_path}/data/tagtrail.db")
    engine.connect().close()
    engine.dispose()
    assert "start with: tagtrail migrate" in refused("events", status=1)

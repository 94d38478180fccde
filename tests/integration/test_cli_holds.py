"""`tagtrail pause`, `resume`, `pauses`, `approvals`, `approve`, `reject`, `redeploy`."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from acting import MAX_AGE_NS, Stage, rule
from builders import A, B, C
from click.testing import CliRunner, Result
from listener import Listener
from sqlalchemy import Engine

from app.cli import main
from app.outbound import Door
from app.settings.operator import operator
from app.store import actions, outbox
from app.store.engine import now_ns, reading

CONFIG = """\
triggers: {web: {kind: webhook, url: "${env:NOT_HERE}"}}
rules: [{name: web, when: {repository: "shop/*"}, deploy: [web]}]
"""


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: str) -> None:
    """Whose configuration names a secret that is not at hand: none of these commands needs it."""
    (tmp_path / "tagtrail.yml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TAGTRAIL_CONFIG", raising=False)
    monkeypatch.setenv("TAGTRAIL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DATABASE_URL", database_url)


@pytest.fixture
def stage(engine: Engine) -> Iterator[Stage]:
    """Where A was followed by B."""
    with Listener() as listener, Door() as door:
        stage = Stage(engine, door, listener, rules=[replace(rule(), approve_ns=MAX_AGE_NS)])
        stage.happen(20, digest=A)
        stage.happen(10, digest=B)
        stage.fan_out()
        stage.deliver()
        yield stage


def run(*arguments: str, status: int = 0) -> Result:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == status, result.output
    return result


def test_a_pause_is_listed_until_it_is_lifted(engine: Engine) -> None:
    assert run("pause", "--reason", "cluster", "--until", "2h").stdout.startswith("everything: paused until 20")
    assert run("pause", "rule:web").stdout == "rule:web: paused\n"
    listed = json.loads(run("pauses", "--json").stdout)
    assert [(one["scope"], one["actor"], one["reason"]) for one in listed] == [
        ("everything", operator(), "cluster"), ("rule:web", operator(), None),
    ]
    assert listed[0]["until"] is not None
    assert run("resume").stdout == "everything: no longer paused\n"
    assert "rule:web" in run("pauses").stdout
    assert "everything" not in run("pauses").stdout
    assert "did you mean 'rule:web'?" in run("pause", "rule:wep", status=1).output
    assert "no time to come" in run("pause", "--until", "2020-01-01", status=2).output
    assert "'everything' is not paused" in run("resume", status=1).output
    assert json.loads(run("resume", "rule:web", "--json").stdout) == {"scope": "rule:web"}
    made = json.loads(run("pause", "trigger:web", "--json").stdout)
    assert (made["scope"], made["actor"], made["until"]) == ("trigger:web", operator(), None)


def test_somebody_approves_or_rejects(stage: Stage) -> None:
    (waiting,) = json.loads(run("approvals", "--json").stdout)
    assert waiting["digest"] == B
    assert run("approve", waiting["id"], "--reason", "fine").stdout == f"{waiting['id']}: approved\n"
    assert "it is approved by" in run("reject", waiting["id"], status=1).output
    assert json.loads(run("approvals", "--json").stdout) == []
    (decided,) = json.loads(run("approvals", "--all", "--json").stdout)
    assert (decided["decision"], decided["actor"], decided["note"]) == ("approved", operator(), "fine")
    assert "nothing waits for approval" in run("reject", "msg_x", status=1).output


def test_what_is_rejected_says_so(stage: Stage) -> None:
    (waiting,) = json.loads(run("approvals", "--json").stdout)
    decided = json.loads(run("reject", waiting["id"], "--json").stdout)
    assert decided == {"id": waiting["id"], "decision": "rejected"}
    assert f"it is rejected by {operator()} already" in run("approve", waiting["id"], status=1).output


def test_the_way_back_is_shown_and_then_gone(stage: Stage) -> None:
    shown = run("redeploy", "shop/web:stable", "--digest", A, "--dry-run")
    assert "would send" in shown.stdout
    assert "trigger:web" in shown.stdout
    with reading(stage.engine) as connection:
        assert actions.all_of(connection, "redeploy") == []
    sent = json.loads(run("redeploy", "shop/web:stable", "--as-of", "15s", "--json").stdout)
    assert (sent["digest"], sent["before"]) == (A, B)
    with reading(stage.engine) as connection:
        (done,) = actions.all_of(connection, "redeploy")
        assert "redeploy:" in outbox.due_lanes(connection, now_ns(connection))
    assert done.actor == operator()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["shop/web:stable"], "give either --as-of TIME or --digest DIGEST"),
        (["shop/web:stable", "--digest", A, "--as-of", "1h"], "give either --as-of TIME or --digest DIGEST"),
        (["shop/web", "--digest", A], "name one tag"),
        (["shop/web:st*", "--digest", A], "name one tag"),
        (["shop/web:stable", "--digest", "abc"], "digest"),
        (["shop/web:stable", "--digest", C], "nobody has told of"),
        (["shop/web:stable", "--digest", A, "--trigger", "db"], "to 'db'; its rules deploy to: web"),
        (["shop/web:stable", "--digest", A, "--trigger", "wep"], "to 'wep'; did you mean 'web'?"),
        (["shop/api:stable", "--digest", A], "no registry has told of shop/api"),
    ],
)
def test_what_can_not_be_gone_back_to(stage: Stage, arguments: list[str], says: str) -> None:
    result = CliRunner().invoke(main, ["redeploy", *arguments])
    assert result.exit_code != 0
    assert says in result.output

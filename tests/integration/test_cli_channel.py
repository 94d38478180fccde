"""`tagtrail channel test`, called as a user calls it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from listener import Listener, Reply

from app.cli import main


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Listener]:
    for name in ("TAGTRAIL_CONFIG", "DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TAGTRAIL_DATA", str(tmp_path / "data"))
    with Listener() as listener:
        monkeypatch.setenv("CHAT_URL", f"{listener.url}/s3cr3t-s3cr3t")
        channels = {kind: {"kind": kind, "url": "${env:CHAT_URL}"} for kind in ("slack", "teams", "discord", "webhook")}
        (tmp_path / "tagtrail.yml").write_text(json.dumps({"channels": channels}))
        yield listener


def run(*arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(main, ["channel", "test", *arguments])
    assert result.exit_code == status, result.output
    assert "s3cr3t" not in result.output
    return result.output


@pytest.mark.parametrize("kind", ["slack", "teams", "discord", "webhook"])
def test_a_test_goes_at_once_and_says_that_it_is_one(listener: Listener, kind: str, tmp_path: Path) -> None:
    listener.reply(Reply(202))
    assert run(kind).startswith("taken: HTTP 202, after ")
    (heard,) = listener.heard
    assert b"this-is/a-test" in heard.body
    assert not (tmp_path / "data").exists(), "a test leaves nothing behind"


def test_a_refusal_is_told_and_fails(listener: Listener) -> None:
    listener.reply(Reply(404, body=b"no_service"))
    assert run("slack", status=1).splitlines()[0].startswith("not taken: HTTP 404: no_service, after ")


def test_the_message_is_shown_without_being_sent(listener: Listener) -> None:
    assert json.loads(run("discord", "--show"))["allowed_mentions"] == {"parse": []}
    assert listener.heard == []


def test_an_unknown_name_is_told_with_the_nearest(listener: Listener) -> None:
    assert "no channel is called 'slak'; did you mean 'slack'?" in run("slak", status=1)


def test_one_that_can_not_be_used_is_not_in_the_way_of_others(listener: Listener, tmp_path: Path) -> None:
    channels = {"ops": {"kind": "webhook", "url": "${env:CHAT_URL}"}, "broken": {"kind": "webhook", "url": "ftp://x"}}
    (tmp_path / "tagtrail.yml").write_text(json.dumps({"channels": channels}))
    assert run("ops").startswith("taken: ")
    assert "channels.broken: not a usable URL" in run("broken", status=1)


def test_a_template_is_shown_and_sent(listener: Listener, tmp_path: Path) -> None:
    channel = {"kind": "slack", "url": "${env:CHAT_URL}", "template": "Look: {{ tag }} of {{ repository }}"}
    (tmp_path / "tagtrail.yml").write_text(json.dumps({"channels": {"ops": channel}}))
    shown = run("ops", "--show")
    assert json.loads(shown)["blocks"][0]["text"]["text"] == "Look: `test` of `this-is/a-test`"
    assert run("ops").startswith("taken: HTTP 200, after ")
    assert json.loads(listener.heard[0].body) == json.loads(shown)

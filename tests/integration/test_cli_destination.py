"""`tagtrail destination`: how they do, and a word of the operator's about it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli import main

CONFIG = """
triggers: {web: {kind: webhook, url: "http://127.0.0.1:9/deploy", in_flight: 2, disable_after: 1h}}
channels: {ops: {kind: webhook, url: "http://127.0.0.1:9/chat"}}
notices: [ops]
"""


@pytest.fixture
def folder(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("TAGTRAIL_DATA", "TAGTRAIL_CONFIG"):  # the commands set them, and they are put back
        monkeypatch.setenv(name, str(tmp_path))
    (tmp_path / "tagtrail.yml").write_text(CONFIG, encoding="utf-8")
    assert sqlite_url == f"sqlite:///{tmp_path}/tagtrail.db"
    return tmp_path


def run(folder: Path, *arguments: str) -> Result:
    where = ("--data", str(folder), "--config", str(folder / "tagtrail.yml"))
    return CliRunner().invoke(main, ["destination", *arguments, *where])


def listed(folder: Path) -> dict[str, tuple[str, str | None]]:
    found = json.loads(run(folder, "list", "--json").stdout)
    return {one["name"]: (one["state"], one["reason"]) for one in found}


def test_one_is_disabled_and_enabled(folder: Path) -> None:
    assert listed(folder) == {"trigger:web": ("open", None), "channel:ops": ("open", None)}
    assert run(folder, "disable", "trigger:web", "--reason", "a move").stdout == "trigger:web: disabled\n"
    state, reason = listed(folder)["trigger:web"]
    assert state == "disabled"
    assert reason is not None
    assert reason.endswith(": a move")
    assert "disabled" in run(folder, "list").stdout
    (web, _ops) = json.loads(run(folder, "list", "--json").stdout)
    assert (web["in_flight"], web["waiting"], web["dead"], web["next_try"]) == (0, 0, 0, None)
    assert run(folder, "enable", "trigger:web").stdout == "trigger:web: backing off\n"
    assert run(folder, "enable", "channel:ops").stdout == "channel:ops: open\n"


def test_one_that_does_not_exist_is_told_with_the_nearest(folder: Path) -> None:
    refused = run(folder, "disable", "trigger:wed")
    assert refused.exit_code == 1
    assert "the configuration has no 'trigger:wed'; did you mean trigger:web?" in refused.stderr


def test_notices_name_channels_that_exist(folder: Path) -> None:
    (folder / "tagtrail.yml").write_text(CONFIG.replace("[ops]", "[opps]"), encoding="utf-8")
    refused = run(folder, "list")
    assert refused.exit_code == 1
    assert "no channel is called 'opps'; did you mean 'ops'?" in refused.stderr

"""`tagtrail registry gc` and `delete` on what is not there, or not theirs."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli import main


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("TAGTRAIL_CONFIG", "TAGTRAIL_DATA", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "config.yml"
    root = tmp_path / "storage"
    file.write_text(f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {root}}}}}\n")
    return file


@pytest.mark.parametrize("command", ["gc", "gc --dry-run", "delete shop/web --yes"])
def test_a_folder_that_no_registry_ran_with_is_refused(config: Path, tmp_path: Path, command: str) -> None:
    name, *options = command.split()
    done = CliRunner().invoke(main, ["registry", name, *options, str(config), "--data", "elsewhere"])
    assert done.exit_code == 1
    assert "name the --data of its `tagtrail registry serve`" in done.output
    assert not (tmp_path / "elsewhere").exists()


def test_a_dry_run_does_not_delete_what_is_not_there_either(config: Path, tmp_path: Path) -> None:
    (tmp_path / "data" / "locks").mkdir(parents=True)
    for options in (["--dry-run"], ["--yes"]):
        arguments = ["registry", "delete", "shop/web", *options, str(config), "--data", "data"]
        done = CliRunner().invoke(main, arguments)
        assert (done.exit_code, "repository name not known" in done.output) == (1, True), done.output

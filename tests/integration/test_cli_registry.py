"""`tagtrail registry gc` and `delete`: on what is not there, or not theirs, and who did it."""

import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from images import an_image
from sqlalchemy import select

from app.cli import main
from app.registry.bodies import Body
from app.registry.locks import ThreadLocks
from app.registry.notify import Silent
from app.registry.registry import Registry, Target
from app.registry.storage.factory import make_driver
from app.registry.validation import OCI_MANIFEST
from app.settings.operator import operator
from app.store import schema
from app.store.engine import make_engine, reading


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


def test_its_events_say_who_deleted(config: Path, tmp_path: Path) -> None:
    (tmp_path / "data" / "locks").mkdir(parents=True)
    with config.open("a") as file:
        file.write("notifications: {endpoints: [{name: audit, url: 'http://127.0.0.1:9/'}]}\n")
    image = an_image(tmp_path / "image", 1)
    stored = Registry(make_driver("filesystem", {"rootdirectory": str(tmp_path / "storage")}), ThreadLocks())
    for digest, content in image.blobs.items():
        stored.push_blob("shop/web", digest, Body(io.BytesIO(content), len(content)), Silent())
    stored.put_manifest(
        Target("shop/web", ["v1"]), OCI_MANIFEST, Body(io.BytesIO(image.manifest), len(image.manifest)), Silent()
    )
    done = CliRunner().invoke(main, ["registry", "delete", "shop/web:v1", str(config), "--data", "data"])
    assert done.exit_code == 0, (done.output, done.exception)
    journal = make_engine(f"sqlite:///{tmp_path}/data/journal.db")
    with reading(journal) as connection:
        (event,) = connection.execute(select(schema.journal.c.event)).scalars()
    journal.dispose()
    told = json.loads(event)
    assert (told["action"], told["actor"]) == ("delete", {"name": operator()})

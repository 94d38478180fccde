"""A configuration that changes is used without a restart, if it can be; else the old one stays (issue 4)."""

import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import add_delivery
from destinations import SECRET
from sqlalchemy import Engine, update
from system import wait_until

from app.bootstrap import make_services, reloading
from app.domain.errors import TagtrailError
from app.settings import load
from app.store import actions, due, schema
from app.store.engine import now_ns, reading, writing
from app.usecases.note_configuration import VERB
from workers import follow, work

CONFIG = """triggers:
  web: {{kind: webhook, url: 'http://127.0.0.1:9/', secret: '${{file:web.secret}}'}}
channels:
  ops: {{kind: webhook, url: 'http://127.0.0.1:9/'}}
rules:
  - name: web
    when: {{repository: '{repository}', change: [{change}]}}
    {leads}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str) -> Path:
    for module in (reloading, follow):
        monkeypatch.setattr(module, "EVERY_S", 0.02)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TAGTRAIL_CONFIG", raising=False)
    for name, value in {
        "TAGTRAIL_DATA": str(tmp_path / "data"), "DATABASE_URL": database_url, "REDIS_URL": "redis://127.0.0.1:1/",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    (tmp_path / "web.secret").write_text(SECRET)
    configure(tmp_path)
    return tmp_path


def configure(
    folder: Path, repository: str = "shop/web", change: str = "moved", leads: str = "deploy: [web]"
) -> None:
    (folder / "tagtrail.yml").write_text(CONFIG.format(repository=repository, change=change, leads=leads))


@pytest.fixture
def worker(folder: Path, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A worker's own work, that follows its configuration; no Redis rings."""
    caplog.set_level(logging.INFO, "app")
    settings = load()
    begun = work.start(settings)
    with follow.following(settings):
        yield
    begun.lanes.close()
    begun.engine.dispose()
    begun.journal.dispose()


def repositories() -> list[object]:
    return [rule.when.repository for rule in work.current().fan.rules]


def test_a_worker_goes_on_with_what_has_changed(folder: Path, worker: None, engine: Engine) -> None:
    before = work.current()
    configure(folder, "shop/other")
    wait_until("the new rules", lambda: repositories() == ["shop/other"])
    assert work.current().engine is before.engine
    assert work.current().lanes is before.lanes

    def notes() -> list[actions.Recorded]:
        with reading(engine) as connection:
            return actions.all_of(connection, VERB)

    noted = wait_until("the note", notes)
    assert [one.detail["rules"] for one in noted] == [{"web": work.current().fan.rules[0].version}]


def test_what_cannot_be_used_is_told_once_and_changes_nothing(
    folder: Path, worker: None, caplog: pytest.LogCaptureFixture
) -> None:
    configure(folder, "shop/other", change="mooved")
    wait_until("the complaint", lambda: "the old one stays in force" in caplog.text)
    assert "tagtrail.yml:7: rules.0.when.change.0" in caplog.text
    time.sleep(10 * reloading.EVERY_S)
    configure(folder, "shop/third")
    wait_until("the new rules", lambda: repositories() == ["shop/third"])
    assert caplog.text.count("the old one stays in force") == 1


def test_a_secret_that_changes_is_used(folder: Path, worker: None) -> None:
    before = work.current().fan.sinks["trigger:web"]
    (folder / "web.secret").write_text("whsec_" + "QUJD" * 12)
    wait_until("the new secret", lambda: work.current().fan.sinks["trigger:web"] != before)


def test_an_unchanged_configuration_is_not_read_again(
    folder: Path, worker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def load_again() -> None:
        read.append("again")
        raise TagtrailError("not now")

    monkeypatch.setattr(reloading, "load", load_again)
    os.utime(folder / "web.secret", ns=(1, 1))
    wait_until("a look that finds another time", lambda: read)
    time.sleep(10 * reloading.EVERY_S)
    assert read == ["again"]


def test_the_receiver_promises_pulls_to_those_who_ask_from_then_on(folder: Path) -> None:
    services = make_services(load())
    assert not services.in_force().policy.pulls_fan_out
    configure(folder, change="pulled", leads="alert: [ops]")
    wait_until("the policy", lambda: services.in_force().policy.pulls_fan_out)
    services.engine.dispose()


def test_what_is_held_is_looked_at_again(folder: Path, worker: None, engine: Engine) -> None:
    add_delivery(engine, "held")
    with writing(engine) as connection:
        connection.execute(update(schema.deliveries).values(held_ns=1, next_attempt_ns=2**62))
        assert due.due_destinations(connection, now_ns(connection)) == set()
    configure(folder, "shop/other")

    def destinations() -> set[str]:
        with reading(engine) as connection:
            return due.due_destinations(connection, now_ns(connection))

    assert wait_until("what was held", destinations) == {"trigger:web"}

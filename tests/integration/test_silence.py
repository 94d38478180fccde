"""The alarm of an origin that is expected to speak: in the list, and in the relay's log."""

import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from builders import PROD, an_event, take_in
from click.testing import CliRunner
from sqlalchemy import Engine, select

from app.cli import main
from app.domain.events import MADE_UP
from app.domain.origins import is_silent
from app.domain.times import SECOND_NS
from app.outbound import Door, Url
from app.settings import ConfigurationError, OriginsFolder, load
from app.settings.sections import OriginSection
from app.sinks.slack import Slack
from app.store import schema
from app.store.engine import now_ns, reading
from workers import relay, silence
from workers.silence import Watch


@pytest.mark.parametrize(("age", "silent"), [(0, False), (60, False), (61, True)])
def test_what_is_older_than_expected_is_silence(age: int, silent: bool) -> None:
    assert is_silent(1000, 60, 1000 + age) is silent


@dataclass
class Said:
    """What a watch says at each look, of an origin that is expected every hour, at the times given."""

    engine: Engine
    folder: Path
    patch: pytest.MonkeyPatch
    caplog: pytest.LogCaptureFixture

    def __post_init__(self) -> None:
        section = OriginSection.model_validate({"kind": "distribution", "insecure": "a lab", "expect_every": "1h"})
        other = OriginSection.model_validate({"kind": "distribution", "insecure": "a lab"})
        self._origins = OriginsFolder(self.folder, {"prod": section, "quiet": other})
        self.restart()
        self.caplog.set_level(logging.INFO, logger="workers.silence")

    def restart(self) -> None:
        channels = {name: Slack(Door(), Url.parse("http://127.0.0.1:9/")) for name in ("channel:dev", "channel:ops")}
        self._watch = Watch(self._origins, lambda: channels)

    def at(self, seconds: float) -> list[str]:
        self.caplog.clear()
        moment = 1_778_320_000 * SECOND_NS + round(seconds * SECOND_NS)
        self.patch.setattr(silence, "now_ns", lambda _connection: moment)
        self._watch.look(self.engine)
        return [record.getMessage() for record in self.caplog.records]

    def told(self) -> list[tuple[str, str]]:
        """Where, and in what words, of all that channels were told."""
        with reading(self.engine) as connection:
            rows = connection.execute(select(schema.deliveries).order_by(schema.deliveries.c.made_ns)).all()
        return sorted((row.destination, json.loads(row.body)["text"]) for row in rows)


@pytest.fixture
def said(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Said:
    return Said(engine, tmp_path, monkeypatch, caplog)


def test_silence_and_its_end_are_told_once_each(engine: Engine, said: Said) -> None:
    take_in(engine, an_event(), received=0)
    assert said.at(3600) == []
    (line,) = said.at(3601)
    assert line.startswith("prod is silent since 2026-05-09T09:46:40Z; something is expected every 3600 s")
    assert said.at(3606) == []
    take_in(engine, an_event(repository=MADE_UP), received=3607)
    assert said.at(3608) == [], "what the doctor made up is no sign of life"
    take_in(engine, an_event(), received=3610)
    assert said.at(3611) == ["prod speaks again"]
    assert said.at(3612) == []
    assert len(said.at(7300)) == 1


def test_who_never_spoke_has_time_until_the_first_is_due(engine: Engine, said: Said) -> None:
    take_in(engine, an_event(), received=-9000, origin=replace(PROD, name="quiet"))
    assert said.at(0) == []
    assert said.at(3600) == []
    assert len(said.at(3601)) == 1


def test_channels_are_told_of_each_silence_once(engine: Engine, said: Said) -> None:
    take_in(engine, an_event(), received=0)
    said.at(3600)
    assert said.told() == []
    for seconds in (3601, 3606):
        said.at(seconds)
    said.restart()
    assert len(said.at(3700)) == 1, "the log says it again"
    words = (
        "prod is silent since 2026-05-09T09:46:40Z; something is expected every 3600 s: see tagtrail origin doctor prod"
    )
    assert said.told() == [("channel:dev", words), ("channel:ops", words)]
    take_in(engine, an_event(), received=3710)
    said.at(3711)
    assert len(said.told()) == 2
    said.at(7311)
    assert [where for where, text in said.told() if "10:48:30Z" in text] == ["channel:dev", "channel:ops"]


def test_who_never_spoke_is_told_of_once(said: Said) -> None:
    for start in (0, 10_000):
        said.restart()
        said.at(start)
        assert len(said.at(start + 3601)) == 1
    assert [where for where, _text in said.told()] == ["channel:dev", "channel:ops"]


def test_the_relay_tells_those_whom_the_configuration_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TAGTRAIL_DATA", str(tmp_path))
    chat = "{kind: slack, url: 'http://127.0.0.1:9/'}"
    Path("tagtrail.yml").write_text(f"channels:\n  dev: {chat}\n  ops: {chat}\nnotices: [ops]\n")
    assert set(relay.notified(load())()) == {"channel:ops"}


def test_a_file_that_cannot_be_read_is_told(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_text("kind: nothing")
    with pytest.raises(ConfigurationError):
        Watch(OriginsFolder(tmp_path)).look(engine)


@pytest.fixture
def listed(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("TAGTRAIL_CONFIG", raising=False)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("TAGTRAIL_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    Path("tagtrail.yml").write_text(
        "origins:\n"
        "  new: {kind: auto, insecure: a lab, expect_every: 1h}\n"
        "  prod: {kind: distribution, insecure: a lab, expect_every: 1h}\n"
        "  quiet: {kind: distribution, insecure: a lab}\n"
    )
    return tmp_path


def rows() -> dict[str, dict[str, object]]:
    done = CliRunner().invoke(main, ["origin", "list", "--json"])
    assert done.exit_code == 0, done.output
    return {row["origin"]: row for row in json.loads(done.stdout)}


def test_the_list_says_who_is_silent_and_since_when(engine: Engine, listed: Path) -> None:
    for name in ("prod", "quiet"):
        take_in(engine, an_event(actor=None), received=3, origin=replace(PROD, name=name))
    found = rows()
    since = {name: row["silent_since"] for name, row in found.items()}
    assert since == {"new": "never heard", "prod": "2026-05-09T09:46:43Z", "quiet": None}
    assert found["new"]["newest"] is None
    assert found["quiet"]["newest"] == {
        "events": 1, "time": "2026-05-09T09:46:40.000000000Z", "received": "2026-05-09T09:46:43.000000000Z",
        "lag_ns": 3_000_000_000, "ahead_ns": 0, "never": ["actor"],
    }  # fmt: skip
    table = CliRunner().invoke(main, ["origin", "list"]).stdout
    assert "SILENT SINCE" in table
    assert table.count("2026-05-09T09:46:43Z") == 3


def test_who_has_just_spoken_is_not_silent(engine: Engine, listed: Path) -> None:
    with reading(engine) as connection:
        ago = (now_ns(connection) / SECOND_NS) - 1_778_320_000
    take_in(engine, an_event(), received=ago)
    assert rows()["prod"]["silent_since"] is None


@pytest.mark.parametrize("span", ["0s", "often", "-1h"])
def test_a_span_that_is_none_is_refused(listed: Path, span: str) -> None:
    Path("tagtrail.yml").write_text(f"origins: {{prod: {{kind: auto, insecure: a lab, expect_every: {span}}}}}")
    done = CliRunner().invoke(main, ["origin", "list"])
    assert done.exit_code == 1
    assert "tagtrail.yml:1: origins.prod.expect_every" in done.output

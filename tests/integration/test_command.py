"""The command trigger: what a program gets, what it can't do, and what becomes of it when its time is up."""

import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tellings import AFTER, told

from app.outbound import Door
from app.settings import ConfigurationError
from app.settings.sections import File
from app.settings.templates import RenderError
from app.settings.yamlfile import read
from app.sinks import kinds
from app.sinks.sink import Outcome, Trigger
from app.usecases.deliver import LEASE_NS, lease_ns

NOW_S = 1_795_464_407
SECRET = "s3cr3t-s3cr3t"
Made = Callable[..., Trigger]


@pytest.fixture
def trigger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Made]:
    monkeypatch.setenv("SECRET", SECRET)
    with Door() as door:

        def made(script: str, arguments: str = "", settings: str = "") -> Trigger:
            program = tmp_path / "deploy"
            program.write_text(f"#!/bin/sh\n{script}\n")
            program.chmod(stat.S_IRWXU)
            path = tmp_path / "tagtrail.yml"
            path.write_text(f"triggers:\n  web: {{kind: command, command: ['{program}'{arguments}]{settings}}}\n")
            return kinds.trigger(read(path, File).triggers["web"], door)

        yield made


def sent(sink: Trigger, **changed: Any) -> Outcome:
    outcome = sink.send("msg_1", sink.render([told(**changed)]), NOW_S)
    assert SECRET not in repr(outcome) + repr(sink) + sink.shown(sink.render([told()]))
    return outcome


def test_values_are_whole_arguments_and_no_shell_reads_them(trigger: Made) -> None:
    sink = trigger('printf "[%s]" "$@"', ", --digest, '{{ digest }}', '{{ actor }}'")
    outcome = sent(sink, actor="$(id) `id`; a 'b' \"c\" *")
    assert (outcome.delivered, outcome.detail) == (True, "exit code 0")
    assert outcome.answer.decode() == f"[--digest][{AFTER}][$(id) `id`; a 'b' \"c\" *]"


def test_the_environment_is_the_configured_one(trigger: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAKED", "leaked")
    variables = ", environment: {TAG: '{{ tag }}', FIXED: a b, TOKEN: '${env:SECRET}'}"
    answer = sent(trigger("/usr/bin/env; pwd; cat", settings=variables)).answer.decode()
    found = dict(line.split("=", 1) for line in answer.splitlines() if "=" in line)
    assert {name: found[name] for name in ("TAG", "FIXED", "TOKEN", "TAGTRAIL_DELIVERY")} == {
        "TAG": "stable", "FIXED": "a b", "TOKEN": "[hidden]", "TAGTRAIL_DELIVERY": "msg_1",
    }  # fmt: skip
    assert "LEAKED" not in found
    assert answer.splitlines()[-1] == "/"


def test_another_exit_code_is_a_failure_that_is_tried_again(trigger: Made) -> None:
    outcome = sent(trigger("echo broken >&2; exit 3"))
    assert (outcome.delivered, outcome.permanent, outcome.detail) == (False, False, "exit code 3")
    assert outcome.answer == b"broken\n"


def test_output_without_end_is_cut(trigger: Made) -> None:
    outcome = sent(trigger("head -c 3000000 /dev/zero | tr '\\0' x"))
    assert (outcome.delivered, len(outcome.answer)) == (True, 2048)


def test_a_program_without_end_is_killed_with_all_that_it_started(trigger: Made, tmp_path: Path) -> None:
    sink = trigger(f"sleep 60 & echo $! > {tmp_path}/child; echo started; wait", settings=", timeout: 500ms")
    started = time.monotonic()
    outcome = sent(sink)
    assert time.monotonic() - started < 10
    assert (outcome.delivered, outcome.detail) == (False, "no end within 0.5 s, killed")
    assert outcome.answer == b"started\n"
    _wait_for_the_end_of(int((tmp_path / "child").read_text()))


def test_what_a_program_leaves_running_is_ended(trigger: Made, tmp_path: Path) -> None:
    outcome = sent(trigger(f"sleep 60 & echo $! > {tmp_path}/child"))
    assert outcome.delivered
    _wait_for_the_end_of(int((tmp_path / "child").read_text()))


def _wait_for_the_end_of(pid: int) -> None:
    """Nobody may be there to take an orphan's exit code, so a zombie counts as ended."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return
        if state == "Z":
            return
        time.sleep(0.02)
    raise AssertionError(f"process {pid} still runs")


@pytest.mark.parametrize("actor", ["--rm", "-", "a\0b", "a\nb", "\x1b[31m"])
def test_a_value_that_could_mean_more_than_itself_is_never_given(trigger: Made, actor: str) -> None:
    with pytest.raises(RenderError):
        trigger("true", ", '{{ actor }}'").render([told(actor=actor)])


def test_a_program_that_is_gone_is_tried_again(trigger: Made, tmp_path: Path) -> None:
    sink = trigger("true")
    (tmp_path / "deploy").unlink()
    outcome = sent(sink)
    assert (outcome.delivered, outcome.permanent) == (False, False)
    assert outcome.detail == f"{tmp_path}/deploy can't be run: No such file or directory"


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("[deploy]", "name the program by its absolute path"),
        ("[]", "at least 1 item"),
        ("[/bin/echo, 'tag={{ tag }}']", "a value is a whole argument or variable"),
        ("[/bin/echo, '{{ tga }}']", "no field is called 'tga'"),
        ("['{{ tag }}']", "name the program by its absolute path"),
        ("[/bin], timeout: 11m", "less than or equal to"),
        ("[/bin]", "/bin is no program that can be run here"),
        ("[/nowhere/deploy]", "/nowhere/deploy is no program that can be run here"),
    ],
)
def test_what_can_not_be_run_is_told_at_start(tmp_path: Path, command: str, complaint: str) -> None:
    path = tmp_path / "tagtrail.yml"
    path.write_text(f"triggers:\n  web: {{kind: command, command: {command}}}\n")
    with Door() as door, pytest.raises(ConfigurationError) as caught:
        kinds.trigger(read(path, File).triggers["web"], door)
    assert complaint in str(caught.value)


def test_a_lease_outlives_the_program(trigger: Made) -> None:
    assert lease_ns(trigger("true", settings=", timeout: 5m")) > 300 * 1_000_000_000 > LEASE_NS

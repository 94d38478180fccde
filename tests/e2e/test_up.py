"""`tagtrail up` as its user sees it: starts, is told to end, ends; and mends what dies."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from system import TAGTRAIL, descendants, running, wait_until

from app.domain.digests import Digest

pytestmark = pytest.mark.e2e

PARTS = ("valkey-server", "app.wsgi", "workers fast", "workers deliver", "workers.relay")


def test_ctrl_c_ends_every_child(tmp_path: Path) -> None:
    with running(tmp_path) as system:
        assert system.process is not None
        wait_until("every part", lambda: all(system.pids(part) for part in PARTS))
        below = descendants(system.process.pid)
        assert system.stop() == 0
        left = [pid for pid in below if Path(f"/proc/{pid}").exists()]
        assert left == []


@pytest.mark.parametrize("part", PARTS)
def test_a_child_that_dies_is_started_again_and_its_reason_logged(tmp_path: Path, part: str) -> None:
    with running(tmp_path) as system:
        (before,) = wait_until(part, lambda: system.pids(part))
        os.kill(before, signal.SIGKILL)
        wait_until(f"another {part}", lambda: system.pids(part) not in ([], [before]))
        assert "was ended by SIGKILL" in system.log()
        wait_until("pages", system.answers)


def test_metrics_are_those_of_all_processes(tmp_path: Path) -> None:
    with running(tmp_path) as system:
        pushed = f"{system.url}/v2/shop/web/blobs/uploads/?digest={Digest.of(b'x')}"
        with urllib.request.urlopen(urllib.request.Request(pushed, b"x", method="POST")) as answer:
            assert answer.status == 201

        def told(line: str) -> bool:
            with urllib.request.urlopen(f"{system.url}/metrics") as answer:
                return line in answer.read().decode()

        for line in (
            'registry_http_requests_total{code="201",handler="blob_upload",method="post"} 1.0',
            'registry_storage_action_seconds_count{action="Move",driver="filesystem"} 1.0',
            'registry_notifications_events_total{endpoint="tagtrail",type="Successes"} 1.0',
            'registry_notifications_pending_total{endpoint="tagtrail"} 0.0',
            'tagtrail_receiver_requests_total{code="202",origin="local"} 1.0',
            'tagtrail_events_received_total{origin="local",outcome="stored"} 1.0',
            "tagtrail_redis_up 1.0",
        ):
            wait_until(line, lambda line=line: told(line))


def test_a_child_that_keeps_dying_ends_the_whole(tmp_path: Path) -> None:
    with running(tmp_path) as system:
        process = system.process
        assert process is not None
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            system.kill_part("workers fast")
            time.sleep(0.05)
        assert system.ended() == 1
        assert "giving up" in system.log()


def test_a_folder_with_somebody_elses_app_and_workers_shadows_nothing(tmp_path: Path) -> None:
    for package in ("app", "workers", "migrations"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise SystemExit('somebody else')\n")
    script = Path(sys.executable).with_name("tagtrail")
    process = subprocess.Popen(
        [script, "up", "--port", "0"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("TAGTRAIL_")},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "Tagtrail is up.\n"
        assert (tmp_path / "tagtrail-data" / "tagtrail.db").exists()
    finally:
        process.send_signal(signal.SIGINT)
        _out, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "somebody else" not in errors


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        (
            "rules:\n  - name: web\n    deploi: [x]\n",
            "tagtrail.yml:3: rules.0.deploi: unknown key 'deploi'; did you mean 'deploy'?",
        ),
        ("channels:\n  ops: {kind: slack, url: not-a-url}\n", "channels.ops"),
    ],
)
def test_a_bad_configuration_stops_the_start(tmp_path: Path, config: str, complaint: str) -> None:
    (tmp_path / "tagtrail.yml").write_text(config)
    done = subprocess.run(
        [*TAGTRAIL, "up", "--port", "0", "--data", tmp_path / "data", "--config", tmp_path / "tagtrail.yml"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert complaint in done.stderr


def test_a_second_one_on_the_same_data_is_refused(tmp_path: Path) -> None:
    with running(tmp_path) as system:
        done = subprocess.run(
            [*TAGTRAIL, "up", "--port", "0", "--data", system.data], capture_output=True, text=True, timeout=30
        )
    assert done.returncode == 1
    assert "another tagtrail up runs" in done.stderr


def test_a_taken_port_says_what_to_do(tmp_path: Path) -> None:
    with running(tmp_path) as system:
        done = subprocess.run(
            [*TAGTRAIL, "up", "--port", str(system.port), "--data", tmp_path / "other"],
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert done.returncode == 1
    assert "choose another with --port" in done.stderr

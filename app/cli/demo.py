"""`tagtrail demo`: the main job on a real system, start to end, by nothing but HTTP and the command line."""

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from app.cli.demo_listener import DemoError, Listener, Received, listening
from app.cli.tables import print_table
from app.domain.signatures import InvalidSignatureError, Signed, SigningSecret, verify
from app.outbound import Door
from app.pausepoints import pause
from app.remote.client import RemoteRegistry
from app.remote.image import MANIFEST, Image, make_image

REPOSITORY, TAG = "demo/web", "stable"

CONFIG = """\
triggers:
  web-prod: {{kind: webhook, url: "{url}/deploy", secret: "${{env:DEMO_SECRET}}", settle: 500ms}}
channels:
  ops: {{kind: slack, url: "{url}/chat", settle: 500ms}}
rules:
  - name: web
    when: {{registry: local, repository: "demo/*", tag: stable, change: [created, moved, restored]}}
    deploy: [web-prod]
  - name: tell
    when: {{registry: local, repository: "demo/*", change: [created, moved, restored, removed]}}
    alert: [ops]
"""


@contextlib.contextmanager
def tagtrail_up(folder: Path) -> Iterator[str]:
    """The whole system on a free port; its address. Everything has ended when this is left."""
    command = [
        *_TAGTRAIL,
        "up",
        "--port",
        "0",
        "--data",
        str(folder / "data"),
        "--config",
        str(folder / "tagtrail.yml"),
    ]
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, start_new_session=True)
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    try:
        yield _address(process.stdout)
    except BaseException:
        click.echo((folder / "up.log").read_text(errors="replace")[-4000:], err=True)
        raise
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(40)
        process.stdout.close()
    if status:
        raise DemoError(f"tagtrail up ended with status {status}")


def _address(output: Any) -> str:
    for line in output:
        word, _, rest = line.decode().strip().partition(" ")
        if word == "pages":
            return str(rest).strip().rstrip("/")
    raise DemoError("tagtrail up did not start")


_TAGTRAIL = (sys.executable, "-P", "-m", "app")


def _tagtrail(folder: Path, *arguments: str) -> Any:
    """What a command of ours prints as JSON."""
    done = subprocess.run(
        [*_TAGTRAIL, *arguments, "--json", "--data", str(folder / "data"), "--config", str(folder / "tagtrail.yml")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode:
        raise DemoError(f"tagtrail {arguments[0]} failed: {done.stderr.strip()}")
    return json.loads(done.stdout)


@dataclass(slots=True)
class Story:
    """What is done to the tag, and how long each redeploy and alert took from the registry's being asked."""

    remote: RemoteRegistry
    listener: Listener
    deploys: int = 0
    alerts: int = 0
    rows: list[dict[str, object]] = field(default_factory=list)

    def push(self, image: Image, what: str, *, moves: bool) -> None:
        for blob in image.blobs:
            if not self.remote.has_blob(REPOSITORY, blob.digest):
                self.remote.upload_blob(REPOSITORY, blob)
        self._step(
            what, lambda: self.remote.put_manifest(REPOSITORY, TAG, MANIFEST, image.manifest), int(moves), int(moves)
        )

    def delete(self, what: str) -> None:
        self._step(what, lambda: self.remote.delete_manifest(REPOSITORY, TAG), 0, 1)

    def _step(self, what: str, act: Callable[[], object], deploys: int, alerts: int) -> None:
        started = time.monotonic()
        act()
        answered = time.monotonic()
        self.deploys += deploys
        self.alerts += alerts
        deploy = self.listener.wait_for("/deploy", self.deploys)[-1] if deploys else None
        alert = self.listener.wait_for("/chat", self.alerts)[-1] if alerts else None
        self.rows.append(
            {
                "step": what,
                "answered": _ms(answered - started),
                "redeploy received": _ms(deploy.at - started) if deploy else "-",
                "alert received": _ms(alert.at - started) if alert else "-",
            }
        )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


@click.command()
def demo() -> None:
    """Start everything, push an image, move its tag, push it again, delete it; show what was told and done."""
    secret = "whsec_" + b64encode(secrets.token_bytes(32)).decode()
    os.environ["DEMO_SECRET"] = secret
    folder = Path(tempfile.mkdtemp(prefix="tagtrail-demo-"))
    try:
        with listening() as (listener, url):
            (folder / "tagtrail.yml").write_text(CONFIG.format(url=url), encoding="utf-8")
            with tagtrail_up(folder) as address:
                click.echo(f"tagtrail is up on {address}", err=True)
                pause("demo.started")
                _tell(folder, listener, address, secret)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _tell(folder: Path, listener: Listener, address: str, secret: str) -> None:
    with Door() as door:
        story = Story(RemoteRegistry(door, address), listener)
        first, second = make_image("first"), make_image("second")
        story.push(first, "push an image", moves=True)
        story.push(second, "move the tag to another", moves=True)
        story.push(second, "push the same again", moves=False)
        story.delete("delete the tag")
    history = _tagtrail(folder, "history", f"local/{REPOSITORY}:{TAG}")
    deliveries = _tagtrail(folder, "deliveries")
    _show("What the audit log says", [_line(one) for one in history])
    _show("What happened how fast, from the request to the registry", story.rows)
    _show("Redeploys received", [_redeploy(one, secret) for one in listener.at("/deploy")])
    _show("Chat alerts received", [{"at": "chat", "text": _chat_text(one)} for one in listener.at("/chat")])
    _check(history, deliveries, listener, (str(first.digest), str(second.digest)))
    click.echo("All of it is as it should be.")


def _show(title: str, rows: Sequence[dict[str, object]]) -> None:
    click.echo(f"\n{title}")
    print_table(rows)


def _line(change: dict[str, Any]) -> dict[str, object]:
    return {
        "when": change["time"],
        "tag": change["tag"],
        "what": change["kind"],
        "who": change["actor"] or "(anonymous)",
        "before": _short(change["before"]),
        "after": _short(change["after"]),
    }


def _short(digest: str) -> str:
    return digest.partition(":")[2][:12] or digest


def _redeploy(one: Received, secret: str) -> dict[str, object]:
    data = json.loads(one.body)["data"]
    return {
        "webhook-id": one.headers.get("webhook-id", ""),
        "tag": f"{data['repository']}:{data['tag']}",
        "before": _short(data["before"]),
        "after": _short(data["after"]),
        "signature": "genuine" if _is_genuine(one, secret) else "WRONG",
    }


def _is_genuine(one: Received, secret: str) -> bool:
    try:
        signed = Signed(one.headers["webhook-id"], int(one.headers["webhook-timestamp"]), one.body)
        verify([SigningSecret.parse(secret)], signed, one.headers["webhook-signature"], int(time.time()))
    except (InvalidSignatureError, KeyError, ValueError):
        return False
    return True


def _chat_text(one: Received) -> str:
    return str(json.loads(one.body)["text"])


def _check(history: Sequence[Any], deliveries: Sequence[Any], listener: Listener, digests: tuple[str, str]) -> None:
    """Compare with what must be so; DemoError says what is not."""
    first, second = digests
    lines = sorted(((one["kind"], one["before"], one["after"]) for one in history), key=lambda one: one[0])
    expected = [("created", "unknown", first), ("moved", first, second), ("removed", second, "absent")]
    if lines != expected:
        raise DemoError(f"the history is {lines}, not {expected}")
    deployed = [json.loads(one.body)["data"]["after"] for one in listener.at("/deploy")]
    if deployed != [first, second]:
        raise DemoError(f"redeployed were {deployed}")
    if len(listener.at("/chat")) != 3:
        raise DemoError(f"{len(listener.at('/chat'))} alerts came, not 3")
    if [one["status"] for one in deliveries] != ["delivered"] * 5:
        raise DemoError(f"the deliveries are {[one['status'] for one in deliveries]}")

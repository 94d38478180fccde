"""`tagtrail trigger show` and `rules check`, called as a user calls them."""

from pathlib import Path

import pytest
from builders import A, an_event, take_in
from click.testing import CliRunner
from listener import Listener
from sqlalchemy import Engine, select

from app.cli import main
from app.store import schema
from app.store.engine import reading

CONFIG = """\
triggers:
  web:
    kind: webhook
    url: "{url}/hook?key=${{env:TOKEN}}"
    headers: {{X-Tag: "{{{{ tag }}}}", Authorization: "Bearer ${{env:TOKEN}}"}}
    query: {{digest: "{{{{ digest }}}}"}}
    body: '{{"image": {{{{ image | tojson }}}}}}'
  cli: {{kind: command, command: [/bin/echo, "{{{{ tag }}}}"], environment: {{TOKEN: "${{env:TOKEN}}"}}}}
"""
SECRET = "t0k3n-t0k3n"


@pytest.fixture(autouse=True)
def configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: str) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("TAGTRAIL_CONFIG", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TAGTRAIL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("TOKEN", SECRET)
    (tmp_path / "tagtrail.yml").write_text(CONFIG.format(url="https://deploy.example"))


def run(*arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == status, result.output
    assert SECRET not in result.output
    return result.output


def test_what_would_be_sent_is_shown_without_secrets() -> None:
    shown = run("trigger", "show", "web").splitlines()
    assert shown[0] == f"POST https://deploy.example/…?digest=sha256%3A{'b' * 64}"
    assert "X-Tag: stable" in shown
    assert "Authorization: (secret)" in shown
    assert "webhook-id: (the delivery's id)" in shown
    assert "webhook-timestamp: (made at each attempt)" in shown
    assert "traceparent: (of the push and the delivery)" in shown
    assert shown[-1] == '{"image": "registry.example:5000/shop/web@sha256:' + "b" * 64 + '"}'
    assert run("trigger", "show", "cli") == '["/bin/echo", "stable"]\nTOKEN=(secret)\n'


def test_a_change_that_happened_can_be_shown(engine: Engine) -> None:
    take_in(engine, an_event(digest=A, tag="v7"))
    with reading(engine) as connection:
        (change_id,) = connection.execute(select(schema.changes.c.id)).scalars()
    shown = run("trigger", "show", "web", "--change", change_id)
    assert "X-Tag: v7" in shown
    assert f"@{A}" in shown
    assert "no change 'none'" in run("trigger", "show", "web", "--change", "none", status=1)


def test_a_trigger_that_is_not_there_names_the_nearest() -> None:
    assert "no trigger is called 'wep'; did you mean 'web'?" in run("trigger", "show", "wep", status=1)


def test_the_check_builds_every_sink_and_sends_nothing(tmp_path: Path) -> None:
    with Listener() as listener:
        (tmp_path / "tagtrail.yml").write_text(CONFIG.format(url=listener.url))
        run("rules", "check")
        assert listener.heard == []
    (tmp_path / "tagtrail.yml").write_text(CONFIG.format(url="https://x").replace("/bin/echo", "/nowhere"))
    assert "triggers.cli.command: /nowhere is no program that can be run here" in run("rules", "check", status=1)

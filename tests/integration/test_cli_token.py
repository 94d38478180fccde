"""`tagtrail token`."""

import json
from pathlib import Path

import pytest
from builders import HOST
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from app.cli import main
from app.domain.access import AccessScope, Role
from app.settings.operator import operator
from app.store import actions
from app.store.engine import reading
from app.store.tokens import named
from app.usecases import tokens


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TAGTRAIL_CONFIG", raising=False)
    monkeypatch.setenv("TAGTRAIL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DATABASE_URL", database_url)


def run(*arguments: str, status: int = 0) -> Result:
    result = CliRunner().invoke(main, ["token", *arguments])
    assert result.exit_code == status, result.output
    return result


def test_a_secret_is_printed_once_and_works(engine: Engine) -> None:
    glob = f"{HOST}/shop/*"
    made = run("add", "ci", "--role", "read", "--scope", glob, "--scope", "ghcr.io/**", "--expires", "90d")
    secret = made.stdout.strip()
    assert secret.startswith("tagtrail_")
    assert len(secret) == len("tagtrail_") + 43, "256 bits"
    known = tokens.of_secret(engine, secret)
    assert known is not None
    assert (known.name, known.role) == ("ci", Role.READ)
    assert known.scope == AccessScope.parse([glob, "ghcr.io/**"])
    assert known.expires_ns is not None
    assert known.expires_ns - known.made_ns == 90 * 86_400 * 10**9
    assert secret not in run("list").output + run("list", "--json").output


def test_who_makes_and_revokes_one_is_written_down(engine: Engine) -> None:
    secret = run("add", "ci", "--role", "read", "--scope", f"{HOST}/shop/*", "--expires", "1d").stdout.strip()
    run("revoke", "ci")
    run("revoke", "nobody", status=1)
    with reading(engine) as connection:
        (made,), (revoked,) = (actions.all_of(connection, verb) for verb in ("token.add", "token.revoke"))
    assert (made.subject, revoked.subject) == ("ci", "ci")
    assert made.actor == revoked.actor == operator()
    assert made.detail == {"role": "read", "scope": [f"{HOST}/shop/*"], "lasts_ns": 86_400 * 10**9}
    assert secret not in str(made)


def test_a_list_of_all_there_were(engine: Engine) -> None:
    for name, role in (("b", "admin"), ("a", "deploy"), ("c", "ingest")):
        run("add", name, "--role", role)
    run("revoke", "b")
    lines = [line.split()[:4] for line in run("list").stdout.splitlines()[1:]]
    assert lines == [
        ["a", "deploy", "everything", "works"], ["b", "admin", "everything", "revoked"],
        ["c", "ingest", "everything", "works"],
    ]
    found = json.loads(run("list", "--json").stdout)
    assert [one["name"] for one in found] == ["a", "b", "c"]
    assert (found[0]["scope"], found[0]["expires"], found[0]["last_used"]) == (None, None, None)
    assert found[1]["revoked"] is not None
    with reading(engine) as connection:
        first = named(connection, "b")
    run("revoke", "b")
    with reading(engine) as connection:
        assert named(connection, "b") == first, "the first time counts"


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("add", "ci", "--role", "reader"), 2, "'read'"),
        (("add", "ci"), 2, "--role"),
        (("add", "a b", "--role", "read"), 2, "a name has letters"),
        (("add", "token:x", "--role", "read"), 2, "a name has letters"),
        (("add", "ci", "--role", "read", "--scope", "shop"), 2, "write REGISTRY/REPOSITORY"),
        (("add", "ci", "--role", "read", "--scope", ""), 2, "write REGISTRY/REPOSITORY"),
        (("add", "ci", "--role", "read", "--expires", "soon"), 2, "not a duration"),
        (("add", "taken", "--role", "read"), 1, "names are not used again"),
        (("revoke", "nobody"), 1, "tagtrail token list"),
    ],
)
def test_what_can_not_be(engine: Engine, arguments: tuple[str, ...], status: int, says: str) -> None:
    run("add", "taken", "--role", "read")
    run("revoke", "taken")
    assert says in run(*arguments, status=status).stderr
    with reading(engine) as connection:
        assert named(connection, "ci") is None

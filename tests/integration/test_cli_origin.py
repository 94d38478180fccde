"""`tagtrail origin`: adding a sender, and what to paste on its side."""

import base64
import json
import stat
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from app.cli import main


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("TAGTRAIL_CONFIG", "DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TAGTRAIL_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    assert run("migrate").exit_code == 0
    return tmp_path / "data"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_what_is_added_is_printed_and_kept_for_its_owner_alone(data: Path) -> None:
    printed = run("origin", "add", "prod", "--registry", "registry.example:5000").stdout
    (endpoint,) = yaml.safe_load(printed)["notifications"]["endpoints"]
    secret = (data / "origins.d" / "prod.secret").read_text()
    assert endpoint["url"] == "http://127.0.0.1:5000/hooks/prod"
    assert endpoint["headers"]["Authorization"] == [f"Bearer {secret}"]
    assert yaml.safe_load((data / "endpoints" / "prod.yml").read_text()) == yaml.safe_load(printed)
    for path in [*(data / "origins.d").iterdir(), *(data / "endpoints").iterdir()]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert run("origin", "show", "prod").stdout == printed


def test_distribution_shows_whatever_a_header_or_a_path_can(data: Path) -> None:
    packed = base64.b64encode(b"tagtrail:" + b"SECRET").decode()
    wanted = {
        "bearer": ("/hooks/o-bearer", {"Authorization": ["Bearer SECRET"]}),
        "basic": ("/hooks/o-basic", {"Authorization": [f"Basic {packed}"]}),
        "header": ("/hooks/o-header", {"X-Tagtrail-Secret": ["SECRET"]}),
        "path": ("/hooks/o-path/SECRET", None),
    }
    for proof, (path, headers) in wanted.items():
        assert run("origin", "add", f"o-{proof}", "--auth", proof).exit_code == 0
        (data / "origins.d" / f"o-{proof}.secret").write_text("SECRET")
        (endpoint,) = yaml.safe_load(run("origin", "show", f"o-{proof}").stdout)["notifications"]["endpoints"]
        assert (endpoint["url"], endpoint.get("headers")) == (f"http://127.0.0.1:5000{path}", headers)


@pytest.mark.parametrize("proof", ["hmac", "github", "gitea", "jfrog", "nexus", "angos", "standard-webhooks", "oidc"])
def test_distribution_signs_nothing(data: Path, proof: str) -> None:
    done = run("origin", "add", "prod", "--auth", proof)
    assert done.exit_code == 1
    assert "so it can't give " + proof in done.output
    assert list((data / "origins.d").glob("prod.*")) == []


def test_what_is_added_for_another_sender_is_a_short_text(data: Path) -> None:
    done = run("origin", "add", "any", "--kind", "auto", "--auth", "hmac")
    secret = (data / "origins.d" / "any.secret").read_text()
    assert done.stdout.splitlines() == [
        "its webhooks:",
        "  URL        http://127.0.0.1:5000/hooks/any",
        f"  secret     {secret}",
        "  signature  X-Hub-Signature-256: sha256=<HMAC-SHA256 of the body in hex>",
    ]
    assert not (data / "endpoints").exists()
    assert run("origin", "show", "any").stdout == done.stdout


def test_keys_of_an_issuer_are_not_made_but_explained(data: Path) -> None:
    done = run("origin", "add", "gcp", "--kind", "auto", "--auth", "oidc")
    assert done.exit_code == 1
    explained = done.output.partition("\n\n")[2]
    ((name, section),) = yaml.safe_load(explained)["origins"].items()
    assert (name, section["kind"]) == ("gcp", "auto")
    assert section["auth"]["oidc"]["audience"] == "http://127.0.0.1:5000/hooks/gcp"
    assert list((data / "origins.d").glob("gcp.*")) == []


def test_lists_show_how_each_proves_itself(data: Path) -> None:
    Path("tagtrail.yml").write_text("origins: {lab: {kind: auto, insecure: a lab}}")
    run("origin", "add", "hub", "--kind", "auto", "--auth", "github")
    run("origin", "add", "prod")
    listed = json.loads(run("origin", "list", "--json").stdout)
    assert [(row["origin"], row["proof"], row["ignored"]) for row in listed] == [
        ("hub", "github", 0), ("lab", "none: a lab", 0), ("local", "bearer", 0), ("prod", "bearer", 0)
    ]


def test_lists_show_no_secret(data: Path) -> None:
    run("origin", "add", "prod")
    listed = run("origin", "list").stdout + run("origin", "list", "--json").stdout
    assert "prod" in listed
    assert (data / "origins.d" / "prod.secret").read_text() not in listed


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("add", "local"), "exists already"),
        (("add", "../up"), "can't name an origin"),
        (("show", "nobody"), "no origin is called 'nobody'"),
        (("remove", "nobody"), "no origin 'nobody' was added"),
        (("add", "prod", "--registry", "http://registry.example"), "not a registry's name"),
        (("add", "prod", "--registry", "local"), "not a registry's name"),
    ],
)
def test_mistakes_are_named(data: Path, arguments: tuple[str, ...], complaint: str) -> None:
    done = run("origin", *arguments)
    assert done.exit_code == 1
    assert complaint in done.output
    assert not (data.parent / "up.yml").exists()


def test_what_is_removed_is_gone_and_can_be_added_again(data: Path) -> None:
    run("origin", "add", "prod")
    assert run("origin", "remove", "prod").exit_code == 0
    assert not (data / "origins.d" / "prod.secret").exists()
    assert run("origin", "add", "prod").exit_code == 0


def test_it_prints_where_the_receiver_last_ran(data: Path) -> None:
    (data / "address").write_text("http://127.0.0.1:5077")
    assert "url: http://127.0.0.1:5077/hooks/prod" in run("origin", "add", "prod").stdout


def test_looking_needs_no_secrets_and_no_rules(data: Path) -> None:
    """The triggers' secrets are in the environment of the server, not of every shell."""
    run("origin", "add", "prod")
    Path("tagtrail.yml").write_text(
        'triggers: {web: {kind: webhook, url: "http://127.0.0.1:1", secret: "${env:NOT_HERE}"}}\n'
        "rules: [{name: any, when: {tag: a}, deploy: [web]}]\n"
    )
    assert run("origin", "list").exit_code == 0
    assert run("events").exit_code == 0
    assert "NOT_HERE is not set" in run("rules", "check").output


def test_references_are_shown_where_secrets_are_not_at_hand(data: Path) -> None:
    Path("tagtrail.yml").write_text(
        "origins:\n"
        '  hub: {kind: auto, auth: {path: "${env:NOT_HERE}"}}\n'
        '  std: {kind: auto, auth: {standard-webhooks: ["${env:NOT_HERE}", "${env:NOR_HERE}"]}}\n'
        '  gcp: {kind: auto, auth: {oidc: {issuer: a, audience: b, keys: "${file:none.json}"}}}\n'
    )
    assert "/hooks/hub/${env:NOT_HERE}" in run("origin", "show", "hub").stdout
    assert run("origin", "show", "std").stdout.splitlines()[-1].split() == ["secret", "${env:NOT_HERE}"]
    assert "  account   any" in run("origin", "show", "gcp").stdout


def test_without_a_database_nothing_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGTRAIL_DATA", str(tmp_path / "none"))
    for command in (("origin", "list"), ("redeliver", "x")):
        done = run(*command)
        assert done.exit_code == 1
        assert "start with: tagtrail up" in done.output
    assert not (tmp_path / "none").exists()

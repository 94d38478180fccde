"""Every command and every route: whether it changes anything, and that the log of actions then says who did.

One that is not in the tables has no decision yet, and the test fails; so does one that is in the wrong table.
"""

import io
import json
import os
import pwd
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
from builders import A, B, add_delivery, an_event, envelope, moment, take_in
from click.testing import CliRunner
from flask.testing import FlaskClient
from images import an_image
from journalling import Place
from listener import Heard, Listener, Reply
from reading_app import client_of
from sqlalchemy import Engine, insert, select

from app.bootstrap import journal_engine, recorded_registry
from app.cli import COMMANDS, main
from app.domain.access import EVERYTHING, Role
from app.domain.deliveries import Status
from app.domain.digests import Digest
from app.envelopes import Received
from app.queue.jobs import SilentBell
from app.registry.bodies import Body
from app.registry.notify import Fact, Silent
from app.registry.registry import Target
from app.registry.validation import OCI_MANIFEST
from app.settings.load import load
from app.store import cursors, parked, quarantine, rule_texts, schema
from app.store.engine import reading, writing
from app.store.migrate import downgrade
from app.store.parked import Missed
from app.usecases import tokens
from app.usecases.ingest import reject
from app.usecases.tokens import NewToken

ME = f"os:{pwd.getpwuid(os.getuid()).pw_name}"
REGISTRY = "registry.example:5000"
TAG = f"registry={REGISTRY}&repository=shop/web&tag=stable"


@dataclass(frozen=True, slots=True)
class Act:
    """How it is called so that it changes something, and what the log calls that. `status`: 1 where half was done."""

    call: str
    verb: str
    status: int = 0


ACTS: Mapping[str, Act] = {
    "redeliver": Act("msg_1", "delivery.redeliver"),
    "drop": Act("msg_3 --reason so", "delivery.drop"),
    "registry gc": Act("", "registry.gc"),
    "registry delete": Act("shop/own:v1", "registry.delete"),
    "journal replay": Act("--since 2020-01-01 --endpoint hook", "journal.replay"),
    "journal parked retry": Act("hook 1", "journal.retry"),
    "journal parked drop": Act("hook 1 --reason so", "journal.drop"),
    "reconcile": Act("prod", "origin.reconcile"),
    "quarantine retry": Act("KEPT", "quarantine.retry"),
    "origin add": Act("fresh --registry fresh.example", "origin.add"),
    "origin remove": Act("old", "origin.remove"),
    "origin doctor": Act("old", "origin.doctor", 1),
    "token add": Act("bob --role read", "token.add"),
    "token revoke": Act("ann", "token.revoke"),
    "archive cut": Act("", "events.cut"),
    "archive import": Act("data/archive/events-3-3.jsonl.gz", "events.restored"),
    "audit key": Act("", "audit.key"),
    "audit rebuild": Act("", "audit.rebuild"),
    "backup": Act("kept.tar.gz", "backup.make"),
    "migrate": Act("", "database.migrate"),
    "restore": Act("kept.tar.gz", "backup.restore"),
    "approve": Act("msg_2", "approval.approved"),
    "reject": Act("msg_2 --reason no", "approval.rejected"),
    "pause": Act("everything", "pause"),
    "resume": Act("everything", "resume"),
    "redeploy": Act(f"{REGISTRY}/shop/web:stable --digest {A}", "redeploy"),
    "destination disable": Act("trigger:web", "destination.disable"),
    "destination enable": Act("trigger:web", "destination.enable"),
}
LOOKS: Mapping[str, str] = {
    "history": "shop/web:stable",
    "who": B,
    "activity": "alice",
    "diff": "--since 2026-01-01",
    "moved-releases": "",
    "pulls": "--stale",
    "repositories": "",
    "events": "",
    "deliveries": "",
    "quarantine list": "",
    "quarantine show": "KEPT",
    "origin list": "",
    "origin show": "old",
    "token list": "",
    "rules check": "",
    "rules explain": f"{REGISTRY}/shop/web:stable",
    "rules show": "0123456789ab",
    "rules simulate": "--since 2026-01-01",
    "trigger show": "web",
    "channel test": "ops --show",
    "trace": B,
    "approvals": "",
    "pauses": "",
    "destination list": "",
    "archive list": "",
    "audit verify": "",
    "audit checkpoint": "",
    "audit verify-checkpoint": "",
    "audit log": "",
    "registry check": "config.yml",
    "journal status": "",
    "journal tail": "",
    "journal parked list": "",
}
DRY = (
    "redeliver --failed --since 2026-01-01 --dry-run", "reconcile prod --dry-run", "archive cut --dry-run",
    "journal replay --since 2020-01-01 --dry-run",
    "audit rebuild --dry-run", "registry delete shop/own --dry-run", "registry gc --grace 0s --dry-run",
)  # fmt: skip
"""What changes something otherwise."""
RUNS = {"up", "demo", "web", "worker", "relay", "registry serve"}
"""Start processes, which write down with which configuration; a demo has a folder of its own."""


def leaves(command: click.Command, name: str = "") -> Iterator[str]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            assert found is not None
            yield from leaves(found, f"{name} {below}".strip())
    else:
        yield name


def test_every_command_has_a_decision() -> None:
    found = list(leaves(main))
    assert sorted(found) == sorted([*ACTS, *LOOKS, *RUNS])
    assert len(found) > len(COMMANDS)


# What there is to change


@dataclass(frozen=True, slots=True)
class House:
    engine: Engine
    folder: Path
    kept: str

    def run(self, called: str, status: int | None = 0) -> str:
        done = CliRunner().invoke(main, called.replace("KEPT", self.kept).split())
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        assert status is None or done.exit_code == status, done.output
        return done.output

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        with reading(self.engine) as connection:
            return {
                table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
                for table in schema.metadata.sorted_tables
            }

    def files(self) -> dict[str, bytes]:
        """But locks: who looks may wait for who changes."""
        data = self.folder / "data"
        kept = (path for path in data.rglob("*") if path.is_file() and path.parent != data / "locks")
        return {str(path): path.read_bytes() for path in kept}

    def log(self) -> list[tuple[str, str]]:
        """(who, what) of every action."""
        with reading(self.engine) as connection:
            query = select(schema.actions.c.actor, schema.actions.c.verb).order_by(schema.actions.c.seq)
            return [tuple(row) for row in connection.execute(query)]


def push_own(house: House) -> None:
    """An image in Tagtrail's own registry."""
    house.run("migrate")  # makes the journal, too
    image = an_image(house.folder / "image", 1)
    stored, _ = recorded_registry(load(acting=False), SilentBell())
    for digest, content in image.blobs.items():
        stored.push_blob("shop/own", digest, Body(io.BytesIO(content), len(content)), Silent())
    body = Body(io.BytesIO(image.manifest), len(image.manifest))
    stored.put_manifest(Target("shop/own", ["v1"]), OCI_MANIFEST, body, Silent())


def tell_own(house: House) -> None:
    """Two events in the journal, both behind an endpoint, which refused the first."""
    house.run("migrate")
    journal = journal_engine(load(acting=False))
    place = Place(journal)
    for tag in ("v1", "v2"):
        with place.listener.writing([Fact("delete", "tag", "shop/own", tag=tag)]):
            pass
    with writing(journal) as connection:
        cursors.begin(connection, "hook", 2)
        parked.park(connection, "hook", Missed(1, 0), "answered 400", 1)
    journal.dispose()


def registry(heard: Heard) -> Reply:
    """Has `shop/web:stable` at B, and nothing else."""
    if heard.path.startswith("/v2/_catalog"):
        return Reply(200, {}, b'{"repositories": ["shop/web"]}')
    if "/tags/list" in heard.path:
        return Reply(200, {}, b'{"name": "shop/web", "tags": ["stable"]}')
    if "/manifests/" in heard.path:
        kind = "application/vnd.oci.image.manifest.v1+json"
        return Reply(200, {"Docker-Content-Digest": B, "Content-Type": kind, "Content-Length": "2"})
    return Reply()


@pytest.fixture
def house(engine: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """Something for each command to do, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    for name in ("TAGTRAIL_CONFIG", "REDIS_URL", "TAGTRAIL_HOST", "TAGTRAIL_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TAGTRAIL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("PROD_SECRET", "s3cret")
    monkeypatch.setenv("TAGTRAIL_REGISTRY_CONFIG", "")  # which a command sets, so that it is as before after this
    take_in(engine, an_event(), an_event(second=1, digest=B), an_event(second=2, action="pull"), received=3)
    add_delivery(engine, "msg_1")
    with reading(engine) as connection:
        present = connection.execute(select(schema.tags.c.change_id)).scalar_one()
    add_delivery(engine, "msg_2", subject=present)
    add_delivery(engine, "msg_3", status=Status.DEAD)
    entry = reject("prod", Received(envelope(an_event(second=9))), moment(10), ("unreadable", "by an older version"))
    with writing(engine) as connection:
        quarantine.add(connection, [entry])
        rule_texts.keep(connection, {"0123456789ab": "name: web"})
        connection.execute(insert(schema.approvals).values(WAITS))
    tokens.issue(engine, NewToken("ann", Role.READ, EVERYTHING), "os:setup")
    with Listener(answer=registry) as listener:
        (tmp_path / "config.yml").write_text("version: 0.1\nstorage: {inmemory: }\nhttp: {addr: 'localhost:5000'}\n")
        (tmp_path / "tagtrail.yml").write_text(json.dumps({
            "origins": {"prod": {
                "kind": "distribution", "registries": [REGISTRY], "auth": {"bearer": "${env:PROD_SECRET}"},
            }},
            "registries": {REGISTRY: {"url": listener.url}},
            "keep": {"pull": "1s"},
            "triggers": {"web": {"kind": "webhook", "url": listener.url}},
            "channels": {"ops": {"kind": "webhook", "url": listener.url}},
            "rules": [{"name": "web", "when": {"origin": "prod"}, "deploy": ["web"], "approve": "1h"}],
        }))
        made = House(engine, tmp_path, entry.id)
        made.run("origin add old --registry old.example")
        yield made


def prepared(house: House, name: str, monkeypatch: pytest.MonkeyPatch) -> House:
    """The house as the command needs it; for a restore, an empty one beside it."""
    if name.startswith("archive"):
        house.run("audit key")
    if name == "archive import":
        house.run("archive cut")
    if name == "resume":
        house.run("pause everything")
    if name.startswith("registry"):
        push_own(house)
    if name.startswith("journal"):
        tell_own(house)
    if name == "audit rebuild":
        with writing(house.engine) as connection:
            connection.execute(schema.tags.update().values(digest=str(Digest.of(b"forged"))))
    if name == "migrate":
        downgrade(house.engine, "-1")
    if name in ("backup", "restore"):
        house.run("migrate")  # makes the journal, too
    if name == "restore":
        house.run("backup kept.tar.gz")
        monkeypatch.setenv("DATABASE_URL", f"sqlite:///{house.folder}/restored.db")
        monkeypatch.setenv("TAGTRAIL_DATA", str(house.folder / "restored"))
    return house


@pytest.mark.parametrize("name", ACTS)
def test_who_changes_something_is_in_the_log(
    house: House, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    act = ACTS[name]
    prepared(house, name, monkeypatch)
    before = [] if name in ("migrate", "restore") else house.log()
    house.run(f"{name} {act.call}", act.status)
    if name == "restore":
        found = json.loads(house.run("audit log --json"))
        assert (found[0]["actor"], found[0]["verb"]) == (ME, act.verb)
        return
    assert (ME, act.verb) in house.log()[len(before):]


@pytest.mark.parametrize("called", [*(f"{name} {how}" for name, how in LOOKS.items()), *DRY])
def test_who_only_looks_changes_nothing(house: House, called: str) -> None:
    house.run("audit key")
    house.run("audit checkpoint --out signed.jsonl")
    if called.startswith("audit verify-checkpoint"):
        called += f"signed.jsonl --public {house.run('audit key').strip()}"
    if called.startswith("registry"):
        push_own(house)
    if called.startswith("journal"):
        tell_own(house)
    before = house.rows(), house.files()
    house.run(called)
    assert (house.rows(), house.files()) == before


# The same over HTTP

WAITS = {"delivery_id": "msg_2", "digest": B, "asked_ns": 1, "deadline_ns": 2**62}
"""For somebody's word."""
ROUTES: Mapping[tuple[str, str], Act] = {
    ("POST", "/api/v1/deliveries/<identity>/redeliver"): Act(
        "/api/v1/deliveries/msg_1/redeliver", "delivery.redeliver"
    ),
    ("POST", "/deliveries/<identity>/redeliver"): Act("/deliveries/msg_1/redeliver", "delivery.redeliver"),
    ("POST", "/api/v1/deliveries/redeliver-failed"): Act(
        "/api/v1/deliveries/redeliver-failed?since=2026-01-01", "delivery.redeliver-failed"
    ),
    ("POST", "/api/v1/deliveries/<identity>/drop"): Act("/api/v1/deliveries/msg_3/drop?reason=so", "delivery.drop"),
    ("POST", "/deliveries/<identity>/drop"): Act("/deliveries/msg_3/drop", "delivery.drop"),
    **{
        ("POST", f"/api/v1/destinations/<name>/{deed}"): Act(
            f"/api/v1/destinations/trigger:web/{deed}", f"destination.{deed}"
        )
        for deed in ("enable", "disable")
    },
    ("POST", "/destinations/<name>/enable"): Act("/destinations/trigger:web/enable", "destination.enable"),
    ("POST", "/quarantine/<identity>/retry"): Act("/quarantine/KEPT/retry", "quarantine.retry"),
    ("POST", "/api/v1/approvals/<identity>/approve"): Act("/api/v1/approvals/msg_2/approve", "approval.approved"),
    ("POST", "/api/v1/approvals/<identity>/reject"): Act("/api/v1/approvals/msg_2/reject", "approval.rejected"),
    ("POST", "/approvals/<identity>"): Act("/approvals/msg_2", "approval.approved"),
    ("POST", "/api/v1/redeploy"): Act(f"/api/v1/redeploy?{TAG}&digest={A}", "redeploy"),
    ("POST", "/redeploy"): Act("/redeploy", "redeploy"),
    ("POST", "/api/v1/pauses"): Act("/api/v1/pauses?scope=everything", "pause"),
    ("DELETE", "/api/v1/pauses"): Act("/api/v1/pauses?scope=rule:web", "resume"),
    ("POST", "/pauses"): Act("/pauses", "pause"),
    ("POST", "/pauses/resume"): Act("/pauses/resume", "resume"),
}
FORMS = {
    "/deliveries/msg_3/drop": {"reason": "so"},
    "/approvals/msg_2": {"decision": "approve"},
    "/redeploy": {"registry": REGISTRY, "repository": "shop/web", "tag": "stable", "digest": A},
    "/pauses": {"scope": "everything"},
    "/pauses/resume": {"scope": "rule:web"},
}
OTHERS = re.compile(r"/hooks/|/v2/|/sign-(in|out)$|/approve/<secret>$")
"""Who has a link decides as it says (tests of approvals). What senders and clients tell is an event; signing in and out
sets a cookie and changes nothing that is kept.
"""


@pytest.fixture
def client(house: House, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    with client_of(monkeypatch, house.folder, database_url, PROD_SECRET="s3cret") as made:
        yield made


def test_every_route_that_changes_something_has_a_decision(client: FlaskClient) -> None:
    rules = [rule for rule in client.application.url_map.iter_rules() if not OTHERS.search(rule.rule)]
    unsafe = {(method, rule.rule) for rule in rules for method in (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}}
    assert unsafe == set(ROUTES)


@pytest.mark.parametrize("route", ROUTES)
def test_who_acts_over_http_is_in_the_log(house: House, client: FlaskClient, route: tuple[str, str]) -> None:
    act = ROUTES[route]
    secret = tokens.issue(house.engine, NewToken("carol", Role.ADMIN, EVERYTHING), "os:setup")
    if act.verb == "resume":
        house.run("pause rule:web")
    before = house.log()
    address = act.call.replace("KEPT", house.kept)
    answer = client.open(
        address, method=route[0], headers={"Authorization": f"Bearer {secret}"}, data=FORMS.get(address)
    )
    assert answer.status_code in (200, 202, 303), answer.text
    assert house.log()[len(before):] == [("token:carol", act.verb)]


def test_every_verb_is_documented() -> None:
    documented = (Path(__file__).parents[2] / "docs/audit.md").read_text(encoding="utf-8")
    verbs = {act.verb for act in (*ACTS.values(), *ROUTES.values())}
    assert not [verb for verb in sorted(verbs) if f"`{verb}`" not in documented]


def test_who_sends_again_all_that_failed_is_in_the_log(house: House) -> None:
    assert json.loads(house.run("redeliver --failed --since 2026-01-01 --json")) == [
        {"id": "msg_3", "destination": "trigger:web"}
    ]
    assert house.log()[-1] == (ME, "delivery.redeliver-failed")
    for wrong in ("", "msg_3 --since 1d", "--failed", "msg_3 --failed --since 1d", "msg_3 --dry-run"):
        assert "--failed" in house.run(f"redeliver {wrong}", 2)


def test_signing_in_and_out_changes_nothing(house: House, client: FlaskClient) -> None:
    secret = tokens.issue(house.engine, NewToken("dora", Role.READ, EVERYTHING), "os:setup")
    client.get("/sign-in")
    with client.session_transaction() as session:
        form = {"csrf": session["csrf"], "token": secret}
    before = house.rows()
    assert client.post("/sign-in", data=form).status_code == 303
    with client.session_transaction() as session:
        session["csrf"] = form["csrf"]
    assert client.post("/sign-out", data=form).status_code == 303
    after = house.rows()
    assert after.pop("tokens") != before.pop("tokens"), "when it was last used"
    assert after == before

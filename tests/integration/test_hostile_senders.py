"""Authentic bodies that would lose a push, fill the disk, tell too much, or write into a terminal."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest
from builders import HOST, A, B, an_event, moment, take_in
from listener import Heard, Listener, Reply
from reading_app import client_of
from sqlalchemy import Engine, Row, select

from app.bootstrap import reloading
from app.domain.access import AccessScope
from app.domain.filters import Unheard
from app.domain.origins import Expressions, Origin
from app.envelopes import Received, parse
from app.outbound import Door
from app.remote.client import RemoteRegistry
from app.store import heard, schema
from app.store.engine import reading
from app.store.queries import events
from app.store.queries.events import EventFilter
from app.store.queries.paging import Paging
from app.usecases.ingest import ASK_AFTER_NS, Parcel, Policy, ingest
from app.usecases.reconcile import Asked, Means, reconcile

QUAY = Origin("quay", "quay", ("quay.example",))
PUSH = {
    "name": "web", "namespace": "shop", "repository": "shop/web", "docker_url": "quay.example/shop/web",
    "homepage": "https://quay.example/repository/shop/web", "updated_tags": ["stable"],
}
BATCH = Origin("batch", "generic", ("r",), expressions=Expressions("a", "r", events="all", tag="t", digest="d", id="i"))
POLICY = Policy(0)


def send(engine: Engine, origin: Origin, told: object, at_ns: int) -> None:
    found = parse(origin.kind, Received(json.dumps(told).encode()), origin.expressions)
    assert not found.faults
    ingest(engine, [Parcel(origin, found, at_ns)], POLICY)


def rows(engine: Engine, table: str) -> list[Row[tuple[object, ...]]]:
    with reading(engine) as connection:
        return list(connection.execute(select(schema.metadata.tables[table])))


def test_a_second_push_that_looks_like_the_first_is_asked_about_too(engine: Engine) -> None:
    send(engine, QUAY, PUSH, moment(0))
    send(engine, QUAY, PUSH, moment(0) + ASK_AFTER_NS)
    assert (len(rows(engine, "events")), len(rows(engine, "outbox"))) == (1, 1), "the registry was not asked yet"
    send(engine, QUAY, PUSH, moment(0) + 2 * ASK_AFTER_NS + 1)
    assert (len(rows(engine, "events")), len(rows(engine, "outbox"))) == (2, 2)


def test_who_may_not_see_all_sees_no_bytes_that_tell_of_others(engine: Engine) -> None:
    told = [
        {"a": "push", "r": name, "t": "1", "d": digest, "i": "7"} for name, digest in (("shop/web", A), ("vault/x", B))
    ]
    send(engine, BATCH, {"all": told}, moment(0))
    send(engine, BATCH, {"all": told[:1]}, moment(1))
    shop = AccessScope.parse(["r/shop/*"])
    with reading(engine) as connection:
        alone, of_two = events.page(connection, shop, EventFilter(), Paging()).items
        assert events.one(connection, shop, alone.seq) is not None
        assert events.one(connection, shop, of_two.seq) is None
        whole = events.one(connection, AccessScope(None), of_two.seq)
    assert whole is not None
    assert b"vault/x" in whole[1]


@pytest.mark.parametrize("kind", ["quay", "generic"])
def test_a_body_is_not_copied_without_end(kind: str) -> None:
    """Each event of a body that is told as a whole keeps all of it: 4 MiB of tags would be 600 GiB."""
    if kind == "quay":
        body, expressions = {**PUSH, "updated_tags": [f"v{number}" for number in range(4000)]}, None
    else:
        body = {"all": [{"a": "push", "r": "shop/web", "t": f"v{number}"} for number in range(4000)]}
        expressions = BATCH.expressions
    found = parse(kind, Received(json.dumps(body).encode()), expressions)
    assert found.reports == ()
    assert found.faults[0].startswith("4000 events at once are too many for a body of ")


def test_what_an_expression_complains_of_does_not_reach_the_terminal(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    mapping = "{action: a, repository: \"join('/', r)\"}"
    (tmp_path / "tagtrail.yml").write_text(
        f"origins: {{lab: {{kind: generic, insecure: a lab, mapping: {mapping}}}}}\n"
    )
    with client_of(monkeypatch, tmp_path, sqlite_url) as client, caplog.at_level(logging.WARNING):
        answer = client.post("/hooks/lab", json={"a": "push", "r": "\x1b[2Jgone\r"})
    assert answer.status_code == 202
    assert "gone" in caplog.text
    assert "\x1b" not in caplog.text


def test_what_an_origin_ignores_is_not_reconciled(engine: Engine) -> None:
    """Its next event would be ignored too, and the tag stay where it no longer is."""
    asked: list[str] = []

    def answer(asked_for: Heard) -> Reply:
        asked.append(asked_for.path)
        if asked_for.path == "/v2/_catalog":
            return Reply(200, {}, b'{"repositories": ["shop/web", "scratch/x"]}')
        if asked_for.path.endswith("/tags/list"):
            return Reply(200, {}, b'{"tags": ["stable", "dev-1"]}')
        return Reply(200, {"Docker-Content-Digest": A, "Content-Length": "7"})

    deaf = Unheard(repositories=("scratch/**",), tags=("dev-*",))
    with Listener(answer=answer) as listener, Door() as door:
        means = Means(engine, RemoteRegistry(door, listener.url), POLICY)
        walked = reconcile(replace(Asked("prod", "r"), unheard=deaf), means, "os:ann")
    assert [(one.repository, one.tag) for one in walked.differences] == [("shop/web", "stable")]
    assert not [path for path in asked if "scratch" in path or "dev-1" in path]
    assert walked.complete


def test_a_size_that_no_database_holds_is_not_believed(engine: Engine) -> None:
    """A registry that says so is asked for the manifest, and walking it goes on."""

    def answer(asked_for: Heard) -> Reply:
        if asked_for.path == "/v2/_catalog":
            return Reply(200, {}, b'{"repositories": ["shop/web"]}')
        if asked_for.path.endswith("/tags/list"):
            return Reply(200, {}, b'{"tags": ["stable"]}')
        if asked_for.method == "HEAD":
            return Reply(200, {"Docker-Content-Digest": A, "Content-Length": "9" * 19})
        return Reply(200, {}, b"{}")

    with Listener(answer=answer) as listener, Door() as door:
        walked = reconcile(Asked("prod", "r"), Means(engine, RemoteRegistry(door, listener.url), POLICY), "os:ann")
    assert len(walked.differences) == 1


def test_a_body_that_ended_early_is_nobody_s_word(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tagtrail.yml").write_text("origins: {lab: {kind: quay, insecure: a lab}}\n")
    with client_of(monkeypatch, tmp_path, sqlite_url) as client:
        answer = client.post("/hooks/lab", data=b'{"name": ', environ_overrides={"CONTENT_LENGTH": "900"})
        assert answer.status_code == 400
        assert client.get("/api/v1/quarantine").get_json()["items"] == []


def test_a_spoilt_file_silences_no_other_origin(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data" / "origins.d"
    folder.mkdir(parents=True)
    (folder / "good.yml").write_text("{kind: quay, insecure: a lab}\n")
    with client_of(monkeypatch, tmp_path, sqlite_url) as client:
        (folder / "spoilt.yml").write_text("{kind: quai, insecure: a lab}\n")
        assert client.post("/hooks/good", json=PUSH).status_code == 202
        assert client.post("/hooks/spoilt", json=PUSH).status_code == 503


def test_an_origin_that_proves_nothing_is_not_heard_beside_rules_that_would_deploy_on_its_word(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file comes while all runs: decision 17 holds then, too."""
    folder = tmp_path / "data" / "origins.d"
    folder.mkdir(parents=True)
    (folder / "good.yml").write_text("{kind: quay, auth: {bearer: '${env:GOOD}'}}\n")
    rules = "triggers: {{hook: {{kind: webhook, url: 'http://127.0.0.1:9/', secret: '${{env:GOOD}}'}}}}\n" \
        "rules: [{{name: all, when: {when}, deploy: [hook]}}]\n"
    config = tmp_path / "tagtrail.yml"
    config.write_text(rules.format(when="{repository: '**'}"))
    secret = "whsec_" + "A" * 43 + "="
    with client_of(monkeypatch, tmp_path, sqlite_url, GOOD=secret) as client:
        proof = {"Authorization": f"Bearer {secret}"}
        assert client.post("/hooks/good", json=PUSH, headers=proof).status_code == 202
        (folder / "bad.yml").write_text("{kind: quay, insecure: a lab}\n")
        (folder / "fine.yml").write_text("{kind: quay, auth: {bearer: '${env:GOOD}'}}\n")
        assert client.post("/hooks/bad", json=PUSH).status_code == 503
        assert client.post("/hooks/good", json=PUSH, headers=proof).status_code == 202
        monkeypatch.setattr(reloading, "EVERY_S", 0)
        config.write_text(rules.format(when="{registry: good}"))
        assert client.post("/hooks/bad", json=PUSH).status_code == 202


def test_a_gap_stays_where_a_repository_may_be_unknown(engine: Engine) -> None:
    """Event 2 told of a repository that no other event names, and the registry has no catalog."""

    def answer(asked_for: Heard) -> Reply:
        if asked_for.path == "/v2/_catalog":
            return Reply(404)
        if asked_for.path.endswith("/tags/list"):
            return Reply(200, {}, b'{"tags": ["stable"]}')
        return Reply(200, {"Docker-Content-Digest": A, "Content-Length": "7"})

    for number in (1, 3):
        told = an_event(digest=A) | {"tagtrail": {"journal": "j", "sequence": number, "previous": number - 1}}
        take_in(engine, told)
    with Listener(answer=answer) as listener, Door() as door:
        means = Means(engine, RemoteRegistry(door, listener.url), POLICY)
        walked = reconcile(Asked("prod", HOST, closes_gaps=True), means, "os:ann")
    assert (walked.complete, walked.gaps) == (True, [])
    with reading(engine) as connection:
        assert [(gap.after, gap.upto) for gap in heard.gaps(connection)] == [(1, 2)]

"""`POST /hooks/<origin>` for senders of every kind: what they told is stored, and moves tags as it should."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from builders import POLICY
from flask.testing import FlaskClient
from origins_on_disk import EXPRESSIONS, kinds, names, received
from reading_app import client_of
from sqlalchemy import Engine, Row, select

from app.domain.origins import Expressions, Origin
from app.envelopes import parse
from app.store import schema
from app.store.engine import reading
from app.usecases.retry_quarantine import retry

WEB = "sha256:4b5e57f6eb2f42b9039b3d1e13929295f231749c510cbe341cd68036d9af97e2"
KINDS = [kind for kind in kinds() if kind != "generic"]


def mapping(expressions: Expressions) -> dict[str, Any]:
    given = {name: getattr(expressions, name) for name in Expressions.__dataclass_fields__}
    return {name: value for name, value in given.items() if value} | {"actions": dict(expressions.actions)}


@pytest.fixture
def client(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    origins: dict[str, dict[str, Any]] = {kind: {"kind": kind} for kind in [*KINDS, "auto"]}
    origins |= {name: {"kind": "generic", "mapping": mapping(found)} for name, found in EXPRESSIONS.items()}
    lab = {name: section | {"insecure": "a lab"} for name, section in origins.items()}
    (tmp_path / "tagtrail.yml").write_text(yaml.safe_dump({"origins": lab}))
    with client_of(monkeypatch, tmp_path, database_url) as made:
        yield made


def tell(client: FlaskClient, origin: str, kind: str, name: str) -> dict[str, Any]:
    sent = received(kind, name)
    answer = client.post(f"/hooks/{origin}", data=sent.body, headers=dict(sent.headers))
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def stored(engine: Engine, table: str) -> list[Row[Any]]:
    with reading(engine) as connection:
        return list(connection.execute(select(schema.metadata.tables[table])))


@pytest.mark.parametrize("origin", [*KINDS, "auto"])
def test_every_shape_of_every_sender_is_taken_in(client: FlaskClient, engine: Engine, origin: str) -> None:
    told = [(kind, name) for kind in KINDS if origin in (kind, "auto") for name in names(kind)]
    for kind, name in told:
        assert tell(client, origin, kind, name) == {"events": len(parse(kind, received(kind, name)).reports)}
    assert stored(engine, "quarantine") == []
    assert {row.origin for row in stored(engine, "events")} == {origin}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_a_mapped_sender_is_taken_in(client: FlaskClient, engine: Engine, name: str) -> None:
    told = tell(client, name, "generic", name)
    assert told == {"events": len(stored(engine, "events"))}
    (change, *_) = stored(engine, "changes")
    assert (change.repository, change.tag, change.after) == ("shop/web", "2.4.1", WEB)


@pytest.mark.parametrize(
    ("kind", "pushed", "deleted"),
    [
        ("ecr", "push", "delete-tag"),
        ("ecr", "push", "delete-digest"),
        ("gar", "wrapped-push-tag", "wrapped-delete-tag"),
        ("gar", "wrapped-push-tag", "wrapped-delete-digest"),
        ("zot", "push-tag", "delete-tag"),
        ("zot", "push-tag", "delete-digest"),
        ("angos", "manifest-push-tag", "tag-delete"),
        ("angos", "manifest-push-tag", "manifest-delete-digest"),
        ("jfrog", "pushed", "deleted"),
        ("harbor", "push", "delete"),
        ("harbor", "cloudevent-push", "cloudevent-delete"),
        ("harbor", "push", "delete-image-of-harbor-1"),
        ("acr", "push", "delete"),
        ("acr", "grid-pushed", "grid-deleted"),
        ("ghcr", "package-published", None),
        ("msr", "tag-push", "tag-delete"),
        ("msr", "tag-push", "manifest-delete"),
        ("msr", "tag-push", "repo-deleted"),
    ],
)
def test_a_tag_comes_and_goes(
    client: FlaskClient, engine: Engine, kind: str, pushed: str, deleted: str | None
) -> None:
    tell(client, kind, kind, pushed)
    assert [(row.tag, row.digest) for row in stored(engine, "tags")] == [("2.4.1", WEB)]
    if deleted is None:
        return  # this sender doesn't tell
    tell(client, kind, kind, deleted)
    assert [(row.tag, row.digest) for row in stored(engine, "tags")] == [("2.4.1", None)]


def test_what_pubsub_sends_again_is_a_repeat_and_no_conflict(client: FlaskClient, engine: Engine) -> None:
    tell(client, "gar", "gar", "wrapped-push-tag")
    tell(client, "gar", "gar", "wrapped-push-tag-again")
    assert (len(stored(engine, "events")), stored(engine, "quarantine")) == (1, [])


def test_two_events_for_one_push_are_one_change(client: FlaskClient, engine: Engine) -> None:
    tell(client, "angos", "angos", "manifest-push-tag")
    tell(client, "angos", "angos", "tag-create")
    assert (len(stored(engine, "events")), len(stored(engine, "changes"))) == (2, 1)


def test_events_of_one_body_have_its_id_and_their_number(client: FlaskClient, engine: Engine) -> None:
    tell(client, "ecr", "ecr", "scan")
    told = "8d0c1a52-33f7-4d0b-9a63-5a4b1f6c0e0d"
    assert sorted(row.event_id for row in stored(engine, "events")) == [f"{told}#0", f"{told}#1"]


def test_a_mended_mapping_reads_what_is_in_quarantine(client: FlaskClient, engine: Engine) -> None:
    answer = client.post("/hooks/cloudevent-push", data=json.dumps({"kind": "push", "name": "shop/web"}))
    assert answer.get_json()["reason"] == "event 0: action: is missing"
    (row,) = stored(engine, "quarantine")
    mended = Origin("cloudevent-push", "generic", ("x.example",), expressions=Expressions("kind", "name"))
    unmended = replace(mended, expressions=None)
    assert retry(engine, row.id, unmended, POLICY, "os:ann").why == "the origin has no mapping:"
    assert retry(engine, row.id, mended, POLICY, "os:ann").events == 1


@pytest.mark.parametrize(("kind", "pushed"), [("quay", "push"), ("dockerhub", "push"), ("gitea", "created-tag")])
def test_a_push_without_a_digest_is_kept_and_moves_nothing_yet(
    client: FlaskClient, engine: Engine, kind: str, pushed: str
) -> None:
    tell(client, kind, kind, pushed)
    assert [(row.action, row.tag, row.digest) for row in stored(engine, "events")] == [("push", "2.4.1", None)]
    assert stored(engine, "tags") == []


def test_event_grid_is_answered_at_once_and_nothing_is_kept(client: FlaskClient, engine: Engine) -> None:
    asked = {"eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "data": {"validationCode": "512d38b6"}}
    for origin in ("acr", "auto"):
        answer = client.post(f"/hooks/{origin}", json=[asked])
        assert (answer.status_code, answer.get_json()) == (200, {"validationResponse": "512d38b6"})
    assert (stored(engine, "events"), stored(engine, "quarantine")) == ([], [])


def test_a_call_that_is_made_six_times_is_one_event(client: FlaskClient, engine: Engine) -> None:
    for _ in range(6):
        tell(client, "dockerhub", "dockerhub", "push")
    (event,) = stored(engine, "events")
    (origin,) = (row for row in stored(engine, "origins") if row.name == "dockerhub")
    assert (event.tag, origin.repeats) == ("2.4.1", 5)
